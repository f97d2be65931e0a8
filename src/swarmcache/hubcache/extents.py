"""Where the bytes of files lie on the disk: what reflinks share is told, and counted once."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from swarmcache.hubcache.reading import open_quietly

if TYPE_CHECKING:
    from collections.abc import Iterator

Piece: TypeAlias = tuple[int, ...]
"""Bytes of the disk that count once: what a file has to itself, by its device and inode number, or
an extent that reflinks share, by its device, place and length."""

_FIEMAP = 0xC020660B
"""`FS_IOC_FIEMAP` (Linux, `include/uapi/linux/fs.h`)."""
_HEADER = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQQQLLLL")
_AT_ONCE = 64
_MOST = 256
"""Extents of a file that are told apart; a compressed one has as many thousands as gigabytes."""
_LAST, _UNKNOWN, _SHARED = 0x1, 0x2, 0x2000
"""Flags of an extent (`include/uapi/linux/fiemap.h`)."""


def share_extents(first: str, second: str) -> bool:
    """Tell whether two files are the same bytes of the disk throughout; False where none tells."""
    try:
        theirs = _all_shared(first)
        return bool(theirs) and theirs == _all_shared(second)
    except (ImportError, OSError):
        return False


def pieces(path: str, inode: tuple[int, int], physical: int) -> dict[Piece, int]:
    """Return the pieces of the disk that a file holds, with their bytes; never raises.

    `inode` and `physical`, its allocated bytes, are what `stat` told of it. What nothing tells to
    be shared counts as the file's own.
    """
    try:
        shared = [(one.place, one.length) for one in _extents(path) if one.is_shared]
    except (ImportError, OSError):
        shared = []
    if len(shared) > _MOST:
        shared = [(hash(tuple(shared)), sum(length for _, length in shared))]
    found: dict[Piece, int] = {(inode[0], *one): one[1] for one in shared}
    found[inode] = max(0, physical - sum(found.values()))
    return found


class _Extent(NamedTuple):
    """A run of a file's bytes."""

    start: int
    """Where in the file."""
    place: int
    """Where on the disk, in bytes."""
    length: int
    is_shared: bool
    """Whether something else has it too, and where it lies is known."""


def _all_shared(path: str) -> list[_Extent]:
    """Return a file's extents; nothing where one of them is not shared."""
    found = list(_extents(path))
    return found if all(one.is_shared for one in found) else []


def _extents(path: str) -> Iterator[_Extent]:
    """Yield a file's extents; raises OSError where the file system does not tell."""
    import fcntl  # noqa: PLC0415 - absent on Windows

    answer = bytearray(_HEADER.size + _AT_ONCE * _EXTENT.size)
    handle = open_quietly(path)
    try:
        start = 0
        while True:
            _HEADER.pack_into(answer, 0, start, 2**64 - 1 - start, 0, 0, _AT_ONCE, 0)
            fcntl.ioctl(handle, _FIEMAP, answer)
            count = _HEADER.unpack_from(answer)[3]
            if not count:
                return
            for number in range(count):
                fields = _EXTENT.unpack_from(answer, _HEADER.size + number * _EXTENT.size)
                logical, place, length, flags = fields[0], fields[1], fields[2], fields[5]
                yield _Extent(logical, place, length, flags & (_UNKNOWN | _SHARED) == _SHARED)
                start = logical + length
                if flags & _LAST:
                    return
    finally:
        os.close(handle)
