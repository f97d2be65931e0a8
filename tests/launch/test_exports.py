"""Exports bring every library to one folder, and each shell reads back the same path."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys

import pytest

from swarmcache.environment import Environment
from swarmcache.errors import LaunchError
from swarmcache.hubcache.libraries import Libraries
from swarmcache.hubcache.locate import Candidate, locate, locate_transformers
from swarmcache.launch.exports import exports
from swarmcache.launch.shells import export_code, usual_shell

OLD = Libraries("/usr/bin/python3", "PATH", "0.36.2", "4.51.3")
NEW = Libraries("/usr/bin/python3", "PATH", "2.4.0", "5.23.0")
UNKNOWN = Libraries("/shims/python", "PATH", unknown="a script")
REPORT = {
    "TRANSFORMERS_CACHE": "/root/.cache/huggingface",
    "HF_HOME": "/root/.cache/huggingface",
    "HUGGINGFACE_HUB_CACHE": "/root/.cache/huggingface/hub",
}
"""The original report's own recipe, which splits the cache."""

PATHS = [
    "/srv/models/hub",
    "/srv/my models/hub",
    '/srv/it\'s/"hub"',
    "/srv/$HOME/`id`/$(id)/hub",
    "/srv/back\\slash\\/hub\\",
    "/srv/new\nline/hub",
    "/srv/模型/ü/‘typographic’",
    "/srv/!history/*?[x]/#hash;&|<>",
    "/srv/tab\t and end ",
]


def environment(**variables: str) -> Environment:
    return Environment(variables, "/home/ann", "/work")


def variables_of(libraries: Libraries, **variables: str) -> dict[str, str]:
    here = environment(**variables)
    return dict(exports(here, locate(here), libraries).variables)


def test_one_variable_suffices_where_nothing_else_is_said() -> None:
    """transformers of every version follows HF_HUB_CACHE, so nothing more is exported."""
    for libraries in (OLD, NEW, UNKNOWN):
        assert variables_of(libraries) == {"HF_HUB_CACHE": "/home/ann/.cache/huggingface/hub"}


def test_the_reports_recipe_no_longer_splits() -> None:
    """transformers 4.51.3 reads TRANSFORMERS_CACHE, so it is set to the Hub's folder."""
    hub = "/root/.cache/huggingface/hub"
    expected = {"HF_HUB_CACHE": hub, "TRANSFORMERS_CACHE": hub}
    assert variables_of(OLD, **REPORT) == expected
    before = environment(**REPORT)
    after = environment(**{**REPORT, **expected})
    assert locate_transformers(before, OLD).path != locate(before).path
    assert locate_transformers(after, OLD).path == locate(after).path == hub


def test_what_nobody_reads_is_left_alone() -> None:
    """transformers 5 ignores its old variables, so they are not exported for it."""
    assert variables_of(NEW, **REPORT) == {"HF_HUB_CACHE": "/root/.cache/huggingface/hub"}


def test_unknown_libraries_get_the_safe_exports() -> None:
    """Where the version cannot be known, a variable that may be read must not split."""
    assert variables_of(UNKNOWN, PYTORCH_TRANSFORMERS_CACHE="/p", HF_HUB_CACHE="/h") == {
        "HF_HUB_CACHE": "/h",
        "PYTORCH_TRANSFORMERS_CACHE": "/h",
    }


def test_the_old_name_follows_where_it_says_something_else() -> None:
    """Programs that read only HUGGINGFACE_HUB_CACHE find the same folder."""
    assert variables_of(NEW, HUGGINGFACE_HUB_CACHE="/old", HF_HUB_CACHE="/h") == {
        "HF_HUB_CACHE": "/h",
        "HUGGINGFACE_HUB_CACHE": "/h",
    }


@pytest.mark.parametrize("libraries", [OLD, NEW, UNKNOWN])
def test_home_and_token_are_never_exported(libraries: Libraries) -> None:
    """Sharing HF_HOME or the token's path would share the logout of RL-Swarm's start script."""
    token = {"HF_TOKEN_PATH": "/t", "HF_TOKEN": "hf_x"}
    names = variables_of(libraries, **REPORT, **token)
    assert set(names) <= {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE"}


def test_a_name_that_the_hub_would_replace_is_refused() -> None:
    """huggingface_hub expands `$USER` even inside a folder's real name."""
    here = environment(USER="ann")
    location = locate(here, explicit=Candidate("--cache-dir", "/srv/$USER", "/srv/$USER"))
    with pytest.raises(LaunchError) as raised:
        exports(here, location, NEW)
    assert raised.value.message == (
        "/srv/$USER cannot be exported: huggingface_hub replaces the variable in its name."
    )


READ_BACK = [
    ("bash", ["bash", "--norc", "-c"], 'eval "$({print})"; {show}'),
    ("bash", ["sh", "-c"], 'eval "$({print})"; {show}'),
    ("zsh", ["zsh", "-f", "-c"], 'eval "$({print})"; {show}'),
    ("fish", ["fish", "--no-config", "-c"], "{print} | source; {show}"),
    (
        "powershell",
        ["pwsh", "-NoProfile", "-c"],
        "Invoke-Expression ({print} | Out-String); {show}",
    ),
]


@pytest.mark.parametrize(("shell", "command", "script"), READ_BACK, ids=lambda v: str(v)[:18])
@pytest.mark.parametrize("path", PATHS)
def test_the_shell_reads_the_same_path(tmp_path, shell, command, script, path) -> None:
    """The real shell evaluates our code, and its child sees every byte of the path."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    code = tmp_path / "code"
    code.write_bytes(export_code(shell, {"HF_HUB_CACHE": path, "OTHER": "x"}).encode())
    child = tmp_path / "child.py"
    child.write_text("import os; os.write(1, os.environb[b'HF_HUB_CACHE'])")
    filled = script.format(print=f"cat {code}", show=shlex.join([sys.executable, str(child)]))
    done = subprocess.run([*command, filled], capture_output=True, check=True, timeout=60)
    assert done.stdout.decode() == path


@pytest.mark.parametrize("path", PATHS)
def test_dotenv_readers_get_the_same_path(tmp_path, path) -> None:
    """python-dotenv gives the path back, byte for byte."""
    dotenv = pytest.importorskip("dotenv")
    file = tmp_path / ".env"
    file.write_text(export_code("dotenv", {"HF_HUB_CACHE": path, "OTHER": "x"}))
    assert dotenv.dotenv_values(file) == {"HF_HUB_CACHE": path, "OTHER": "x"}


def test_plain_paths_need_no_quotes_in_dotenv() -> None:
    """`docker run --env-file` takes quotes as part of the value."""
    assert export_code("dotenv", {"HF_HUB_CACHE": "/srv/hub"}) == "HF_HUB_CACHE=/srv/hub\n"


def test_dotenv_refuses_what_its_readers_replace() -> None:
    """No quoting keeps python-dotenv from replacing `${…}`."""
    with pytest.raises(LaunchError) as raised:
        export_code("dotenv", {"HF_HUB_CACHE": "/srv/${x}/hub"})
    assert raised.value.message == (
        "/srv/${x}/hub cannot stand in a dotenv file: its readers replace ${…}."
    )


def test_powershell_quoting() -> None:
    """PowerShell takes five characters for a single quote, and doubling keeps each."""
    assert export_code("powershell", {"A": "it's ‘so’ $x"}) == "$env:A = 'it''s ‘‘so’’ $x'\n"


@pytest.mark.parametrize(
    ("shell", "interactive", "expected"),
    [
        ("/usr/bin/fish", True, "fish"),
        ("/bin/zsh", True, "zsh"),
        ("/bin/bash", True, "bash"),
        ("/bin/tcsh", True, "bash"),
        (None, True, "bash"),
        ("/usr/bin/fish", False, "bash"),
    ],
)
def test_usual_shell(shell: str | None, interactive: bool, expected: str) -> None:
    """The user's shell at a terminal; bash for a script, whoever wrote it."""
    here = environment(**({"SHELL": shell} if shell else {}))
    assert usual_shell(here, interactive=interactive) == expected
