"""`hf auth logout` of real clients, plainly and under `swarmcache run`."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

import compat_environments
import pytest

if TYPE_CHECKING:
    from compat.conftest import Library

pytestmark = pytest.mark.compat

TOKEN = "hf_onlyatest"
STORED = f"[mine]\nhf_token = {TOKEN}\n"
WHO = (
    "from huggingface_hub import get_token\n"
    "from huggingface_hub.utils import get_stored_tokens\n"
    "print(get_token(), list(get_stored_tokens().values()))\n"
)
LOGIN = (
    "from huggingface_hub._login import _save_token, _set_active_token\n"
    "_save_token('hf_theprojects', 'project'); _set_active_token('project', False)\n"
)
"""What `login` does once the Hub has said whose token it is."""


class User:
    """A user who is logged in, and a project of theirs."""

    def __init__(self, library: Library, project: pathlib.Path) -> None:
        self.library = library
        self.project = project
        project.mkdir()
        self.home = pathlib.Path(library.home) / ".cache" / "huggingface"
        self.home.mkdir(parents=True)
        self.token, self.stored = self.home / "token", self.home / "stored_tokens"
        self.token.write_text(TOKEN)
        self.stored.write_text(STORED)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command under `swarmcache run`, with this version's programs first on PATH."""
        programs = os.path.dirname(compat_environments.python_of(self.library.version))
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [sys.executable, "-m", "swarmcache", "run", "--", *command],
            env=self.library.environment(PATH=path, **variables),
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def logged_in(self) -> bool:
        """Whether both of the user's files are as they were."""
        there = self.token.exists() and self.stored.exists()
        return there and (self.token.read_text(), self.stored.read_text()) == (TOKEN, STORED)


@pytest.fixture
def user(library: Library, tmp_path: pathlib.Path) -> User:
    return User(library, tmp_path / "project")


def test_a_logout_without_us_takes_every_token(user: User) -> None:
    """The control: why a project needs a place of its own."""
    user.library.hf("auth", "logout")
    assert not user.token.exists()
    assert not user.stored.exists()


def test_a_logout_in_a_project_takes_only_its_own(user: User) -> None:
    """As RL-Swarm's script does it; before, the command has the user's token, afterwards none."""
    script = f'python -c "{WHO}"; hf auth logout >&2; python -c "{WHO}"'
    done = user.run("bash", "-c", script)
    before, after = done.stdout.splitlines()
    assert (before, after) == (f"{TOKEN} ['{TOKEN}']", "None []")
    assert user.logged_in
    assert TOKEN not in done.stderr
    assert user.run("python", "-c", WHO).stdout == f"{TOKEN} ['{TOKEN}']\n"


def test_with_a_token_variable_the_logout_ends_as_without_us(user: User) -> None:
    """RL-Swarm's script relies on it: it fails, then both variables go, and it is tried again."""
    script = "hf auth logout || { unset HF_TOKEN; hf auth logout; }"
    done = user.run("bash", "-euc", script, HF_TOKEN="hf_another")
    assert done.returncode == 0, done.stderr
    assert user.logged_in


def test_a_login_after_a_logout_is_the_projects(user: User) -> None:
    """RL-Swarm's manager logs in with the token that its user typed; nobody else gets that."""
    done = user.run("bash", "-c", f'hf auth logout; python -c "{LOGIN}{WHO}"')
    assert done.stdout.splitlines()[-1] == "hf_theprojects ['hf_theprojects']"
    assert user.logged_in
    assert user.run("python", "-c", WHO).stdout.startswith("hf_theprojects ")
