"""Which files the living processes of this machine hold open or mapped, as procfs tells.

Files are told by device and inode, so that it does not matter under which name, or in which mount
namespace, somebody opened them. Where there is no procfs nothing is told.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PROC = "/proc"
_KERNEL_THREAD = 0x0020_0000
"""PF_KTHREAD: such a process has no files (Linux, `include/linux/sched.h`)."""

Inode = tuple[int, int]


class OpenFiles(NamedTuple):
    """Who has which file."""

    users: Mapping[Inode, Sequence[int]]
    """By device and inode: the process ids."""
    uninspected: int
    """Processes that this user may not look into; they may have anything."""
    visible: bool = True
    """Whether the system tells at all."""


def open_files(cache: str) -> OpenFiles:
    """Return what all processes but this one have open, mapped, or stand in; never raises.

    `cache` is a real path: a file below it is told by its name too, since some file systems
    (btrfs, overlayfs) show other device numbers in a process's maps than `stat` does.
    """
    if not os.path.exists(f"{_PROC}/self/maps"):
        return OpenFiles({}, 0, visible=False)
    users: dict[Inode, list[int]] = {}
    uninspected = 0
    below = cache + "/"
    for pid in _pids():
        try:
            found = {*_opened(pid), *_mapped(pid, below)}
        except PermissionError:
            uninspected += not _has_no_files(pid)
            continue
        except OSError:
            continue  # It ended meanwhile.
        for inode in found:
            users.setdefault(inode, []).append(pid)
    return OpenFiles(users, uninspected)


def _pids() -> Iterator[int]:
    me = os.getpid()
    for name in os.listdir(_PROC):
        if name.isdecimal() and int(name) != me:
            yield int(name)


def _opened(pid: int) -> Iterator[Inode]:
    folder = f"{_PROC}/{pid}/fd"
    links = [f"{folder}/{name}" for name in os.listdir(folder)]
    for link in (*links, f"{_PROC}/{pid}/cwd"):
        with suppress(FileNotFoundError):  # Closed meanwhile.
            found = os.stat(link)
            yield found.st_dev, found.st_ino


def _mapped(pid: int, below: str) -> Iterator[Inode]:
    with open(f"{_PROC}/{pid}/maps", "rb") as file:
        lines = file.read().splitlines()
    name_below = os.fsencode(below)
    for line in lines:
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or fields[4] == b"0":  # noqa: PLR2004 - no file behind it
            continue
        major, _, minor = fields[3].partition(b":")
        yield os.makedev(int(major, 16), int(minor, 16)), int(fields[4])
        if fields[5].startswith(name_below):
            with suppress(OSError):
                found = os.stat(fields[5])
                yield found.st_dev, found.st_ino


def _has_no_files(pid: int) -> bool:
    """Tell whether a process is a thread of the kernel, or ended."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return True
    return bool(int(fields[6]) & _KERNEL_THREAD) or fields[0] in {b"Z", b"X"}
