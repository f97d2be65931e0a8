"""What is made ready beside its place, under a name that tells its maker: a dead one's is removed.

`<path>.owner.<id>.<boot>.<pid namespace>.<pid>.<start time>.tmp`
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from typing import TYPE_CHECKING

from swarmcache.errors import FULL
from swarmcache.hubcache.use import owners

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.use.owners import Owner

_END = ".tmp"
_LONGEST = 255
"""Bytes of a file name at most, on the file systems of Linux and macOS."""
_TOO_MUCH = FULL | {errno.EFBIG}
_FIELDS = 6
"""Parts of an owner's record between dots."""


@contextlib.contextmanager
def draft_of(path: str) -> Iterator[str]:
    """Yield a new name beside `path`, to make and rename; nothing of it outlives an error.

    An OSError that tells of the draft names `path` instead, as does one of a full disk that tells
    of no file: those are writes.
    """
    draft = draft_name(path)
    try:
        yield draft
    except BaseException as error:
        with contextlib.suppress(OSError, ValueError):
            _remove(draft)
        if isinstance(error, OSError) and _tells_of(error, draft):
            error.filename = path
        raise


def draft_name(path: str) -> str:
    """Return a name beside `path` that tells that this process is its maker."""
    end = f".{owners.this_process().record}{_END}"
    folder, name = os.path.split(path)
    return os.path.join(folder, os.fsdecode(os.fsencode(name)[: _LONGEST - len(end)]) + end)


def maker_of(name: str) -> Owner | None:
    """Return whose draft a file name tells; None where it is none."""
    if not name.endswith(_END):
        return None
    return owners.parse_record(".".join(name.removesuffix(_END).split(".")[-_FIELDS:]))


def has_drafts(folder: str) -> bool:
    """Tell whether a folder holds drafts, of whomever; never raises."""
    try:
        return any(maker_of(name) is not None for name in os.listdir(folder))
    except OSError:
        return False


def sweep_drafts(folder: str) -> None:
    """Remove the drafts in a folder whose makers are gone; never raises."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            maker = maker_of(name)
            if maker is not None and owners.is_gone(f"{folder}/{name}", maker):
                with contextlib.suppress(OSError):
                    _remove(f"{folder}/{name}")


def _tells_of(error: OSError, draft: str) -> bool:
    told = error.filename
    if told is None:
        return error.errno in _TOO_MUCH
    return isinstance(told, str) and (told == draft or told.startswith(f"{draft}/"))


def _remove(draft: str) -> None:
    if os.path.isdir(draft) and not os.path.islink(draft):
        shutil.rmtree(draft, ignore_errors=True)
    else:
        os.unlink(draft)
