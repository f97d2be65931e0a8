"""How anything becomes part of a cache: made ready beside it, on the disk, then one rename.

What is renamed was synced before, and its folder is synced after, so that a power cut leaves the
old or the new file, never an empty one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from stat import S_ISGID
from typing import TYPE_CHECKING

from swarmcache.errors import NotRepairable
from swarmcache.hubcache.belonging import give
from swarmcache.hubcache.drafts import draft_of, sweep_drafts
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAKING = threading.Lock()
"""Held while a folder is made ready: the threads of one process would give it one draft's name."""


def publish(staged: str, location: str) -> None:
    """Rename what is ready to where it belongs: the one instant in which the cache changes.

    An empty folder in the way is removed; what else stands there is replaced by the rename.
    Raises OSError, NotRepairable where a folder of the cache is mounted from elsewhere.
    """
    folder = os.path.dirname(location)
    make_folder(folder)
    if not os.path.islink(staged):
        share(staged, folder)
        sync(staged)
    replace(staged, location)
    sync_folders([folder])


def write_whole(
    path: str,
    text: str,
    *,
    mode: int | None = None,
    errors: str = "strict",
    durable: bool = False,
) -> None:
    """Let a small file hold this text, by one rename: readers see the old file or the new one.

    With `mode` it gets these permission bits, where that is allowed; with `durable` it is on the
    disk before it is seen. `errors` is for text that is no UTF-8, as names on disk may be. Raises
    OSError, and ValueError for such text unless `errors` says otherwise.
    """
    with draft_of(path) as draft:
        with open(draft, "x", encoding="utf-8", errors=errors, newline="") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if mode is not None:
            with contextlib.suppress(OSError):
                os.chmod(draft, mode)
        give(draft)
        os.replace(draft, path)


def replace(staged: str, location: str) -> None:
    """Rename, over an empty folder too; the caller syncs what is to survive a power cut.

    Raises OSError, NotRepairable where a folder of the cache is mounted from elsewhere.
    """
    if os.path.isdir(location) and not os.path.islink(location) and not os.path.isdir(staged):
        os.rmdir(location)
    try:
        os.replace(staged, location)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        raise NotRepairable(
            t("{path} lies on another file system than its cache.", path=location)
        ) from error


def make_folder(folder: str) -> None:
    """Make a folder and those above it; below one that is shared (setgid), as open as that one.

    Root makes it for the owner of the folder that it is in.

    The umask of whoever comes first must not close its part of a group's cache to the others, nor
    may anybody find it before it is open: what they make in it would be as closed as it still is.
    """
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    make_folder(parent)
    with contextlib.suppress(FileExistsError):
        if os.stat(parent).st_mode & S_ISGID:
            _make_shared(folder, parent)
        else:
            os.mkdir(folder)
            give(folder)


@contextlib.contextmanager
def folder_made(folder: str) -> Iterator[None]:
    """Make a folder and those above it for what is then written there; after an error they go.

    As far as they were not there before, and are empty.
    """
    new = []
    above = folder
    while not os.path.lexists(above):
        new.append(above)
        above = os.path.dirname(above)
    try:
        make_folder(folder)
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for one in new:
                os.rmdir(one)
        raise


def _make_shared(folder: str, parent: str) -> None:
    sweep_drafts(parent)
    with _MAKING, draft_of(folder) as draft:
        if os.path.isdir(folder):
            return
        os.mkdir(draft)
        share(draft, parent)
        try:
            os.rename(draft, folder)
        except OSError:
            os.rmdir(draft)
            if not os.path.isdir(folder):  # Else another process came first, and is using it.
                raise


def share(path: str, folder: str) -> None:
    """Open a new file or folder to the group of the shared (setgid) folder that it is for.

    A file becomes writable for the group too, as under a default ACL: under `protected_hardlinks`
    its members may only link to what they could write. Not so one that other caches share. What
    root makes is the folder's owner's first.
    """
    give(path, folder)
    wanted = os.stat(folder)
    if not wanted.st_mode & S_ISGID:
        return
    found = os.stat(path)
    bits = 0o044 if found.st_nlink > 1 else 0o064
    if os.path.isdir(path):
        bits = S_ISGID | 0o075
    with contextlib.suppress(OSError):  # Another user's file is not ours to open.
        if found.st_gid != wanted.st_gid:
            os.chown(path, -1, wanted.st_gid)
        os.chmod(path, found.st_mode & 0o7777 | wanted.st_mode & bits)


def is_as_open(path: str, folder: str) -> bool:
    """Tell whether a file is as open already as `share` would make it; raises OSError."""
    wanted, found = os.stat(folder), os.stat(path)
    if not wanted.st_mode & S_ISGID:
        return True
    return found.st_gid == wanted.st_gid and not wanted.st_mode & 0o044 & ~found.st_mode


def sync(path: str) -> None:
    """Return once a file or folder is on the disk; raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folders(folders: Iterable[str]) -> None:
    """Sync some folders, where the file system does that at all; some network ones do not."""
    for folder in folders:
        with contextlib.suppress(OSError):
            sync(folder)
