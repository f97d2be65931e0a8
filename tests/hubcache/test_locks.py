"""The Hub's locks on a file system that has no kernel locks, where they are held by existence."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from processes import killed_holder
from swarmcache.errors import CacheBusy
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.locks import blob_lock, is_downloading, is_held

if TYPE_CHECKING:
    import pathlib

NAME = RepoName("model", "org/a")
ETAG = "ab" * 32


@pytest.fixture
def cache(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a cache on what says, as such a file system does, that it has no kernel locks."""

    def flock(handle: int, how: int) -> None:
        del handle, how
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", flock)
    return str(tmp_path)


def place(cache: str) -> str:
    return f"{cache}/.locks/models--org--a/{ETAG}.lock"


def test_a_lock_is_taken_held_and_given_back(cache: str) -> None:
    """The look for a kernel lock leaves no file, which would count as somebody's lock."""
    for _ in range(2):
        with blob_lock(cache, NAME, ETAG, 1):
            assert is_downloading(cache, NAME)
            with (
                pytest.raises(CacheBusy, match="Another process holds"),
                blob_lock(cache, NAME, ETAG, 0),
            ):
                pass
        assert os.listdir(os.path.dirname(place(cache))) == []


def test_a_dead_owners_lock_stops_nobody(cache: str) -> None:
    """It does not count as a download under way, and filelock takes it over."""
    os.makedirs(os.path.dirname(place(cache)))
    killed_holder(place(cache))
    assert not is_held(place(cache))

    with blob_lock(cache, NAME, ETAG, 5):
        assert is_held(place(cache))
    assert not os.path.exists(place(cache))


def test_where_filelock_does_not_take_it_over_clean_is_named(
    cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As filelock before 3.22, which waits for ever."""
    from filelock import SoftFileLock  # noqa: PLC0415

    os.makedirs(os.path.dirname(place(cache)))
    pid = killed_holder(place(cache))
    monkeypatch.setattr(SoftFileLock, "_try_break_stale_lock", lambda _: None)

    with pytest.raises(CacheBusy) as caught, blob_lock(cache, NAME, ETAG, 0.2):
        pass
    assert f"process {pid}, which is dead" in caught.value.message
    assert caught.value.hint == "swarmcache clean --leftovers=locks"


def test_a_lock_that_tells_no_owner_is_waited_for_and_named(cache: str) -> None:
    """What filelock before 3.22 left; nobody can tell whether its owner lives."""
    os.makedirs(os.path.dirname(place(cache)))
    with open(place(cache), "w"):
        pass

    with pytest.raises(CacheBusy) as caught, blob_lock(cache, NAME, ETAG, 0.2):
        pass
    assert "Nothing tells here whether the owner" in caught.value.message
    assert caught.value.hint == f"rm {place(cache)}"
    assert os.path.exists(place(cache))
