"""The Hub's own locks, taken as its clients take them, so that nobody writes the same content.

    .locks/<repo folder>/<etag>.lock      one blob of one repo, mode 0664
    blobs/<ab>/<xet hash>.lock            one payload of the shared store, mode 0666

Kernel locks by filelock; where the file system has none, the Hub's clients and we fall back to
locks by existence (huggingface_hub 0.36 to 2.4.0: `utils/_fixes.py`, `utils/_shared_blobs.py`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import time
from typing import TYPE_CHECKING

from swarmcache.errors import AccessDenied, CacheBusy, LockLeft
from swarmcache.hubcache.belonging import give
from swarmcache.hubcache.layout import LOCKS, RepoName, folder_name
from swarmcache.hubcache.publishing import make_folder
from swarmcache.hubcache.soft_locks import NO_KERNEL_LOCKS, look
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
_POLL_SECONDS = 0.05
PATIENCE = 10.0
"""Seconds to wait for a lock before the cache counts as busy."""


@contextlib.contextmanager
def blob_lock(cache: str, repo: RepoName, etag: str, seconds: float = PATIENCE) -> Iterator[None]:
    """Hold the lock under which the Hub's clients download one blob; raises CacheBusy."""
    folder = f"{cache}/{LOCKS}/{folder_name(repo)}"
    make_folder(folder)
    with held(f"{folder}/{etag}.lock", seconds, mode=0o664):
        yield


@contextlib.contextmanager
def payload_lock(payload: str, seconds: float = PATIENCE) -> Iterator[None]:
    """Hold the lock of one payload of the shared store; raises CacheBusy."""
    path = f"{payload}.lock"
    # Made as the Hub does: a planted link is refused, and every user may take the lock.
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags, 0o666)
    with contextlib.suppress(OSError):
        os.fchmod(handle, 0o666)  # Another user's lock file is as open already.
    os.close(handle)
    with held(path, seconds, mode=0o666, soft_path=f"{path}.soft"):
        yield


@contextlib.contextmanager
def held(path: str, seconds: float, *, mode: int, soft_path: str | None = None) -> Iterator[None]:
    """Hold the lock file at `path`; raises CacheBusy when others keep it for `seconds`.

    Raises AccessDenied for a lock file that another user made and closed to us, OSError from the
    disk.
    """
    try:
        handle = _flocked(path, seconds, mode)
    except PermissionError as error:
        raise AccessDenied(t("{path} cannot be locked by this user.", path=path)) from error
    if handle is None:
        with _held_softly(soft_path or path, seconds, mode):
            yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # The Hub's clients do not mind either.
            os.close(handle)


def _flocked(path: str, seconds: float, mode: int) -> int | None:
    """Return a handle that holds the kernel's lock on a file; None where there are none.

    What filelock 4.3 does with the same file, at a twentieth of its cost: a pull takes one lock
    for each of thousands of files. Closing the handle ends the lock.
    """
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return None
    deadline = time.monotonic() + seconds
    while True:
        handle, made = _opened(path, mode)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:  # Not deleted by somebody meanwhile.
                return handle
            os.close(handle)
            continue
        except OSError as error:
            if error.errno in NO_KERNEL_LOCKS and made:
                _unmake(path, handle)
            os.close(handle)
            if error.errno in NO_KERNEL_LOCKS:
                return None
            if error.errno == errno.EBADF:  # NFS: only what can be written.
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path) from error
            if error.errno not in _HELD:
                raise
        if time.monotonic() >= deadline:
            raise _busy(path)
        time.sleep(_POLL_SECONDS)


def _opened(path: str, mode: int) -> tuple[int, bool]:
    """Return a handle on a lock's file, and whether it was not there before."""
    more = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
    flags = os.O_RDWR | more
    try:
        return os.open(path, flags), False
    except FileNotFoundError:
        pass
    except PermissionError:
        # Another user's, to which an older filelock gave 0644. What can be read can be locked.
        return os.open(path, os.O_RDONLY | more), False
    try:
        handle = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return _opened(path, mode)  # Another process made it meanwhile.
    with contextlib.suppress(OSError):
        os.fchmod(handle, mode)  # Whatever the umask: every user of the cache takes it.
    give(path)
    return handle, True


def _unmake(path: str, handle: int) -> None:
    """Remove a file of ours that would count as somebody's lock where locks are by existence."""
    with contextlib.suppress(OSError):
        if os.path.samestat(os.lstat(path), os.fstat(handle)):
            os.unlink(path)


@contextlib.contextmanager
def _held_softly(path: str, seconds: float, mode: int) -> Iterator[None]:
    """Hold a lock by existence, as the Hub's clients do where the file system has no other."""
    from filelock import FileLock, SoftFileLock, Timeout  # noqa: PLC0415 - hardly ever

    kind = FileLock if os.name == "nt" else SoftFileLock
    # Taken by one thread, and released by whichever finishes the work.
    lock = kind(path, mode=mode, thread_local=False)
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        raise _busy_softly(path) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.release()


def _busy(path: str) -> CacheBusy:
    return CacheBusy(t("Another process holds {path}.", path=path), hint=("fuser", "-v", path))


def _busy_softly(path: str) -> CacheBusy:
    """Return who holds a lock by existence, and what to do about one that nobody releases."""
    found = look(path)
    if found is None or found.standing == "alive":
        return _busy(path)
    if found.standing == "dead":
        message = t("{path} is the lock of process {pid}, which is dead.", path=path, pid=found.pid)
        return LockLeft(message, hint="swarmcache clean --leftovers=locks")

    message = t(
        "Nothing tells here whether the owner of the lock {path} lives; if nobody downloads there "
        "on any machine, remove it.",
        path=path,
    )
    return LockLeft(message, hint=f"rm {shlex.quote(path)}")


def holder(path: str) -> str | None:
    """Return who holds a kernel lock, for people, as far as this machine tells: pid and command."""
    from swarmcache.hubcache.use.processes import command_words  # noqa: PLC0415 - hardly ever

    try:
        found = os.stat(path)
        inode = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
        with open("/proc/locks", encoding="ascii") as file:
            rows = [line.split() for line in file]
        pid = next(row[4] for row in rows if row[5] == inode and row[1] == "FLOCK")
        words = command_words(int(pid))
    except (OSError, StopIteration, IndexError, ValueError):
        return None
    # A script's name, or what `python -m` runs, tells more than the interpreter's.
    told = [word for word in words[1:] if word and not word.startswith("-")][:1] + words[:1]
    command = next((os.path.basename(word) for word in told if word), "")
    return t("process {pid} ({command})", pid=pid, command=command) if command else None


def is_downloading(cache: str, repo: RepoName) -> bool:
    """Tell whether any process holds one of the repo's download locks now."""
    try:
        with os.scandir(f"{cache}/{LOCKS}/{folder_name(repo)}") as entries:
            paths = [entry.path for entry in entries if entry.name.endswith(".lock")]
    except FileNotFoundError:
        return False
    return any(is_held(path) for path in paths)


def is_held(path: str) -> bool:
    """Tell whether a lock is held, without keeping anybody from it for longer than a look.

    Where there are no kernel locks it is by being there, unless its owner is proven dead.
    """
    import fcntl  # noqa: PLC0415 - absent on Windows, where nothing is repaired

    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True  # It cannot be known either.
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_KERNEL_LOCKS:
            found = look(path)
            return found is not None and found.standing != "dead"
        return True  # Held, or it cannot be known: then it is as good as held.
    finally:
        os.close(handle)
    return False
