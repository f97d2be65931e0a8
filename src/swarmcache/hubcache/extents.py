"""Whether two files are reflinks of each other: where their bytes lie on the disk."""

from __future__ import annotations

import os
import struct

from swarmcache.hubcache.reading import open_quietly

_FIEMAP = 0xC020660B
"""`FS_IOC_FIEMAP` (Linux, `include/uapi/linux/fs.h`)."""
_HEADER = struct.Struct("=QQLLLL")
_EXTENT = struct.Struct("=QQQQQLLLL")
_AT_ONCE = 64
_LAST, _UNKNOWN, _SHARED = 0x1, 0x2, 0x2000
"""Flags of an extent (`include/uapi/linux/fiemap.h`)."""


def share_extents(first: str, second: str) -> bool:
    """Tell whether two files are the same bytes of the disk throughout; False where none tells."""
    try:
        theirs = _extents(first)
        return bool(theirs) and theirs == _extents(second)
    except (ImportError, OSError):
        return False


def _extents(path: str) -> list[tuple[int, int, int]]:
    """Return (offset in the file, on the disk, bytes) of a file's extents.

    Nothing where one of them is not shared, or its place is not known.
    """
    import fcntl  # noqa: PLC0415 - absent on Windows

    found: list[tuple[int, int, int]] = []
    answer = bytearray(_HEADER.size + _AT_ONCE * _EXTENT.size)
    handle = open_quietly(path)
    try:
        start = 0
        while True:
            _HEADER.pack_into(answer, 0, start, 2**64 - 1 - start, 0, 0, _AT_ONCE, 0)
            fcntl.ioctl(handle, _FIEMAP, answer)
            count = _HEADER.unpack_from(answer)[3]
            if not count:
                return found
            for number in range(count):
                fields = _EXTENT.unpack_from(answer, _HEADER.size + number * _EXTENT.size)
                logical, physical, length, flags = fields[0], fields[1], fields[2], fields[5]
                if flags & _UNKNOWN or not flags & _SHARED:
                    return []
                found.append((logical, physical, length))
                start = logical + length
                if flags & _LAST:
                    return found
    finally:
        os.close(handle)
