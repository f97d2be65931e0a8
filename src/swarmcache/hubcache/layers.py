"""Files of an image's layers: an overlay copies each whole before it is changed, linked or moved.

Measured on Linux 6.18: a hard link, rename, chmod or utime of a file of a lower layer first writes
all of it into the upper one, and deleting it frees nothing; a folder there cannot be renamed.
"""

from __future__ import annotations

import os
import struct
from functools import cache
from stat import S_ISDIR

_MOUNTS = "/proc/self/mountinfo"
_DEVICE, _AFTER_DASH = 2, b" - "
_AT_FDCWD, _AT_HANDLE_FID, _AT_SYMLINK_FOLLOW = -100, 0x200, 0x400
"""`include/uapi/linux/fcntl.h`; handles that only name a file are of Linux 6.6."""
_OVERLAY, _UPPER = 0xF8, 0x04
"""`OVL_FILEID_V1` and `OVL_FH_FLAG_PATH_UPPER` (Linux, `fs/overlayfs/overlayfs.h`)."""
_ROOM = 128
_HEAD = struct.Struct("Ii")
_FLAGS_AT = _HEAD.size + 3 + 3
"""Three bytes align it; then version, magic and length stand before the flags."""


def is_layered(path: str) -> bool:
    """Tell whether what stands at a path may be of a lower layer of an overlay.

    What an overlay does not tell (kernels before 6.6, a file that was copied up once) may be. False
    on every other file system, and where nothing stands. A link is followed.
    """
    if not is_overlay(path):
        return False
    return not _is_upper(path)


def is_overlay(path: str) -> bool:
    """Tell whether a path lies on an overlay, as a container's own files do."""
    real = os.path.realpath(path)
    try:
        # A file's own device number may be that of its layer.
        found = os.stat(real)
        folder = found if S_ISDIR(found.st_mode) else os.stat(os.path.dirname(real))
    except OSError:
        return False
    return _is_overlays(folder.st_dev)


@cache
def _is_overlays(device: int) -> bool:
    """Tell whether a device number is that of an overlay; remembered, since blobs are many."""
    number = f"{os.major(device)}:{os.minor(device)}".encode()
    try:
        with open(_MOUNTS, "rb") as file:
            rows = file.read().splitlines()
    except OSError:
        return False
    return any(
        row.split(b" ", _DEVICE + 1)[_DEVICE] == number
        and row.partition(_AFTER_DASH)[2].startswith(b"overlay ")
        for row in rows
    )


def _is_upper(path: str) -> bool:
    """Tell whether the kernel says that a file was made in the upper layer."""
    import ctypes  # noqa: PLC0415 - only on an overlay

    call = getattr(ctypes.CDLL(None), "name_to_handle_at", None)
    if call is None:
        return False
    handle = ctypes.create_string_buffer(_HEAD.size + _ROOM)
    _HEAD.pack_into(handle, 0, _ROOM, 0)
    mount = ctypes.c_int()
    flags = _AT_HANDLE_FID | _AT_SYMLINK_FOLLOW
    if call(_AT_FDCWD, os.fsencode(path), handle, ctypes.byref(mount), flags):
        return False
    _, kind = _HEAD.unpack_from(handle)
    return kind == _OVERLAY and bool(handle.raw[_FLAGS_AT] & _UPPER)
