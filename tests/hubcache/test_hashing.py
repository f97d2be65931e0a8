"""Hashing one file: right digests, little left behind, and changes noticed."""

from __future__ import annotations

import hashlib
import os
import random
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import git_sha1
from swarmcache.hubcache.intact.hashing import Changed, Hashed, NotAFile, hash_file
from swarmcache.hubcache.intact.pace import Throttle
from swarmcache.hubcache.intact.pagecache import STRIDE, absent_parts, give_up

if TYPE_CHECKING:
    from pathlib import Path

LONG = random.Random(0).randbytes(1000) * 2500
"""2.5 MB: three reads, the last of them short."""


def test_sha256_of_a_file_longer_than_the_buffer(tmp_path: Path) -> None:
    """What hashlib says of the same bytes in one piece."""
    (tmp_path / "blob").write_bytes(LONG)

    result = hash_file(str(tmp_path / "blob"), "sha256")

    assert isinstance(result, Hashed)
    assert result.digest == hashlib.sha256(LONG).hexdigest()
    assert result.fingerprint.size == 2_500_000


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
        (LONG, git_sha1(LONG)),
    ],
)
def test_small_files_are_named_as_git_names_a_blob(
    tmp_path: Path, content: bytes, name: str
) -> None:
    """The first two names are what `git hash-object` prints."""
    (tmp_path / "blob").write_bytes(content)

    result = hash_file(str(tmp_path / "blob"), "git-sha1")

    assert isinstance(result, Hashed)
    assert result.digest == name


def test_every_byte_is_told_as_it_is_read(tmp_path: Path) -> None:
    """Progress adds up to the file's size."""
    (tmp_path / "blob").write_bytes(LONG)
    told: list[int] = []

    hash_file(str(tmp_path / "blob"), "sha256", on_bytes=told.append)

    assert told == [2**20, 2**20, 2_500_000 - 2**21]


def test_a_write_behind_the_reader_is_noticed(tmp_path: Path) -> None:
    """The first byte changes once it has been read, so the hash is that of no file."""
    path = tmp_path / "blob"
    path.write_bytes(LONG)
    os.utime(path, (1e9, 1e9))

    def meddle(count: int) -> None:
        del count
        with path.open("r+b") as file:
            file.write(b"x")

    assert hash_file(str(path), "sha256", on_bytes=meddle) == Changed()


def test_a_write_that_restores_the_mtime_is_noticed(tmp_path: Path) -> None:
    """The ctime cannot be restored."""
    path = tmp_path / "blob"
    path.write_bytes(LONG)
    os.utime(path, (1e9, 1e9))

    def meddle(count: int) -> None:
        del count
        with path.open("r+b") as file:
            file.write(b"x")
        os.utime(path, (1e9, 1e9))

    assert hash_file(str(path), "sha256", on_bytes=meddle) == Changed()


def test_a_file_that_is_replaced_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    """The old file was hashed right, but it is no longer the one at the path."""
    path = tmp_path / "blob"
    path.write_bytes(LONG)

    def meddle(count: int) -> None:
        del count
        (tmp_path / "new").write_bytes(LONG)
        os.replace(tmp_path / "new", path)

    assert hash_file(str(path), "sha256", on_bytes=meddle) == Changed()


def test_a_file_that_shrinks_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    """A truncation must be an answer, never a signal."""
    path = tmp_path / "blob"
    path.write_bytes(LONG)

    def meddle(count: int) -> None:
        del count
        os.truncate(path, 10)

    assert hash_file(str(path), "sha256", on_bytes=meddle) == Changed()


def test_a_file_that_grows_without_end_is_not_followed(tmp_path: Path) -> None:
    """Somebody may write faster than we read."""
    path = tmp_path / "blob"
    path.write_bytes(LONG)
    told: list[int] = []

    def meddle(count: int) -> None:
        told.append(count)
        with path.open("ab") as file:
            file.write(bytes(2**21))

    assert hash_file(str(path), "sha256", on_bytes=meddle) == Changed()
    assert len(told) == 3


def test_a_pipe_is_no_file_and_does_not_block(tmp_path: Path) -> None:
    """Opening a pipe waits for its other end, which would never come."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(NotAFile):
        hash_file(str(tmp_path / "pipe"), "sha256")


@pytest.mark.skipif(not hasattr(os, "O_NOATIME"), reason="only Linux can leave it alone")
def test_the_access_time_of_our_own_files_is_left_alone(tmp_path: Path) -> None:
    """A cache's last use must not be its last verification."""
    path = tmp_path / "blob"
    path.write_bytes(LONG)
    os.utime(path, (1000, 2000))

    hash_file(str(path), "sha256")

    assert path.stat().st_atime == 1000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mincore as Linux has it")
def test_the_page_cache_is_left_as_it_was_found(tmp_path: Path) -> None:
    """What was not in memory before is not after; what was, still is."""
    path = tmp_path / "blob"
    path.write_bytes(os.urandom(3 * STRIDE))
    handle = os.open(path, os.O_RDWR)
    os.fsync(handle)
    for stride in range(3):
        give_up(handle, stride)
    before = absent_parts(handle, 3 * STRIDE)
    if before != {0, 1, 2}:
        pytest.skip("this file system keeps its files in memory")
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
    os.pread(handle, 1, STRIDE)
    assert absent_parts(handle, 3 * STRIDE) == {0, 2}

    hash_file(str(path), "sha256")

    assert absent_parts(handle, 3 * STRIDE) == {0, 2}
    os.close(handle)


def test_a_rate_is_kept_without_saving_up() -> None:
    """A pause is not followed by a burst: all that is caught up is a quarter of a second."""
    slept: list[float] = []
    now = [1000.0]
    throttle = Throttle(100, clock=lambda: now[0], sleep=slept.append)

    throttle.spend(50)
    throttle.spend(50)
    now[0] += 3600
    throttle.spend(50)

    assert slept == [0.5, 1.0, 0.25]


def test_late_wake_ups_do_not_lower_the_rate() -> None:
    """Each sleep ends 0.1 s late; 100 times 50 bytes at 100 a second still take 50 s."""
    now = [1000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds + 0.1

    throttle = Throttle(100, clock=lambda: now[0], sleep=sleep)
    for _ in range(100):
        throttle.spend(50)

    assert now[0] == pytest.approx(1050.1)
