"""Fixes: planned together, written by one rename, proven to be read, and undone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from swarmcache.doctor.finding import Finding, Fix
from swarmcache.doctor.fixing import plan_fixes
from swarmcache.environment import Environment
from swarmcache.errors import ProjectError
from swarmcache.project.changes import write_change
from swarmcache.project.edits import Edit
from swarmcache.project.undo import keep_backup, undo_last

if TYPE_CHECKING:
    from pathlib import Path

SAFE = frozenset({"safe"})


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A user whose state lies in the test's folder."""
    state = str(tmp_path / "state")
    return Environment({"XDG_STATE_HOME": state}, str(tmp_path), str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one script."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "run.sh").write_bytes(b"export A=1 # \xe4\xb8\xad\nexport B=2\r\n")
    (folder / "run.sh").chmod(0o755)
    return folder


def finding(*edits: Edit, applicability: str = "safe", code: str = "SC101") -> Finding:
    """A finding that these edits mend."""
    fix = Fix(applicability, "mend", edits)  # type: ignore[arg-type]
    return Finding(code, "name", "warning", "high", "title", "message", fix=fix)


def test_everything_else_stays(project: Path) -> None:
    """Comments, line ends, other people's bytes and the mode."""
    plan = plan_fixes(str(project), [finding(Edit("run.sh", 9, 10, "7"))], SAFE)
    (change,) = plan.changes
    write_change(change)
    path = project / "run.sh"
    assert path.read_bytes() == b"export A=7 # \xe4\xb8\xad\nexport B=2\r\n"
    assert path.stat().st_mode & 0o777 == 0o755
    assert "-export A=1 # 中" in list(change.diff())


def test_fixes_of_one_file_are_one_change(project: Path) -> None:
    """In any order."""
    at = (project / "run.sh").read_bytes().index(b"2")
    rows = [finding(Edit("run.sh", at, at + 1, "8")), finding(Edit("run.sh", 9, 10, "7"))]
    (change,) = plan_fixes(str(project), rows, SAFE).changes
    assert change.after == b"export A=7 # \xe4\xb8\xad\nexport B=8\r\n"
    assert len(change.findings) == 2


def test_of_two_that_touch_the_first_counts(project: Path) -> None:
    """The other is told."""
    one, other = finding(Edit("run.sh", 9, 10, "7")), finding(Edit("run.sh", 8, 12, "x"))
    plan = plan_fixes(str(project), [one, other], SAFE)
    assert [left for left, _ in plan.left] == [other]
    assert plan.changes[0].after.startswith(b"export A=7 #")


@pytest.mark.parametrize("applicability", ["unsafe", "display"])
def test_only_safe_ones_unless_asked(project: Path, applicability: str) -> None:
    """What wants a look is left."""
    row = finding(Edit("run.sh", 9, 10, "7"), applicability=applicability)
    assert plan_fixes(str(project), [row], SAFE).changes == ()


def test_a_fix_that_breaks_its_file_is_refused(project: Path) -> None:
    """A script that could no longer be read."""
    plan = plan_fixes(str(project), [finding(Edit("run.sh", 9, 10, "$(("))], SAFE)
    assert plan.changes == ()
    assert "could no longer be read" in plan.left[0][1]


def test_nothing_outside_of_the_project_is_edited(project: Path, tmp_path: Path) -> None:
    """Neither by `..` nor through a link."""
    (tmp_path / "other.sh").write_text("export A=1\n")
    (project / "link.sh").symlink_to(tmp_path / "other.sh")
    for file in ("../other.sh", "link.sh"):
        plan = plan_fixes(str(project), [finding(Edit(file, 9, 10, "7"))], SAFE)
        assert plan.changes == (), file
        assert "outside" in plan.left[0][1]


def test_a_file_that_changed_meanwhile_is_refused(project: Path) -> None:
    """What the diff showed is what is written, or nothing."""
    (change,) = plan_fixes(str(project), [finding(Edit("run.sh", 9, 10, "7"))], SAFE).changes
    (project / "run.sh").write_text("export A=2\n")
    with pytest.raises(ProjectError, match="changed meanwhile"):
        write_change(change)


def test_undo_gives_back_what_was_there(project: Path, environment: Environment) -> None:
    """Twice fixed, twice undone; a third time there is nothing."""
    before = (project / "run.sh").read_bytes()
    for text in ("7", "8"):
        plan = plan_fixes(str(project), [finding(Edit("run.sh", 9, 10, text))], SAFE)
        keep_backup(plan.project, plan.changes, environment, by="doctor")
        write_change(plan.changes[0])
    assert [one.reason for one in undo_last(str(project), environment, by="doctor")] == [""]
    assert (project / "run.sh").read_bytes().startswith(b"export A=7")
    assert [one.reason for one in undo_last(str(project), environment, by="doctor")] == [""]
    assert (project / "run.sh").read_bytes() == before
    assert list(undo_last(str(project), environment, by="doctor")) == []


def test_undo_leaves_what_was_changed_since(project: Path, environment: Environment) -> None:
    """And may be tried again."""
    plan = plan_fixes(str(project), [finding(Edit("run.sh", 9, 10, "7"))], SAFE)
    keep_backup(plan.project, plan.changes, environment, by="doctor")
    write_change(plan.changes[0])
    with (project / "run.sh").open("ab") as file:
        file.write(b"# mine\n")
    assert [one.reason for one in undo_last(str(project), environment, by="doctor")] == [
        "it was changed since"
    ]
    (project / "run.sh").write_bytes(plan.changes[0].after)
    assert [one.reason for one in undo_last(str(project), environment, by="doctor")] == [""]


def test_backups_are_the_users_own(project: Path, environment: Environment) -> None:
    """A file may hold a token."""
    plan = plan_fixes(str(project), [finding(Edit("run.sh", 9, 10, "7"))], SAFE)
    keep_backup(plan.project, plan.changes, environment, by="doctor")
    for folder, _, names in os.walk(f"{environment.get('XDG_STATE_HOME')}/swarmcache/fixes"):
        for name in names:
            assert os.stat(f"{folder}/{name}").st_mode & 0o077 == 0
