"""What kind of file system a folder lies on, as the kernel's table of mounts tells."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple, TypeAlias

_TABLE = "/proc/self/mountinfo"
_POINT, _AFTER_DASH = 4, b" - "
"""The field of the mount point (Linux, `Documentation/filesystems/proc.rst`)."""
_WINDOWS = frozenset({"drvfs", "9p", "v9fs"})
_MEMORY = frozenset({"tmpfs", "ramfs"})
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "ceph", "beegfs", "glusterfs", "fuse.sshfs"}
)

Kind: TypeAlias = Literal["disk", "memory", "layer", "windows", "network", "unknown"]
"""`layer` is a container's own, which goes with it; `windows` a drive of the host of WSL."""


class FileSystem(NamedTuple):
    """Where a folder lies."""

    kind: Kind
    name: str
    """`ext4`, `overlay`; empty where the system does not tell."""


def file_system(path: str) -> FileSystem:
    """Return the file system that a path is on, or will be once it is made."""
    try:
        with open(_TABLE, "rb") as file:
            rows = file.read().splitlines()
    except OSError:
        return FileSystem("unknown", "")
    real = os.fsencode(os.path.realpath(path))
    found = (b"", b"")
    for row in rows:
        point = plain_point(row.split(b" ", _POINT + 1)[_POINT])
        # Of two mounts on one place the later hides the earlier.
        if _is_within(real, point) and len(point) >= len(found[0]):
            found = (point, row.partition(_AFTER_DASH)[2])
    name = found[1].split(b" ", 1)[0].decode("ascii", "replace")
    return FileSystem(_kind(name, os.fsdecode(found[0])), name)


def _kind(name: str, point: str) -> Kind:
    if name in _WINDOWS and point.startswith("/mnt/"):
        return "windows"
    if name in _MEMORY:
        return "memory"
    if name == "overlay":
        return "layer"
    if name in _NETWORK:
        return "network"
    return "disk" if name else "unknown"


def _is_within(path: bytes, point: bytes) -> bool:
    return path == point or path.startswith(point.rstrip(b"/") + b"/")


def plain_point(point: bytes) -> bytes:
    """Return a mount point without the escapes of the table, as of a space."""
    first, *rest = point.split(b"\\")
    return first + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in rest)
