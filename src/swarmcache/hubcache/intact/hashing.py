"""Hashing one file: plain reads, little memory, and an eye on changes while it is read."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from dataclasses import dataclass
from stat import S_ISREG
from typing import TYPE_CHECKING

from swarmcache.hubcache.intact.fingerprint import Fingerprint
from swarmcache.hubcache.intact.pagecache import STRIDE, absent_parts, give_up
from swarmcache.hubcache.reading import open_quietly

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.intact.verdicts import Algorithm

_CHUNK = 2**20
"""Bytes read at a time: the fastest for hashlib with SHA-NI, and it stays in a core's cache."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """The hash of a whole file."""

    digest: str
    """Hexadecimal."""
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Changed:
    """The file was written, replaced or removed while it was read; its hash means nothing."""


class NotAFile(OSError):
    """A device, pipe or folder stands where content should be."""


def hash_file(
    path: str, algorithm: Algorithm, *, on_bytes: Callable[[int], None] | None = None
) -> Hashed | Changed:
    """Return the hash of the file at `path`; `on_bytes` hears of each MiB read, and may raise.

    Raises OSError when it cannot be read, NotAFile when it is no regular file.
    """
    handle = open_quietly(path)
    try:
        before = os.fstat(handle)
        if not S_ISREG(before.st_mode):
            raise NotAFile(None, "not a regular file", path)
        digest = new_digest(algorithm, before.st_size)
        read = _read_into(digest, handle, before.st_size, on_bytes)
        after = os.fstat(handle)
    finally:
        os.close(handle)
    found = Fingerprint.of(before)
    if read != before.st_size or not found.still(Fingerprint.of(after)) or _replaced(path, after):
        return Changed()
    return Hashed(digest.hexdigest(), Fingerprint.of(after))


def new_digest(algorithm: Algorithm, size: int) -> hashlib._Hash:
    """Return the digest to feed `size` bytes to; git's begins with a header of its own."""
    if algorithm == "sha256":
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


_own = threading.local()


def _buffer() -> bytearray:
    """Return this thread's buffer, made once."""
    buffer: bytearray | None = getattr(_own, "buffer", None)
    if buffer is None:
        buffer = _own.buffer = bytearray(_CHUNK)
    return buffer


def _read_into(
    digest: hashlib._Hash, handle: int, size: int, on_bytes: Callable[[int], None] | None
) -> int:
    """Feed the file to `digest`, and return how many bytes that were; more than `size`: it grew."""
    buffer, total = _buffer(), 0
    view = memoryview(buffer)
    absent = absent_parts(handle, size)
    with io.FileIO(handle, closefd=False) as file:
        while total <= size and (count := file.readinto(buffer)):
            digest.update(view[:count])
            stride, total = total // STRIDE, total + count
            if absent and stride in absent and (total % STRIDE == 0 or total >= size):
                give_up(handle, stride)
            if on_bytes is not None:
                on_bytes(count)
    return total


def _replaced(path: str, held: os.stat_result) -> bool:
    """Tell whether `path` no longer leads to the file that was read."""
    try:
        now = os.stat(path)
    except OSError:
        return True
    return (now.st_ino, now.st_dev) != (held.st_ino, held.st_dev)
