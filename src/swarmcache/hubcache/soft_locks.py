"""Locks by existence: whose they are, whether he is proven dead, and removing such a one.

Where a file system has no kernel locks, the Hub's clients hold a lock by its file's being there
(`SoftFileLock`), and one of a killed process stays. What the file says, by filelock's version:

    before 3.22      nothing
    3.22 to 3.29     pid, host name
    3.30 to 3.32     pid, host name, boot id << 64 | start time
    4                the same, and outside the first pid namespace `?pidns-<inode>` after the host

The file of a kernel lock is empty. Host names prove nothing: machines made from one image share
them, and so do containers. An owner is proven dead only if its record names this very boot of this
machine and a pid namespace that can be looked into from here.
"""

from __future__ import annotations

import errno
import os
from stat import S_ISREG
from typing import TYPE_CHECKING, Literal, NamedTuple

from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.layout import BLOBS, LOCKS, SHARED_MARKER, parse_folder_name
from swarmcache.hubcache.use.owners import boot_id, pid_namespace, start_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmcache.hubcache.layout import RepoName

NO_KERNEL_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK})
"""What `flock` answers on a file system that has none."""
SOFT_ENDING = ".lock.soft"
"""How the shared store's locks by existence end (huggingface_hub >= 1.32, `_shared_blobs.py`)."""
_RECORD_BYTES = 1024
"""filelock reads no longer record."""
_FIRST_NAMESPACE = 0xEFFFFFFC
"""The inode of the first pid namespace, from which every process is seen (`linux/proc_ns.h`)."""
_TRUE_TIMES = 0xEFFFFFFA
"""The inode of the first time namespace; in another, start times are shifted."""
_MARK = "?pidns-"
_START_BITS = 64

Standing = Literal["kernel", "alive", "dead", "unknown"]
"""`kernel`: there is no record, as in a kernel lock's file; `dead` is proven."""


class SoftLock(NamedTuple):
    """A lock's file, as it was when looked at."""

    standing: Standing
    pid: int
    """Its owner's; 0 where the record tells none."""
    host: str
    """Its owner's, as the record tells it."""


class _Record(NamedTuple):
    pid: int
    host: str
    namespace: int | None
    """The inode of its pid namespace, where it is told."""
    boot: int
    """0 where none is told."""
    start: int


def look(path: str) -> SoftLock | None:
    """Return what a lock's file tells; None for one that is not there, or is no plain file."""
    try:
        handle = _opened(path)
    except OSError:
        return None
    try:
        found = _read(handle)
        if found.standing == "dead" and not _is_free(handle):
            return found._replace(standing="alive")  # Somebody holds it as a kernel lock.
        return found
    finally:
        os.close(handle)


def soft_locks(
    cache: str, *, wanted: Callable[[RepoName], bool] | None = None
) -> Iterator[tuple[str, SoftLock]]:
    """Yield the locks of a cache whose files tell an owner, and those of the shared store.

    With `wanted`, only download locks of the repos that it accepts.
    """
    for path in sorted(_candidates(cache, wanted)):
        found = look(path)
        if found is not None and (found.standing != "kernel" or path.endswith(SOFT_ENDING)):
            yield path, found


def count_dead(cache: str, *, wanted: Callable[[RepoName], bool] | None = None) -> int:
    """Return how many locks by existence were left by processes that are proven dead."""
    return sum(found.standing == "dead" for _, found in soft_locks(cache, wanted=wanted))


def remove_dead(path: str, aside: str, unlink: Callable[[str], None]) -> bool:
    """Remove a lock whose owner is proven dead; False when it is not, or no longer, such a one.

    `aside` is a name on the same file system where nothing is. The file is held open meanwhile,
    so that its inode number cannot become another's. Where there are kernel locks too, it goes
    under one. Who takes the lock in the instant of the rename gets it back.
    """
    try:
        handle = _opened(path)
    except FileNotFoundError:
        return False
    try:
        if not _is_free(handle) or _read(handle).standing != "dead":
            return False
        before = os.fstat(handle)
        os.rename(path, aside)
        if os.path.samestat(os.lstat(aside), before) and _read(handle).standing == "dead":
            unlink(aside)
            return True
        _put_back(aside, path)
    finally:
        os.close(handle)
    return False


def _put_back(aside: str, path: str) -> None:
    try:
        os.link(aside, path, follow_symlinks=False)
    except FileExistsError:
        pass  # Another process has taken the lock in between; nothing can give it to both.
    except OSError:  # No hard links here.
        if not os.path.lexists(path):
            os.rename(aside, path)
            return
    os.unlink(aside)


def _candidates(cache: str, wanted: Callable[[RepoName], bool] | None) -> Iterator[str]:
    """Yield the download locks that are not empty, and all of the shared store's."""
    for group in _entries(f"{cache}/{LOCKS}"):
        name = parse_folder_name(group.name)
        if name is not None and (wanted is None or wanted(name)):
            for entry in _entries(group.path):
                if entry.name.endswith(".lock") and entry.stat(follow_symlinks=False).st_size:
                    yield entry.path
    store = f"{cache}/{BLOBS}"
    if wanted is None and os.path.isfile(f"{store}/{SHARED_MARKER}"):
        for group in _entries(store):
            if group.is_dir(follow_symlinks=False):
                yield from (e.path for e in _entries(group.path) if e.name.endswith(SOFT_ENDING))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    return [] if os.path.islink(folder) else entries_of(folder)


def _opened(path: str) -> int:
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _read(handle: int) -> SoftLock:
    if not S_ISREG(os.fstat(handle).st_mode):
        return SoftLock("unknown", 0, "")
    os.lseek(handle, 0, os.SEEK_SET)
    content = os.read(handle, _RECORD_BYTES + 1)
    record = _parse(content)
    if record is None:
        return SoftLock("unknown" if content else "kernel", 0, "")
    return SoftLock(_standing(record), record.pid, record.host)


def _parse(content: bytes) -> _Record | None:
    """Return a record that is whole, or None; of an unfinished one the last line is cut."""
    lines = content.decode("ascii", "replace").split("\n")
    if len(content) > _RECORD_BYTES or lines[-1] or len(lines) not in {3, 4}:
        return None
    numbers = [lines[0], *lines[2:-1]]
    if not lines[1] or not all(text.isascii() and text.isdecimal() for text in numbers):
        return None
    host, marked, namespace = lines[1].partition(_MARK)
    try:
        inode = int(namespace, 16) if marked else None
    except ValueError:
        return None
    token = int(lines[2]) if len(lines) == 4 else 0  # noqa: PLR2004 - pid, host, token, end
    return _Record(int(lines[0]), host, inode, token >> _START_BITS, token % 2**_START_BITS)


def _standing(record: _Record) -> Standing:
    """Tell whether the owner of a record lives; only what nothing contradicts is dead."""
    here = int(pid_namespace() or 0)
    boot = f"{record.boot:032x}"[: len(boot_id())]
    if not here or not record.boot or boot != boot_id() or record.host != os.uname().nodename:
        return "unknown"
    if not _sees_all():
        return "unknown"
    if record.namespace is None:
        # Written in the first namespace, or in any, by a filelock that does not tell.
        return _among_all(record) if here == _FIRST_NAMESPACE else "unknown"
    if record.namespace != here:
        return "unknown"
    return "alive" if _runs(str(record.pid), record) else "dead"


def _among_all(record: _Record) -> Standing:
    """Look for the owner in every pid namespace of this machine, from the first one."""
    for name in os.listdir("/proc"):
        if name.isdecimal() and record.pid in _pids(name) and _runs(name, record):
            return "alive"
    return "dead"


def _pids(name: str) -> list[int]:
    """Return the numbers that a process has in its own and the outer pid namespaces."""
    try:
        with open(f"/proc/{name}/status", "rb") as file:
            line = next(line for line in file if line.startswith(b"NSpid:"))
    except (OSError, StopIteration):
        return [int(name)]
    return [int(number) for number in line.split()[1:]]


def _runs(name: str, record: _Record) -> bool:
    """Tell whether the process that `/proc` shows under a name is a record's owner."""
    return start_time(int(name)) == str(record.start)


def _sees_all() -> bool:
    """Tell whether `/proc` shows every process of this pid namespace, and its true start."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()) or not start_time(1):
            return False  # It is of another namespace, or hides the processes of other users.
        return os.stat("/proc/self/ns/time").st_ino == _TRUE_TIMES
    except FileNotFoundError:
        return True  # A kernel without time namespaces.
    except OSError:
        return False


def _is_free(handle: int) -> bool:
    """Take the kernel's lock on a file, if there are such; False when somebody holds it."""
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows, where nothing is removed

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return False
    except OSError as error:
        return error.errno in NO_KERNEL_LOCKS
    return True
