"""What root makes in another user's folder is that user's: root's would lock them out.

As in a container that runs as root with a cache of the host bound into it (docs/containers.md).
"""

from __future__ import annotations

import contextlib
import os
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)
_AS_IS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_CLOSED = getattr(os, "O_CLOEXEC", 0)


def give(path: str, folder: str | None = None) -> None:
    """Give a file or folder that root has just made to the owner and group of its folder.

    With `folder` to that one's, which it is to be renamed into. Never raises. Only root gives, and
    only what is root's, has no other name, is no link, and stands in a folder of the very user
    who gets it: one who puts something else in its place gains nothing that they could not remove.
    """
    if not hasattr(os, "geteuid") or os.geteuid():
        return
    above, name = os.path.split(path)
    with contextlib.suppress(OSError):
        wanted = os.stat(folder or above)
        if not wanted.st_uid:
            return
        with _opened(above, _HERE | _CLOSED) as parent:
            if os.fstat(parent).st_uid != wanted.st_uid:
                return
            with _opened(name, os.O_RDONLY | _AS_IS | _CLOSED, parent) as made:
                found = os.fstat(made)
                is_one = S_ISDIR(found.st_mode) or (S_ISREG(found.st_mode) and found.st_nlink == 1)
                if is_one and not found.st_uid:
                    os.fchown(made, wanted.st_uid, wanted.st_gid)


def new_owner(folder: str) -> int:
    """Return the user who gets what this process makes in a folder; raises OSError.

    Where there are no users it is 0.
    """
    me = os.geteuid() if hasattr(os, "geteuid") else 0
    return me or os.stat(folder).st_uid


def user_name(uid: int) -> str:
    """Return a user's name, or the number where it has none here."""
    try:
        import pwd  # noqa: PLC0415 - absent on Windows

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return str(uid)


def opened(path: str, flags: int, mode: int = 0o666) -> int:
    """Open a file of our own state, no link, and make it if it is not there; raises OSError.

    Returns its descriptor. A new one is its folder's owner's.
    """
    flags |= _CLOSED | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    while True:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags)
        try:
            handle = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:  # Another process made it meanwhile.
            continue
        give(path)
        return handle


@contextlib.contextmanager
def _opened(path: str, flags: int, folder: int | None = None) -> Iterator[int]:
    handle = os.open(path, flags, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)
