"""Bytes that two files have both are stored once, if the file system finds them equal.

The kernel compares and shares under its own locks (FIDEDUPERANGE; btrfs, xfs with reflinks), so
that no file is renamed, none gets other bytes, and whoever writes into one at that very instant
writes into that one alone. Fit for files that programs edit in place.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Literal

from swarmcache.hubcache.reading import open_quietly

Sharing = Literal["shared", "different", "impossible"]

_FIDEDUPERANGE = 0xC0189436
"""`_IOWR(0x94, 54, struct file_dedupe_range)` (Linux, `include/uapi/linux/fs.h`)."""
_RANGE = struct.Struct("=QQHHLqQQlL")
_AT_ONCE = 16 * 2**20
"""Bytes; btrfs takes no more."""
_DIFFERS = 1
_CANNOT = frozenset(
    {
        errno.EOPNOTSUPP,
        errno.ENOTSUP,
        errno.ENOTTY,
        errno.ENOSYS,
        errno.EINVAL,
        errno.EXDEV,
        errno.EPERM,
        errno.EACCES,
        errno.ETXTBSY,
    }
)


def share_bytes(source: str, path: str) -> Sharing:
    """Let `path` share the bytes of `source` on the disk where they are equal throughout.

    `impossible` where the file system has no such thing, or this user may not write to `path`.
    Stopped halfway, or where they differ, each file still has its own bytes. Raises OSError.
    """
    theirs, ours = open_quietly(source), open_quietly(path)
    try:
        size = os.fstat(theirs).st_size
        if os.fstat(ours).st_size != size:
            return "different"
        at = 0
        while at < size:
            done = _shared(theirs, ours, at, min(_AT_ONCE, size - at))
            if not done:
                return "different"
            at += done
    except OSError as error:
        if error.errno not in _CANNOT:
            raise OSError(error.errno, error.strerror, path) from error
        return "impossible"
    finally:
        os.close(theirs)
        os.close(ours)
    return "shared"


def _shared(source: int, dest: int, at: int, count: int) -> int:
    """Return how many bytes from `at` on are stored once now; 0 where the files differ."""
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows
    except ImportError:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP)) from None
    told = bytearray(_RANGE.pack(at, count, 1, 0, 0, dest, at, 0, 0, 0))
    fcntl.ioctl(source, _FIDEDUPERANGE, told)
    done, status = _RANGE.unpack(told)[-3:-1]
    if status < 0 or (status != _DIFFERS and not done):
        number = -status or errno.EIO
        raise OSError(number, os.strerror(number))
    return 0 if status == _DIFFERS else int(done)
