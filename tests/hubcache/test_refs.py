"""Refs are written whole, once, without a newline, and only under names the Hub can have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from swarmcache.errors import InvalidRepoId
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.refs import read_ref, write_ref

if TYPE_CHECKING:
    from pathlib import Path

NAME = RepoName("model", "org/name")
OLD, NEW = "a" * 40, "b" * 40


def test_a_ref_holds_the_commit_and_nothing_else(tmp_path: Path) -> None:
    assert write_ref(str(tmp_path), NAME, "main", OLD)
    folder = tmp_path / "models--org--name" / "refs"
    assert (folder / "main").read_bytes() == OLD.encode()
    assert os.listdir(folder) == ["main"]
    assert read_ref(str(tmp_path), NAME, "main") == OLD


def test_a_pull_request_lies_in_folders(tmp_path: Path) -> None:
    write_ref(str(tmp_path), NAME, "refs/pr/1", OLD)
    assert (tmp_path / "models--org--name/refs/refs/pr/1").read_text() == OLD


def test_an_unchanged_ref_is_not_rewritten(tmp_path: Path) -> None:
    write_ref(str(tmp_path), NAME, "main", OLD)
    path = tmp_path / "models--org--name/refs/main"
    before = path.stat().st_ino
    assert not write_ref(str(tmp_path), NAME, "main", OLD)
    assert path.stat().st_ino == before


def test_a_changed_ref_is_replaced_by_rename(tmp_path: Path) -> None:
    write_ref(str(tmp_path), NAME, "main", OLD)
    path = tmp_path / "models--org--name/refs/main"
    with path.open() as reader:
        assert write_ref(str(tmp_path), NAME, "main", NEW)
        assert reader.read() == OLD  # Who has it open reads a whole commit.
    assert path.read_text() == NEW


@pytest.mark.parametrize("revision", ["../../x", "", "/abs", "a/../b", "x.lock", "a b"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, revision: str) -> None:
    with pytest.raises(InvalidRepoId):
        write_ref(str(tmp_path / "hub"), NAME, revision, OLD)
    assert not (tmp_path / "hub").exists()


@pytest.mark.parametrize(
    ("revision", "commit"), [("main", "abc"), ("main", OLD + "\n"), (OLD, NEW)]
)
def test_only_a_commit_can_be_pointed_to_and_only_by_a_name(
    tmp_path: Path, revision: str, commit: str
) -> None:
    with pytest.raises(InvalidRepoId):
        write_ref(str(tmp_path), NAME, revision, commit)


def test_a_ref_in_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "models--org--name" / "refs" / "main" / "other").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        write_ref(str(tmp_path), NAME, "main", OLD)
    assert os.listdir(tmp_path / "models--org--name" / "refs") == ["main"]


@pytest.mark.parametrize("content", [b"", b"a" * 39, OLD.encode() + b"\n", b"\xff" * 40])
def test_a_ref_that_holds_no_commit_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "models--org--name/refs/main"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert read_ref(str(tmp_path), NAME, "main") is None
