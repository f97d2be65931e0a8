"""The cache folder itself: whether it is there, may be read, and what lies in it."""

from __future__ import annotations

import errno
import os
from stat import S_ISDIR
from typing import TYPE_CHECKING, Literal

from swarmcache.errors import AccessDenied, CacheNotFound
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


Lost = Literal["absent", "closed"]
"""Why a tier gives nothing now: it is not there, or this user may not list or enter it."""


def cache_exists(path: str, *, named: bool = False) -> bool:
    """Tell whether the cache folder is there and can be read.

    A configured cache that was never written to is no error, unless it was `named` in this very
    command; then, or when it is a file, CacheNotFound is raised; AccessDenied when this user may
    not list or enter it.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        if named:
            raise CacheNotFound(
                t("The cache folder {path} does not exist.", path=path),
                hint="swarmcache env --explain",
            ) from None
        return False
    except NotADirectoryError:
        found = None
    except PermissionError:
        raise _denied(path) from None
    if found is None or not S_ISDIR(found.st_mode):
        raise CacheNotFound(t("{path} is a file; the cache must be a folder.", path=path))
    if not os.access(path, os.R_OK | os.X_OK):
        raise _denied(path)
    return True


def _denied(path: str) -> AccessDenied:
    return AccessDenied(
        t("The cache folder {path} cannot be read by this user.", path=path),
        hint=("ls", "-ld", path),
    )


def entries_of(folder: str) -> list[os.DirEntry[str]]:
    """Return what a folder lists, sorted by name; nothing where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def why_lost(tier: str) -> Lost | None:
    """Return why nothing can be had from a tier; None where something may be.

    It is absent when there is no folder, or an empty one as unmounting leaves it.
    """
    try:
        with os.scandir(tier) as entries:
            is_empty = next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    except PermissionError:
        return "closed"
    except OSError as error:
        return "absent" if error.errno == errno.ESTALE else None
    if is_empty:
        return "absent"
    return None if os.access(tier, os.X_OK) else "closed"


def within(path: str, folder: str) -> bool:
    """Tell whether a normal absolute path is a folder or lies below it; nothing is looked up."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def stays_inside(real: str, cache: str, tiers: Sequence[str] = ()) -> bool:
    """Tell whether a real path lies in the cache folder, or in one of its tiers."""
    return lies_in(real, (cache, *tiers)) is not None


def lies_in(real: str, folders: Iterable[str]) -> str | None:
    """Return the first of the folders that a real path lies in, or None."""
    return next((one for one in folders if real.startswith(os.path.realpath(one) + os.sep)), None)
