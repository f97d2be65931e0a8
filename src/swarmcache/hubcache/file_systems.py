"""What kind of file system a folder lies on, as the kernel's table of mounts tells."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from swarmcache.hubcache.folder import within

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLE = "/proc/self/mountinfo"
_DEVICE, _POINT, _AFTER_DASH = 2, 4, b" - "
"""Fields: device number, mount point (Linux, `Documentation/filesystems/proc.rst`)."""
_WINDOWS = frozenset({"drvfs", "9p", "v9fs"})
_MEMORY = frozenset({"tmpfs", "ramfs"})
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "ceph", "beegfs", "glusterfs", "fuse.sshfs"}
)
_EMPTIED = ("/tmp", "/var/tmp")  # noqa: S108 - looked at, and not written
"""Folders whose old files systemd-tmpfiles and tmpreaper remove (`man 5 tmpfiles.d`)."""
_DISKS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs"})

Kind: TypeAlias = Literal["disk", "memory", "layer", "windows", "network", "other", "unknown"]
"""`layer` is a container's own, which goes with it; `windows` a drive of the host of WSL; `unknown`
where the system does not tell."""


class FileSystem(NamedTuple):
    """Where a folder lies."""

    kind: Kind
    name: str
    """`ext4`, `overlay`; empty where the system does not tell."""


class Mounted(NamedTuple):
    """A place where a file system begins."""

    point: str
    """Absolute."""
    system: FileSystem
    device: int
    """Of the whole file system, also where files of its parts have others (btrfs); 0 for none."""


def file_system(path: str) -> FileSystem:
    """Return the file system that a path is on, or will be once it is made."""
    return mount_of(path).system


def mount_of(path: str) -> Mounted:
    """Return where the file system begins that a path is on, or will be once it is made."""
    real = os.path.realpath(path)
    found = Mounted("", FileSystem("unknown", ""), 0)
    for one in mounted():
        # Of two mounts on one place the later hides the earlier.
        if within(real, one.point) and len(one.point) >= len(found.point):
            found = one
    return found


def is_emptied(path: str) -> bool:
    """Tell whether systems empty the folder by themselves that a path lies in."""
    return any(within(path, folder) for folder in _EMPTIED)


def mounted() -> Iterator[Mounted]:
    """Yield what is mounted, in the kernel's order; nothing where the system does not tell."""
    try:
        with open(_TABLE, "rb") as file:
            rows = file.read().splitlines()
    except OSError:
        return
    for row in rows:
        fields = row.split(b" ", _POINT + 1)
        point = os.fsdecode(plain_point(fields[_POINT]))
        major, _, minor = fields[_DEVICE].partition(b":")
        name = row.partition(_AFTER_DASH)[2].split(b" ", 1)[0].decode("ascii", "replace")
        system = FileSystem(_kind(name, point), name)
        yield Mounted(point, system, os.makedev(int(major), int(minor)))


def _kind(name: str, point: str) -> Kind:
    if name in _WINDOWS and point.startswith("/mnt/"):
        return "windows"
    if name in _MEMORY:
        return "memory"
    if name == "overlay":
        return "layer"
    if name in _NETWORK:
        return "network"
    return "disk" if name in _DISKS else "other"


def plain_point(point: bytes) -> bytes:
    """Return a mount point without the escapes of the table, as of a space."""
    first, *rest = point.split(b"\\")
    return first + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in rest)
