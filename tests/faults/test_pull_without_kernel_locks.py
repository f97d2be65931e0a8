"""`swarmcache pull` where the file system has no kernel locks, and locks are held by existence."""

from __future__ import annotations

import glob
import json
import os
from typing import TYPE_CHECKING

from faults.pulling import BOUND, MIB, model, site, weights
from processes import killed_holder

if TYPE_CHECKING:
    from pathlib import Path

NO_KERNEL_LOCKS = """
import errno, fcntl, os
def flock(*_):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
fcntl.flock = flock
"""
"""As on a FUSE mount that does not implement them."""
WEIGHTS = model(2 * MIB)


def lock_of(cache: str) -> str:
    """Make the folder of the weights' lock, and return where the lock lies."""
    folder = f"{cache}/.locks/models--org--name"
    os.makedirs(folder)
    return f"{folder}/{weights(WEIGHTS)}.lock"


def test_every_lock_is_given_back(tmp_path: Path) -> None:
    """None is left to stop the next process, and a killed one's is taken over."""
    here = site(tmp_path, WEIGHTS)
    killed_holder(lock_of(here.cache))
    with here.hub:
        entry, _ = here.finished(hook=NO_KERNEL_LOCKS)
    assert entry["state"] == here.state() == "complete"
    assert glob.glob(f"{here.cache}/.locks/models--*/*.lock") == []


def test_a_lock_that_tells_no_owner_ends_in_a_sentence(tmp_path: Path) -> None:
    """As filelock before 3.22 leaves it: the wait is bounded, and says which file it is."""
    here = site(tmp_path, WEIGHTS)
    lock = lock_of(here.cache)
    with open(lock, "w"), here.hub:
        process = here.start(hook=NO_KERNEL_LOCKS, SWARMCACHE_PATIENCE="1")
        out, said = process.communicate(timeout=BOUND)
    assert process.returncode == 6, said
    error = json.loads(out)["models"][0]["error"]
    assert f"whether the owner of the lock {lock} lives" in error["message"]
    assert error["hint"] == f"rm {lock}"
    assert os.path.exists(lock)
