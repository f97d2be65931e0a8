"""Whether this user may remove a tree altogether: a rename alone would not tell.

A folder is renamed by the rights on the one above it; what is in it is deleted by the rights on
itself. Were that refused only in the trash, half a model would lie there, and stay.
"""

from __future__ import annotations

import errno
import os
from stat import S_ISVTX
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


def refuse_closed(path: str) -> None:
    """Raise PermissionError for what this user may not take out of the folder that it is in."""
    _refuse(os.path.dirname(path), [path])
    for folder, below, names in os.walk(path):
        _refuse(folder, [f"{folder}/{name}" for name in (*below, *names)])


def _refuse(folder: str, paths: list[str]) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        _raise(errno.EACCES, folder)
    user, found = os.geteuid(), os.stat(folder)
    if found.st_mode & S_ISVTX and user not in {0, found.st_uid}:
        for path in paths:
            if os.lstat(path).st_uid != user:
                _raise(errno.EPERM, path)


def _raise(number: int, path: str) -> NoReturn:
    raise PermissionError(number, os.strerror(number), path)
