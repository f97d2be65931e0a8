"""Leftovers of the cache's home: dead chunk caches of Xet, flat files of old transformers.

They may lie outside the cache folder, and on other file systems, so they do not go through its
trash: a chunk cache is renamed where it stands and then deleted, a flat file goes by itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.leftovers.chunk_caches import chunk_caches, discard, read_chunk_cache
from swarmcache.hubcache.leftovers.flat_files import flat_files, still_read
from swarmcache.hubcache.leftovers.homes import flat_folders, xet_folders
from swarmcache.hubcache.libraries import installed
from swarmcache.hubcache.locks import is_held
from swarmcache.locale import t
from swarmcache.plans.clean.drafting import Draft
from swarmcache.plans.clean.protection import is_settled
from swarmcache.plans.clean.values import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.leftovers.chunk_caches import ChunkCache
    from swarmcache.plans.clean.protection import Protection

_LOCK = ".lock"


def dead_chunk_caches(
    cache: str, environment: Environment, protection: Protection, kept: list[Kept]
) -> Iterator[Draft]:
    """Yield the chunk caches that go; `kept` gets those that stay."""
    for folder in xet_folders(cache, environment):
        for found in chunk_caches(folder):
            reason = _needed(found, protection)
            if reason is None:
                yield Draft("xet", found.path, None, found.files)
            else:
                kept.append(Kept(found.path, reason))


def remove_chunk_cache(
    path: str, protection: Protection, unlink: Callable[[str], None]
) -> str | None:
    """Remove a chunk cache, or return why it stays; killed, the next clean goes on.

    It is looked at again before and after the rename, by which it goes out of use.
    """
    reason = _needed(read_chunk_cache(path), protection)
    if reason is not None:
        return reason
    aside = discard(path)
    strangers = read_chunk_cache(aside).strangers
    if strangers:
        if not os.path.lexists(path):
            os.rename(aside, path)
        return t("{path} in it is not Xet's", path=strangers[0])
    for folder, _, names in os.walk(aside, topdown=False):
        for name in names:
            unlink(f"{folder}/{name}")
        os.rmdir(folder)
    return None


def dead_flat_files(
    cache: str,
    environment: Environment,
    python: str | None,
    protection: Protection,
    kept: list[Kept],
) -> Iterator[Draft]:
    """Yield the flat files in the cache and in its home that go; `kept` gets those that stay.

    `python` is the interpreter whose transformers must not read them any more.
    """
    for folder in (cache, *flat_folders(cache, environment)):
        files = list(flat_files(folder))
        reason = still_read(installed(environment, python)) if files else None
        if reason is not None:
            kept.append(Kept(f"{folder}/{os.path.basename(files[0])}", reason))
            continue
        for path in files:
            reason = _used(path, protection)
            if reason is not None:
                kept.append(Kept(path, reason, busy=True))
            elif is_settled(os.lstat(path)):
                yield Draft("legacy", path, None, {path: os.lstat(path)})


def remove_flat_file(
    path: str, protection: Protection, unlink: Callable[[str], None]
) -> str | None:
    """Remove a flat file, or return why it stays."""
    reason = _used(path, protection)
    if reason is None and not is_settled(os.lstat(path)):
        reason = t("it changed since the plan was made")
    if reason is None:
        unlink(path)
    return reason


def _needed(found: ChunkCache, protection: Protection) -> str | None:
    return found.why_kept or protection.opened_files(found.files)


def _used(path: str, protection: Protection) -> str | None:
    """Return who uses a flat file, or downloads it now, or None."""
    lock = f"{path.removesuffix('.json').removesuffix(_LOCK)}{_LOCK}"
    if os.path.isfile(lock) and is_held(lock):
        return t("a download of it is under way")
    return protection.opened_files({path: os.lstat(path)})
