"""Content that is used in several places is hashed once, and its damage named in each of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from faults.damage import Victim, delete_blob, flip_and_restore_mtime, flip_last
from faults.verifying import FILES, MODEL, ONE, age, verify

if TYPE_CHECKING:
    import pathlib

pytestmark = pytest.mark.faults
CHANGED = {**FILES, "README.md": b"# Another\n"}


def test_revisions_that_share_a_blob(tmp_path: pathlib.Path) -> None:
    """The same shard in two commits: two problems, by either fault."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo(MODEL, FILES, refs=["v1"])
    second = maker.repo(MODEL, CHANGED)
    victim = Victim(os.path.join(maker.folder(MODEL), "snapshots", second), ONE)
    flip_last(victim)
    found = verify(maker.path)
    assert (found.code, found.problems) == (5, {(ONE, "wrong-hash")})
    assert (found.counts["corrupt"], found.good) == (2, 2 * len(FILES) - 2)
    delete_blob(victim)
    found = verify(maker.path)
    assert (found.code, found.problems) == (1, {(ONE, "missing-blob")})
    assert (found.counts["missing"], found.good) == (2, 2 * len(FILES) - 2)


def test_repos_that_share_a_payload(tmp_path: pathlib.Path) -> None:
    """As huggingface_hub >= 1.32 stores Xet files: once for the whole cache."""
    maker = CacheMaker(tmp_path / "hub")
    first = maker.repo(MODEL, FILES, shared=True)
    maker.repo("org/copy", CHANGED, shared=True)
    flip_last(Victim(os.path.join(maker.folder(MODEL), "snapshots", first), ONE))
    for arguments in ((), (MODEL, "org/copy")):
        found = verify(maker.path, *arguments)
        assert (found.code, found.counts["corrupt"]) == (5, 2)
        assert found.good == 2 * len(FILES) - 2
    assert verify(maker.path, MODEL).counts["corrupt"] == 1


def test_behind_hard_links_a_restored_mtime_hides_a_change_from_memory(
    tmp_path: pathlib.Path,
) -> None:
    """Making links moves the change time, so there it cannot count; `--recheck` hashes again."""
    maker = CacheMaker(tmp_path / "hub")
    commit = maker.repo(MODEL, FILES)
    victim = Victim(os.path.join(maker.folder(MODEL), "snapshots", commit), ONE)
    os.link(victim.content, tmp_path / "elsewhere")
    age(maker.path)
    verify(maker.path)
    flip_and_restore_mtime(victim)
    assert verify(maker.path).problems == set()
    assert verify(maker.path, "--all", "--recheck").problems == {(ONE, "wrong-hash")}
    assert verify(maker.path).problems == {(ONE, "wrong-hash")}
