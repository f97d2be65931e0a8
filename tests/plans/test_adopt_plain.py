"""Snapshots that hold the files themselves: they become links where something names a hash."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, sha256
from cleaning import contents, inodes, model, tree
from small_disks import small_disk
from swarmcache.environment import Environment
from swarmcache.errors import WrongBytes
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.intact.verify import verify
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.state import state_folder
from swarmcache.plans.adopt import apply_adopt, give_up_old, plan_adopt

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.plans.adopt import Adopted, AdoptPlan

BIG = b"w" * 3_000_000
FILES = model(1, **{"big.dat": BIG, "sub/deep.json": b"{}"})
COMMIT = "c" * 40


def adopted(source: str, cache: Path) -> tuple[AdoptPlan, list[Adopted]]:
    """Plan and carry out."""
    plan = plan_adopt(source, str(cache))
    return plan, list(apply_adopt(plan, Environment.current()))


def bare(place: Path, files: dict[str, bytes] = FILES, **traits: object) -> str:
    """Make a cache whose only snapshot holds the files themselves, and no list of them."""
    maker = CacheMaker(place)
    maker.repo("org/a", files, commit=COMMIT, links=False, trees=False, **traits)  # type: ignore[arg-type]
    return maker.path


def entry(cache: Path | str, path: str) -> str:
    """Return where a file of the snapshot stands."""
    return f"{cache}/models--org--a/snapshots/{COMMIT}/{path}"


def links(cache: Path | str) -> set[str]:
    """Return the files of the snapshot that are links."""
    return {path for path in FILES if os.path.islink(entry(cache, path))}


def verdicts(cache: Path) -> set[str]:
    """Return which verdicts `verify` has of a cache."""
    state = state_folder(str(cache), Environment.current())
    return {type(one.outcome).__name__ for one in verify(None, str(cache), state=state)}


def copied_with_links_followed(cache: str, place: Path) -> str:
    """Copy a cache as operators do to another machine."""
    subprocess.run(["cp", "-rL", cache, place], check=True)
    return str(place)


def test_a_file_that_nothing_names_a_hash_of_comes_as_it_is(tmp_path: Path) -> None:
    """Plain, with one name, and `verify` goes on to call it unverifiable."""
    old, new = bare(tmp_path / "old", refs=("main", "v1")), tmp_path / "new"
    before = tree(old)
    plan, outcomes = adopted(old, new)
    assert ([one.error for one in outcomes], plan.kept) == ([None, None], ())
    assert tree(old) == before
    for name in ("org/a", "org/a@v1"):
        found = check(parse_target(name), str(new))
        assert (found.state, contents(found.snapshot or "")) == ("complete", FILES)
    assert links(new) == set()
    assert {os.stat(entry(new, path)).st_nlink for path in FILES} == {1}
    assert verdicts(new) == {"Unverifiable"}
    with open(entry(old, "big.dat"), "r+b") as file:
        file.write(b"edited in place")
    assert Path(entry(new, "big.dat")).read_bytes() == BIG


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Nor is anything read: sizes and times agree."""
    old, new = bare(tmp_path / "old"), tmp_path / "new"
    adopted(old, new)
    before, inode = tree(str(new)), os.stat(entry(new, "big.dat")).st_ino
    plan, outcomes = adopted(old, new)
    assert ([one.error for one in outcomes], plan.pull.needed_bytes) == ([None], 0)
    assert (tree(str(new)), os.stat(entry(new, "big.dat")).st_ino) == (before, inode)


def test_a_cache_that_was_copied_with_its_links_followed_comes_as_links(tmp_path: Path) -> None:
    """Each content is there twice, and its blob names the hash: no room is taken."""
    maker = CacheMaker(tmp_path / "first")
    maker.repo("org/a", FILES, commit=COMMIT, trees=False)
    old, new = copied_with_links_followed(maker.path, tmp_path / "old"), tmp_path / "new"
    assert links(old) == set()
    held = sum(inodes(str(tmp_path)).values())
    plan, outcomes = adopted(old, new)
    assert ([one.error for one in outcomes], plan.kept, plan.pull.needed_bytes) == ([None], (), 0)
    assert sum(inodes(str(tmp_path)).values()) - held < 100_000
    assert links(new) == set(FILES)
    assert contents(check(parse_target("org/a"), str(new)).snapshot or "") == FILES
    assert {os.stat(entry(old, path)).st_nlink for path in FILES} == {1}
    assert os.stat(f"{old}/models--org--a/blobs/{git_sha1(BIG)}").st_nlink == 2
    assert "Unverifiable" not in verdicts(new)


def test_a_list_of_files_and_a_blob_twice(tmp_path: Path) -> None:
    """The blob is linked to, and not the plain file copied."""
    maker = CacheMaker(tmp_path / "first")
    maker.repo("org/a", FILES, commit=COMMIT)
    old, new = copied_with_links_followed(maker.path, tmp_path / "old"), tmp_path / "new"
    _, outcomes = adopted(old, new)
    assert [(one.error, one.copied_bytes) for one in outcomes] == [(None, 0)]
    assert links(new) == set(FILES)


def test_a_damaged_blob_still_names_the_hash_of_its_copy(tmp_path: Path) -> None:
    """The bytes come from the snapshot, which has the right ones."""
    maker = CacheMaker(tmp_path / "first")
    maker.repo("org/a", FILES, commit=COMMIT, trees=False)
    old, new = copied_with_links_followed(maker.path, tmp_path / "old"), tmp_path / "new"
    with open(f"{old}/models--org--a/blobs/{git_sha1(BIG)}", "r+b") as file:
        file.write(b"X")
    _, outcomes = adopted(old, new)
    assert [one.error for one in outcomes] == [None]
    assert Path(entry(new, "big.dat")).read_bytes() == BIG
    assert links(new) == set(FILES)


def test_this_caches_own_list_names_the_hashes(tmp_path: Path) -> None:
    """Of the very commit, though nothing of it is here yet."""
    old, new = bare(tmp_path / "old"), tmp_path / "new"
    mine = CacheMaker(new)
    mine.repo("org/a", FILES, commit=COMMIT, absent=FILES)
    _, outcomes = adopted(old, new)
    assert [one.error for one in outcomes] == [None]
    assert links(new) == set(FILES)


def test_what_this_caches_list_contradicts_does_not_come(tmp_path: Path) -> None:
    """Bytes that are not the commit's."""
    old, new = bare(tmp_path / "old", FILES | {"big.dat": b"v" * len(BIG)}), tmp_path / "new"
    CacheMaker(new).repo("org/a", FILES, commit=COMMIT, absent=FILES)
    _, outcomes = adopted(old, new)
    assert [type(one.error) for one in outcomes] == [WrongBytes]
    assert not os.path.lexists(entry(new, "big.dat"))


def test_another_revisions_blobs_name_the_hashes(tmp_path: Path) -> None:
    """Of small files by git's hash, of weights by sha256."""
    old, new = bare(tmp_path / "old"), tmp_path / "new"
    CacheMaker(new).repo("org/a", {**FILES, "big.dat": b"other"}, refs=("v0",))
    _, outcomes = adopted(old, new)
    assert [one.error for one in outcomes] == [None]
    assert links(new) == set(FILES) - {"big.dat"}
    target = os.readlink(entry(new, "model.safetensors"))
    assert target == f"../../blobs/{sha256(FILES['model.safetensors'])}"
    assert contents(check(parse_target("org/a"), str(new)).snapshot or "") == FILES


@pytest.mark.parametrize("size", [len(BIG), len(BIG) - 7])
def test_other_bytes_here_stay_and_are_told(tmp_path: Path, size: int) -> None:
    """Nothing names the right ones, so neither replaces the other."""
    old = bare(tmp_path / "old")
    new = bare(tmp_path / "new", FILES | {"big.dat": b"v" * size})
    before = tree(new)
    plan, outcomes = adopted(old, Path(new))
    told = [kept.reason for kept in plan.kept] + [
        one.error.message for one in outcomes if one.error
    ]
    assert len(told) == 1
    assert "big.dat" in told[0]
    assert "other bytes" in told[0]
    assert tree(new) == before


def test_a_damaged_file_here_is_replaced(tmp_path: Path) -> None:
    """Weights that were cut off are nobody's version."""
    old = bare(tmp_path / "old")
    new = bare(tmp_path / "new", FILES | {"model.safetensors": FILES["model.safetensors"][:-9]})
    _, outcomes = adopted(old, Path(new))
    assert [one.error for one in outcomes] == [None]
    assert contents(check(parse_target("org/a"), new).snapshot or "") == FILES


class Meddler:
    """A progress that does something while the large file is copied."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def start(self, task: str, total: int) -> None:
        """Ignore it."""

    def advance(self, task: str, count: int) -> None:
        """Act after the large file's last bytes."""
        if count == len(BIG) % 2**20:
            self._act()

    def finish(self, task: str) -> None:
        """Ignore it."""


def meddled(old: str, new: Path, act: Callable[[], None]) -> list[Adopted]:
    """Adopt while something happens."""
    plan = plan_adopt(old, str(new))
    return list(apply_adopt(plan, Environment.current(), Meddler(act)))


def test_a_source_that_is_edited_meanwhile_is_not_taken(tmp_path: Path) -> None:
    """Half of the old and half of the new bytes would be a file that never was."""
    old, new = bare(tmp_path / "old"), tmp_path / "new"

    def edit() -> None:
        with open(entry(old, "big.dat"), "r+b") as file:
            file.write(b"edited")

    (outcome,) = meddled(old, new, edit)
    assert isinstance(outcome.error, WrongBytes)
    assert "changed while" in outcome.error.message
    assert not os.path.lexists(entry(new, "big.dat"))


def test_a_copy_that_the_disk_has_otherwise_is_not_taken(tmp_path: Path) -> None:
    """It is read back before it is seen."""
    old, new = bare(tmp_path / "old"), tmp_path / "new"

    def damage() -> None:
        for path in glob.glob(f"{new}/.locks/.swarmcache/partial/*/*"):
            if os.path.getsize(path) > 2**20:
                with open(path, "r+b") as file:
                    file.write(b"flipped")

    (outcome,) = meddled(old, new, damage)
    assert isinstance(outcome.error, WrongBytes)
    assert "the disk has other bytes" in outcome.error.message
    assert not os.path.lexists(entry(new, "big.dat"))


def test_equal_plain_files_of_two_repos_take_room_each(tmp_path: Path) -> None:
    """Their paths are the same, they are not."""
    maker = CacheMaker(tmp_path / "old")
    for name in ("org/a", "org/b"):
        maker.repo(name, FILES, links=False, trees=False, refs=("main", "v1"))
    plan = plan_adopt(maker.path, str(tmp_path / "new"))
    assert plan.pull.needed_bytes == 2 * sum(map(len, FILES.values()))


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_reflink_takes_no_room(tmp_path: Path, kind: str) -> None:
    """And is a file of its own: who edits one in place edits no other."""
    with small_disk(str(tmp_path / "disk"), kind) as disk:
        old, new = bare(Path(disk) / "old"), Path(disk) / "new"
        _, outcomes = adopted(old, new)
        assert [(one.error, one.copied_bytes) for one in outcomes] == [(None, 0)]
        with open(entry(new, "big.dat"), "r+b") as file:
            file.write(b"edited in place")
        assert Path(entry(old, "big.dat")).read_bytes() == BIG


def test_the_old_place_can_go(tmp_path: Path) -> None:
    """Nothing stayed behind."""
    old, new = bare(tmp_path / "old"), tmp_path / "new"
    plan, outcomes = adopted(old, new)
    list(give_up_old(plan, outcomes, Environment.current(), "remove"))
    assert not os.path.exists(f"{old}/models--org--a")
    assert contents(check(parse_target("org/a"), str(new)).snapshot or "") == FILES
    shutil.rmtree(old)
