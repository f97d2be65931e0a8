"""`swarmcache init` as a person and a script use it."""

from __future__ import annotations

import json
import os
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from processes import screens
from swarmcache import report
from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "init.json").read_text("utf-8"))

opened = pytest.fixture(screens)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (folder / "run_rl_swarm.sh").touch()
    return folder


def test_writes_and_says_how_to_use_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is there, and how to start and how to go back is printed."""
    assert main(["init", "--dir", "/srv/hub", "--yes"]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"✓ Wrote {project}/swarmcache.toml.",
        "swarmcache init --undo takes it back.",
        "Start with: swarmcache run -- ./run_rl_swarm.sh",
    ]
    assert main(["env"]) == 0
    assert capsys.readouterr().out == "export HF_HUB_CACHE=/srv/hub\n"


def test_without_a_terminal_it_asks_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No `--yes`, no terminal: exit code 2 and no file."""
    assert main(["init"]) == 2
    assert f"add --yes to write {project}/swarmcache.toml." in capsys.readouterr().err
    assert not (project / "swarmcache.toml").exists()


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_a_person_is_shown_the_file_and_asked(
    project: Path, opened, answer: str, code: int
) -> None:
    """Only a yes writes."""
    screen = opened(sys.executable, "-m", "swarmcache", "init")
    shown = screen.wait_for("Write 1 file? [y/N]")
    assert "\r\n+[cache]\r\n+dir = " in shown
    screen.type(f"{answer}\n")
    assert os.waitstatus_to_exitcode(screen.ending()) == code
    assert (project / "swarmcache.toml").exists() == (answer == "y")


def test_dry_run_prints_what_would_be_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same bytes as a diff, and nothing on disk."""
    assert main(["init", "--dry-run"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-1] == "Nothing was changed."
    assert os.listdir(project) == ["run_rl_swarm.sh"]
    assert main(["init", "--yes"]) == 0
    added = [line[1:] for line in shown if line.startswith("+") and not line.startswith("+++")]
    assert (project / "swarmcache.toml").read_text().splitlines() == added


def test_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document holds to its schema and tells what was written."""
    assert main(["init", "sub", "--yes", "--json"]) == 3
    (project / "sub").mkdir()
    capsys.readouterr()
    assert main(["init", "sub", "--yes", "--json", "--dir", "project"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["path"] == f"{project}/sub/swarmcache.toml"
    assert document["content"] == (project / "sub" / "swarmcache.toml").read_text()
    assert (document["dry_run"], document["cache_dir"]) == (False, "project")
    assert [one["kind"] for one in document["changes"]] == ["create"]
    assert document["lines"] == ['eval "$(swarmcache env)"', "swarmcache run -- CMD"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["no-such-folder"], 3, "no-such-folder is not a folder."),
        (["run_rl_swarm.sh"], 3, "run_rl_swarm.sh is not a folder."),
        (["--dir", ""], 2, "The path is empty."),
        (["--layout", " "], 2, "The path is empty."),
        (["--dir", "x", "--cache-dir", ""], 2, "The path is empty."),
    ],
)
def test_bad_input(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, sentence: str
) -> None:
    """One sentence and the right exit code."""
    assert main(["init", "--yes", *arguments]) == code
    assert sentence in capsys.readouterr().err


def test_a_second_init_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a user has written stays."""
    (project / "swarmcache.toml").write_text("# mine\n")
    assert main(["init", "--yes"]) == 0
    assert "✓ Every file of the project is as init would write it." in capsys.readouterr().out
    assert (project / "swarmcache.toml").read_text() == "# mine\n"


def test_undo(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was made is gone; a second time there is nothing, which is told by the exit code."""
    assert main(["init", "--yes"]) == 0
    capsys.readouterr()
    assert main(["init", "--undo", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["undone"] == [{"path": f"{project}/swarmcache.toml", "reason": ""}]
    assert os.listdir(project) == ["run_rl_swarm.sh"]
    assert main(["init", "--undo"]) == 1
    assert "Nothing that init wrote here is kept." in capsys.readouterr().err


def test_undo_names_what_was_edited_since(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody's line is worth more than ours."""
    assert main(["init", "--yes"]) == 0
    with (project / "swarmcache.toml").open("a") as file:
        file.write("# mine\n")
    assert main(["init", "--undo"]) == 1
    line = f"⚠ {project}/swarmcache.toml: it was changed since"
    assert line in capsys.readouterr().out.splitlines()
    assert (project / "swarmcache.toml").exists()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux has a folder like this")
def test_a_folder_that_takes_no_file_is_told_by_the_files_own_name(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not by that of the temporary file which stands in for it."""
    assert main(["init", "--yes", "--dir", "/srv/hub", "/proc"]) == 3
    assert capsys.readouterr().err.startswith("swarmcache: /proc/swarmcache.toml: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders to any group")
def test_a_cache_for_a_group(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The dry run tells every folder and writes nothing; then the folders are as it said."""
    words = ["init", "--dir", f"{project}/srv/hub", "--group", "4000"]
    assert main([*words, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    for line in (
        f"To make: {project}/srv",
        f"To make: {project}/srv/hub, drwxrwsr-x, group 4000",
        f"To make: {project}/srv/hub/.locks/.swarmcache, drwxrwsr-x, group 4000",
        "Share this folder only: with HF_HOME, the members would share one token as well.",
    ):
        assert f"\n{line}\n" in shown
    assert os.listdir(project) == ["run_rl_swarm.sh"]
    assert main([*words, "--yes"]) == 0
    assert f"✓ {project}/srv/hub is open to 4000.\n" in capsys.readouterr().out
    assert main(["env"]) == 0
    assert capsys.readouterr().out == f"export HF_HUB_CACHE={project}/srv/hub\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders to any group")
def test_settings_that_name_the_cache_do_not_keep_a_group_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file stays as it is."""
    (project / "swarmcache.toml").write_text('[cache]\ndir = "hub"  # mine\n')
    assert main(["init", "--group", "4000", "--yes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert (document["content"], document["group"]["path"]) == (None, f"{project}/hub")
    assert [step["made"] for step in document["group"]["steps"]] == [True, True, True]
    assert (project / "swarmcache.toml").read_text() == '[cache]\ndir = "hub"  # mine\n'


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders to any group")
def test_what_stays_wrong_is_told_with_its_command(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder above that is closed, and what an earlier user has left inside."""
    (project / "hub" / "models--a--b" / "blobs").mkdir(parents=True)
    project.chmod(0o700)
    assert main(["init", "--dir", f"{project}/hub", "--group", "4000", "--yes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if "2 folders inside" in line)
    assert lines[at + 1].startswith(f"    find {project}/hub -type d ! ")
    assert any(line.startswith("    chmod o+x /") for line in lines)
