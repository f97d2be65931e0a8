"""The Hub's locks that another user made, closed as older versions of filelock leave them."""

from __future__ import annotations

import fcntl
import os
import sys
from typing import TYPE_CHECKING

import pytest

from other_user import open_folder, run_as_other_user

if TYPE_CHECKING:
    from collections.abc import Iterator

TAKE = (
    "import sys\n"
    "from swarmcache.errors import SwarmcacheError\n"
    "from swarmcache.hubcache.locks import held\n"
    "try:\n"
    "    with held(sys.argv[1], 0.1, mode=0o664):\n"
    "        print('held')\n"
    "except SwarmcacheError as error:\n"
    "    print(type(error).__name__)\n"
)


@pytest.fixture
def lock() -> Iterator[str]:
    """Return a lock of root's in a folder of everybody's."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    with open_folder() as folder:
        os.chmod(folder, 0o777)
        with open(f"{folder}/x.lock", "w", encoding="ascii"):
            pass
        yield f"{folder}/x.lock"


def taken(lock: str) -> str:
    done = run_as_other_user([sys.executable, "-c", TAKE, lock])
    return done.stdout.strip() + done.stderr


def test_one_that_can_be_read_is_taken(lock: str) -> None:
    """0644, as an older filelock makes it for huggingface_hub 0.36: the kernel wants no more."""
    os.chmod(lock, 0o644)
    assert taken(lock) == "held"


def test_it_is_the_same_lock(lock: str) -> None:
    """While its owner holds it, nobody else does."""
    os.chmod(lock, 0o644)
    with open(lock, "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert taken(lock) == "CacheBusy"


def test_one_that_cannot_be_read_is_refused(lock: str) -> None:
    """0600: nothing can be known, so nothing is done."""
    os.chmod(lock, 0o600)
    assert taken(lock) == "AccessDenied"
