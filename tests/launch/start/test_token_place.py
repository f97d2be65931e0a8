"""Each project has a place of its own for the token, and the user's file stays where it is."""

from __future__ import annotations

import os
import pathlib
import stat
import subprocess
import sys

import pytest

from swarmcache.environment import Environment
from swarmcache.launch.start.token_place import token_variables

TOKEN = "hf_onlyatest"
LOGOUT = "import os; os.unlink(os.environ['HF_TOKEN_PATH'])"


class Home:
    """A user's home with a token, and a project."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder / "home"
        self.shared = self.folder / ".cache" / "huggingface" / "token"
        self.shared.parent.mkdir(parents=True)
        self.stored = self.shared.with_name("stored_tokens")
        self.project = folder / "project"
        self.project.mkdir()

    def log_in(self) -> None:
        """Do what `hf auth login` leaves behind."""
        self.shared.write_text(TOKEN)
        self.stored.write_text(f"[mine]\nhf_token = {TOKEN}\n")

    def environment(self, **variables: str) -> Environment:
        """Return the user's environment in the project's folder."""
        return Environment(variables, str(self.folder), str(self.project))

    def place(self, instance: str = "", **variables: str) -> pathlib.Path:
        """Return where a start in the project has its token."""
        found = token_variables(self.environment(**variables), str(self.project), instance)
        return pathlib.Path(found["HF_TOKEN_PATH"])


@pytest.fixture
def home(tmp_path: pathlib.Path) -> Home:
    return Home(tmp_path)


def test_the_users_token_is_read_through_a_link_and_never_copied(home: Home) -> None:
    """Also the stored ones beside it; the folder is only this user's, and not in the project."""
    home.log_in()
    own = home.place()
    assert (own.read_text(), os.readlink(own)) == (TOKEN, str(home.shared))
    assert os.readlink(own.with_name("stored_tokens")) == str(home.stored)
    assert stat.S_IMODE(own.parent.stat().st_mode) == 0o700
    assert not own.is_relative_to(home.project)
    assert own.parent.parent == home.folder / ".local" / "state" / "swarmcache" / "tokens"


def test_a_logout_takes_the_link_and_the_next_start_has_it_again(home: Home) -> None:
    """The user's own file is never touched."""
    home.log_in()
    home.place().unlink()
    assert home.shared.read_text() == TOKEN
    assert home.place().read_text() == TOKEN


def test_a_login_after_a_logout_is_the_projects_own(home: Home) -> None:
    """It stays for the next start, and the user's token is another one."""
    home.log_in()
    own = home.place()
    own.unlink()
    own.write_text("hf_theprojects")
    assert (home.place().read_text(), home.shared.read_text()) == ("hf_theprojects", TOKEN)


def test_without_a_login_a_login_in_the_command_is_private(home: Home) -> None:
    """There is nothing to lead to; and what the user logs in with later does not replace it."""
    own = home.place()
    assert not os.path.lexists(own)
    own.write_text("hf_theprojects")
    home.log_in()
    assert home.place().read_text() == "hf_theprojects"


def test_a_logout_of_the_user_reaches_the_projects(home: Home) -> None:
    """No link is left behind through which a login in the command would log the user in."""
    home.log_in()
    own = home.place()
    home.shared.unlink()
    home.place()
    assert not os.path.lexists(own)


def test_projects_and_instances_are_apart(home: Home, tmp_path: pathlib.Path) -> None:
    """One instance that starts logs out no other that runs."""
    home.log_in()
    (tmp_path / "other").mkdir()
    other = token_variables(home.environment(), str(tmp_path / "other"))["HF_TOKEN_PATH"]
    places = {str(home.place()), str(home.place("0")), str(home.place("1")), other}
    assert len(places) == 4


def test_a_place_of_the_projects_own_stays(home: Home) -> None:
    """The user's HF_TOKEN_PATH within the project, or the one that an outer run has given."""
    home.log_in()
    inside = str(home.project / ".secrets" / "token")
    environment = home.environment(HF_TOKEN_PATH=inside)
    assert token_variables(environment, str(home.project)) == {}
    nested = home.environment(HF_TOKEN_PATH=str(home.place()))
    assert token_variables(nested, str(home.project)) == {}


def test_a_home_that_is_the_project_shares_its_token(home: Home) -> None:
    """Whoever starts commands in the home folder has every other project below it."""
    home.log_in()
    found = token_variables(home.environment(), str(home.folder))
    assert os.readlink(found["HF_TOKEN_PATH"]) == str(home.shared)


def test_a_shared_token_path_of_the_users_is_protected_too(home: Home) -> None:
    """One that a container mounts for all, say."""
    mounted = home.folder / "secret"
    mounted.write_text(TOKEN)
    own = home.place(HF_TOKEN_PATH=str(mounted))
    own.unlink()
    assert mounted.read_text() == TOKEN


def test_somebody_elses_folder_is_refused(home: Home) -> None:
    """A link in the place of the folder could lead a login anywhere."""
    own = home.place()
    own.parent.rmdir()
    own.parent.symlink_to(home.project)
    with pytest.raises(PermissionError):
        home.place()


def run(home: Home, *child: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start a command under `swarmcache run` in the project."""
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", "run", "--", *child],
        env={**os.environ, "HOME": str(home.folder), **variables},
        cwd=home.project,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_run_gives_the_command_its_own_place(home: Home) -> None:
    """The command removes what HF_TOKEN_PATH names; the user's file is still there."""
    home.log_in()
    done = run(home, sys.executable, "-c", LOGOUT)
    assert (done.returncode, home.shared.read_text()) == (0, TOKEN), done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_each_instance_gets_its_own_place(home: Home) -> None:
    """One that starts, and logs out, must not log out those that run."""
    home.log_in()
    show = ("sh", "-c", "echo $HF_TOKEN_PATH")
    instances = [{"SWARMCACHE_INSTANCE": name} for name in ("0", "1")]
    places = {run(home, *show, **variables).stdout for variables in ({}, *instances)}
    assert len(places) == 3


def test_without_a_place_the_start_goes_on_with_a_warning(home: Home) -> None:
    """A state folder that cannot be made: only who has a token to lose is told."""
    (home.folder / ".local").write_text("")
    assert "log this user out" not in run(home, "true").stderr
    home.log_in()
    done = run(home, "true")
    assert done.returncode == 0
    assert "⚠ A logout in CMD would log this user out everywhere: " in done.stderr
