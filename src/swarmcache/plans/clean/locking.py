"""All locks of a repo at once, so that nobody downloads what is removed."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import FULL, CacheBusy
from swarmcache.hubcache.layout import BLOBS, INCOMPLETE, LOCKS, folder_name
from swarmcache.hubcache.locks import blob_lock, holder, is_held
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Repo

_SPARE_HANDLES = 64
"""Open files that this process needs beside the locks."""


class Locks(NamedTuple):
    """The locks of a repo that this process holds."""

    etags: frozenset[str]
    are_all: bool
    """False where a full disk lets nobody make one of them, or their folder."""
    changed: int
    """When something was last made in their folder, in nanoseconds; -1 where it is not there."""


def lock_all(cache: str, repo: Repo, locks: contextlib.ExitStack) -> Locks:
    """Take every lock under which something of the repo may be downloaded.

    None is waited for. In sorted order, and again for those that somebody made meanwhile. Raises
    CacheBusy with who holds one, AccessDenied for a lock file that is closed to this user.
    """
    folder = f"{cache}/{LOCKS}/{folder_name(repo.name)}"
    held: set[str] = set()
    lacking: set[str] = set()
    while etags := _etags(repo, folder) - held - lacking:
        _allow_handles(len(etags | held))
        for etag in sorted(etags):
            try:
                locks.enter_context(_locked(cache, repo.name, etag))
                held.add(etag)
            except OSError as error:  # noqa: PERF203 - the others are held all the same
                if error.errno not in FULL:
                    raise
                lacking.add(etag)  # Nobody downloads it now: nobody else can make it either.
    return Locks(frozenset(held), not lacking, _changed(folder))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return -1


def _locked(cache: str, name: RepoName, etag: str) -> contextlib.ExitStack:
    """Return one lock, taken; raises CacheBusy with who holds it."""
    with contextlib.ExitStack() as lock:
        try:
            lock.enter_context(blob_lock(cache, name, etag, 0))
        except CacheBusy as error:
            path = f"{cache}/{LOCKS}/{folder_name(name)}/{etag}.lock"
            who = holder(path) or t("another process")
            raise CacheBusy(t("{who} is downloading it", who=who)) from error
        return lock.pop_all()


def new_downloads(cache: str, repo: Repo, held: Locks) -> bool:
    """Tell whether somebody holds a lock of the repo that was not there when we took them all.

    Where we could not have all, whoever has made one since counts, whether it is held or not.
    """
    folder = f"{cache}/{LOCKS}/{folder_name(repo.name)}"
    locks = {name for name in _listed(folder) if name.endswith(".lock")}
    new = {name for name in locks if name.removesuffix(".lock") not in held.etags}
    if not held.are_all:
        return bool(new) or _changed(folder) != held.changed
    return any(is_held(f"{folder}/{name}") for name in new)


def _etags(repo: Repo, folder: str) -> set[str]:
    """Return what names the locks of a repo: its blobs, its partials, and the locks there are."""
    blobs = list(_listed(f"{repo.path}/{BLOBS}"))
    names = {name.split(".")[0] if name.endswith(INCOMPLETE) else name for name in blobs}
    locks = {name.removesuffix(".lock") for name in _listed(folder) if name.endswith(".lock")}
    return {name for name in names if name and "." not in name} | locks


def _allow_handles(count: int) -> None:
    """Let this process hold so many locks at once, as far as its hard limit allows."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count + _SPARE_HANDLES
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listed(folder: str) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from os.listdir(folder)
