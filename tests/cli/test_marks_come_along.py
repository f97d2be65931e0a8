"""The marks of absent files go where their commit goes: a model stays as complete as it was.

Clients before huggingface_hub 1.22 keep no list of a commit's files; only a mark tells that a
model without `generation_config.json` lacks nothing.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, write
from cleaning import model, tree
from swarmcache.cli import main
from swarmcache.environment import Environment
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.registry import remember

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "1" * 40
FILES = model(1) | {"config.json": b'{"architectures": ["GPT2LMHeadModel"]}'}
ABSENT = ("generation_config.json", "sub/more.json")
MARKS = {f"{COMMIT}/{path}": b"" for path in ABSENT}


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """A cache as huggingface_hub 0.36 fills it."""
    maker = CacheMaker(tmp_path / "old")
    maker.repo("org/a", FILES, commit=COMMIT, trees=False, no_exist=ABSENT)
    monkeypatch.setenv("HF_HUB_CACHE", maker.path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return maker


def marks(cache: object) -> dict[str, bytes | str]:
    return tree(f"{cache}/models--org--a/.no_exist")


def state(cache: object) -> str:
    return check(parse_target("org/a"), str(cache)).state


@pytest.mark.parametrize("old_place", ["keep", "link", "remove"])
def test_adopt_takes_them(old: CacheMaker, tmp_path: Path, old_place: str) -> None:
    new = tmp_path / "new"

    assert main(["adopt", old.path, "--old", old_place, "--yes", "--cache-dir", str(new)]) == 0
    assert (state(new), marks(new)) == ("complete", MARKS)


def test_move_takes_them(old: CacheMaker, tmp_path: Path) -> None:
    assert main(["move", str(tmp_path / "new"), "--yes"]) == 0
    assert (state(tmp_path / "new"), marks(tmp_path / "new")) == ("complete", MARKS)


def test_a_pull_from_next_door_takes_them(old: CacheMaker, tmp_path: Path) -> None:
    """No endpoint answers, so nothing lists the whole commit here either."""
    remember(old.path, Environment.current())

    assert main(["pull", "org/a", "--cache-dir", str(tmp_path / "new")]) == 0
    assert (state(tmp_path / "new"), marks(tmp_path / "new")) == ("complete", MARKS)


@pytest.mark.parametrize("dest", ["out", "out.tar"])
def test_export_and_import_take_them(old: CacheMaker, tmp_path: Path, dest: str) -> None:
    new = tmp_path / "new"

    assert main(["export", "org/a", str(tmp_path / dest)]) == 0
    assert main(["import", str(tmp_path / dest), "--cache-dir", str(new)]) == 0
    assert (state(new), marks(new)) == ("complete", MARKS)


def test_a_tar_of_a_repo_of_the_cache_is_imported_with_them(
    old: CacheMaker, tmp_path: Path
) -> None:
    tar, new = str(tmp_path / "old.tar"), tmp_path / "new"
    subprocess.run(["tar", "cf", tar, "-C", old.path, "models--org--a"], check=True)

    assert main(["import", tar, "--cache-dir", str(new)]) == 0
    assert (state(new), marks(new)) == ("complete", MARKS)


@pytest.mark.parametrize("path", ["file", "README", f"{COMMIT}"])
def test_a_tar_with_what_is_no_mark_is_refused(old: CacheMaker, tmp_path: Path, path: str) -> None:
    tar, folder = str(tmp_path / "old.tar"), old.folder("org/a")
    if path == "file":
        write(f"{folder}/.no_exist/{COMMIT}/file", b"not empty")
    else:
        write(f"{folder}/.no_exist/{path}x", b"")
    subprocess.run(["tar", "cf", tar, "-C", old.path, "models--org--a"], check=True)

    assert main(["import", tar, "--cache-dir", str(tmp_path / "new")]) == 5
    assert not os.path.exists(tmp_path / "new/models--org--a")


def test_none_comes_over_a_file_that_the_commit_has(old: CacheMaker, tmp_path: Path) -> None:
    """Here the file was fetched, or the commit's list of files names it: the old mark is wrong."""
    new = CacheMaker(tmp_path / "new")
    more = {"generation_config.json": b"{ }", "sub/more.json": b"[]"}
    new.repo("org/a", FILES | more, commit=COMMIT, absent=("sub/more.json",))

    assert main(["adopt", old.path, "--cache-dir", new.path]) == 0
    assert marks(new.path) == {}


@pytest.mark.parametrize("dest", ["out", "out.tar"])
def test_none_comes_of_a_file_that_the_old_place_has(
    old: CacheMaker, tmp_path: Path, dest: str
) -> None:
    write(f"{old.folder('org/a')}/.no_exist/{COMMIT}/config.json", b"")

    assert main(["export", "org/a", str(tmp_path / dest)]) == 0
    assert main(["import", str(tmp_path / dest), "--cache-dir", str(tmp_path / "new")]) == 0
    assert marks(tmp_path / "new") == MARKS


def test_a_rerun_brings_what_a_killed_one_did_not(old: CacheMaker, tmp_path: Path) -> None:
    new = CacheMaker(tmp_path / "new")
    new.repo("org/a", FILES, commit=COMMIT, trees=False, no_exist=ABSENT[:1])

    assert main(["adopt", old.path, "--cache-dir", new.path]) == 0
    assert marks(new.path) == MARKS


def test_what_is_no_name_of_a_file_stays(old: CacheMaker, tmp_path: Path) -> None:
    write(f"{old.folder('org/a')}/.no_exist/{COMMIT}/line\nbreak", b"")

    assert main(["adopt", old.path, "--cache-dir", str(tmp_path / "new")]) == 0
    assert marks(tmp_path / "new") == MARKS
