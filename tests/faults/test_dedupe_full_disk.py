"""`dedupe` on a disk without one free block, as one runs it then: a hard link takes no room."""

from __future__ import annotations

import glob
import json
import os
from signal import SIGKILL
from typing import TYPE_CHECKING, Any

import pytest

from cachemaker import CacheMaker
from cleaning import model
from faults.bringing import refuse_harm, refuse_remains, run
from faults.full_disks import empty, filled, free
from swarmcache.hubcache.layout import parse_folder_name
from swarmcache.hubcache.locks import blob_lock

if TYPE_CHECKING:
    from faults.bringing import Ended

pytestmark = pytest.mark.faults
FILES = {"org/a": model(1, **{"big.dat": b"w" * 3_000_000})}


def made(disk: str, name: str, *, locks: bool) -> str:
    """Make a cache on it; with the lock files that clients leave, or brought from elsewhere."""
    maker = CacheMaker(f"{disk}/{name}")
    for repo, files in FILES.items():
        maker.repo(repo, files)
        folder = maker.folder(repo)
        found = parse_folder_name(os.path.basename(folder))
        assert found is not None
        for etag in os.listdir(f"{folder}/blobs") if locks else ():
            with blob_lock(maker.path, found, etag):
                pass
    return maker.path


def told(done: Ended) -> dict[str, Any]:
    """Return the document that was printed."""
    document: dict[str, Any] = json.loads(done.out)
    return document


def test_it_frees_what_is_twice(ground: str, disk: str) -> None:
    """Also where a cache has no locks yet: their folder fits when the first bytes are free."""
    caches = [
        made(disk, "a", locks=False),
        made(disk, "b", locks=True),
        made(disk, "c", locks=True),
    ]
    os.makedirs(f"{caches[2]}/.locks/.swarmcache")
    filled(disk)
    done = run(["dedupe", *caches, "--json"], f"{ground}/work")
    assert (done.code, told(done)["kept"]) == (0, []), done
    assert free(disk) > 5_500_000
    assert len({os.stat(path).st_ino for path in glob.glob(f"{disk}/*/*/snapshots/*/big.dat")}) == 1
    for cache in caches:
        refuse_harm(cache, files=FILES)
    refuse_remains(disk)


def test_what_no_lock_can_be_had_for_stays_with_the_reason(ground: str, disk: str) -> None:
    """Exit 3, each file with its sentence, and the document is whole."""
    caches = [made(disk, name, locks=False) for name in "ab"]
    filled(disk)
    done = run(["dedupe", *caches, "--json"], f"{ground}/work")
    kept = told(done)["kept"]
    assert (done.code, told(done)["actions"]) == (3, []), done
    assert len(kept) == len(FILES["org/a"])
    assert {one["reason"].endswith(" is full.") for one in kept} == {True}
    said = run(["dedupe", *caches], f"{ground}/work").out
    assert "⚠ Shared 0 files" in said
    assert "✓" not in said


def test_killed_on_a_full_disk(ground: str, disk: str) -> None:
    """Before each change: every model is whole, and the next one leaves nothing of its own."""
    instant, died = 0, True
    while died:
        instant += 1
        caches = [made(disk, name, locks=True) for name in "ab"]
        filled(disk)
        done = run(["dedupe", *caches, "--json"], f"{ground}/work", die_at=instant)
        died = done.code == -SIGKILL
        assert died or done.code == 0, done
        for cache in caches:
            refuse_harm(cache, files=FILES)
        again = run(["dedupe", *caches, "--json"], f"{ground}/work")
        assert again.code == 0, again
        refuse_remains(disk)
        empty(disk)
    assert instant > 10
