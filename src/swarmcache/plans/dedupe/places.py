"""The folders that a dedupe looks at: those that were named, and the caches of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import AccessDenied, CacheNotFound
from swarmcache.hubcache.folder import within
from swarmcache.hubcache.layout import BLOBS, CACHE_FILES
from swarmcache.hubcache.leftovers.flat_files import flat_files
from swarmcache.hubcache.registry import known_caches
from swarmcache.hubcache.scan import list_cache
from swarmcache.plans.dedupe.values import Left

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmcache.environment import Environment


class Known(NamedTuple):
    """The caches that nobody named."""

    caches: tuple[str, ...]
    closed: tuple[Left, ...]
    """Those that this user cannot read."""


def known_to_share(environment: Environment, tiers: Sequence[str]) -> Known:
    """Return the caches known on this machine that a dedupe may change; never raises.

    A tier is never written, and what is known and no cache now is nothing to walk through.
    """
    caches: list[str] = []
    closed: list[Left] = []
    never = [os.path.realpath(tier) for tier in tiers]
    for cache in known_caches(environment):
        if any(within(os.path.realpath(cache), tier) for tier in never):
            continue
        try:
            if is_cache(cache):
                caches.append(cache)
        except AccessDenied as error:
            closed.append(Left(cache, error.message))
        except (CacheNotFound, OSError):
            continue  # Gone meanwhile.
    return Known(tuple(caches), tuple(closed))


def once_each(folders: Iterable[str]) -> list[str]:
    """Return the real paths of folders, each folder once, though it is bound to several places.

    Of several names the first one where this user may write.
    """
    real = list(dict.fromkeys(map(os.path.realpath, folders)))
    found: dict[object, str] = {}
    for folder in sorted(real, key=lambda one: not os.access(one, os.W_OK)):
        found.setdefault(_identity(folder), folder)
    return [folder for folder in real if folder in found.values()]


def _identity(folder: str) -> object:
    try:
        status = os.stat(folder)
    except OSError:
        return folder  # Listing it tells why.
    return status.st_dev, status.st_ino


def is_cache(folder: str) -> bool:
    """Tell whether a folder can be a cache: it has repos, flat files, or nothing of its own.

    Raises CacheNotFound for no such folder, AccessDenied where this user may not look.
    """
    listing = list_cache(folder)
    if listing.names or next(flat_files(folder), None) is not None:
        return True
    return all(entry.name in CACHE_FILES or entry.name == BLOBS for entry in listing.others)
