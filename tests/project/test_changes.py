"""Files are made whole or not at all, and what is made is taken back like what is changed."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.errors import ProjectError
from swarmcache.project import changes
from swarmcache.project.changes import Change, write_change
from swarmcache.project.undo import keep_backup, undo_last

if TYPE_CHECKING:
    from pathlib import Path


def refuse_link(source: str, target: str) -> None:
    raise OSError(errno.EPERM, "Operation not permitted", source)


def made(folder: Path) -> Change:
    return Change(str(folder / "new.yml"), "new.yml", None, b"a: 1\n")


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Between plan and write another process may win; its file stays, and ours leaves no trace."""
    (tmp_path / "new.yml").write_text("theirs\n")
    if not links:
        monkeypatch.setattr(changes.os, "link", refuse_link)
    with pytest.raises(ProjectError):
        write_change(made(tmp_path))
    assert os.listdir(tmp_path) == ["new.yml"]
    assert (tmp_path / "new.yml").read_text() == "theirs\n"


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a FAT disk the file is renamed into place."""
    monkeypatch.setattr(changes.os, "link", refuse_link)
    write_change(made(tmp_path))
    assert os.listdir(tmp_path) == ["new.yml"]
    assert (tmp_path / "new.yml").read_bytes() == b"a: 1\n"


def test_a_made_file_is_told_as_new(tmp_path: Path) -> None:
    """As git tells it."""
    assert list(made(tmp_path).diff()) == [
        "--- /dev/null",
        "+++ b/new.yml",
        "@@ -0,0 +1 @@",
        "+a: 1",
    ]


def test_what_was_made_is_taken_back(tmp_path: Path) -> None:
    """With its folders, but for one that somebody has filled since."""
    environment = Environment({"XDG_STATE_HOME": f"{tmp_path}/state"}, str(tmp_path), "/")
    project = tmp_path / "project"
    folders = [str(project / "a"), str(project / "a/b"), str(project / "c")]
    for folder in [str(project), *folders]:
        os.mkdir(folder)
    keep_backup(str(project), [made(project)], environment, by="init", made=folders)
    write_change(made(project))
    (project / "c/mine").touch()
    assert list(undo_last(str(project), environment, by="doctor")) == []
    assert [one.reason for one in undo_last(str(project), environment, by="init")] == [""]
    assert os.listdir(project) == ["c"]


def test_a_made_file_that_was_changed_since_stays(tmp_path: Path) -> None:
    """Somebody's lines are in it now."""
    environment = Environment({"XDG_STATE_HOME": f"{tmp_path}/state"}, str(tmp_path), "/")
    project = tmp_path / "project"
    project.mkdir()
    keep_backup(str(project), [made(project)], environment, by="init")
    write_change(made(project))
    (project / "new.yml").write_text("a: 2\n")
    (one,) = undo_last(str(project), environment, by="init")
    assert one.reason == "it was changed since"
    assert (project / "new.yml").read_text() == "a: 2\n"
