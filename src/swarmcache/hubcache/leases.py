"""Who uses which repos of a cache now, so that nobody removes them.

    .locks/.swarmcache/leases/owner.<…>     its name is the process (owners.py), one repo a line

A lease dies with its process: one of this machine is looked at; one of another machine or
container cannot be, and counts for FAR_SECONDS.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import AccessDenied
from swarmcache.hubcache import owners
from swarmcache.hubcache.layout import folder_name, parse_folder_name
from swarmcache.hubcache.state import file_mode, readable_names, state_folder, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.owners import Owner

FOLDER = "leases"
FAR_SECONDS = 7 * 86400
"""Nobody here can see whether such a process lives; a training may take days."""


class Lease(NamedTuple):
    """One process, and what it uses."""

    owner: Owner
    repos: frozenset[RepoName]


@contextlib.contextmanager
def lease(cache: str, environment: Environment, repos: Iterable[RepoName]) -> Iterator[None]:
    """Hold these repos of the cache for as long as the block runs; never raises itself."""
    path = take_lease(cache, environment, repos)
    try:
        yield
    finally:
        if path is not None:
            with contextlib.suppress(OSError):
                os.unlink(path)


def take_lease(cache: str, environment: Environment, repos: Iterable[RepoName]) -> str | None:
    """Hold these repos until this process ends, whatever it becomes by exec.

    Returns the record's path, or None where nothing can be written: that stops nobody.
    """
    state = state_folder(cache, environment)
    names = sorted({folder_name(repo) for repo in repos})
    if not names or not state.writable or not os.path.isdir(cache):
        return None
    me = owners.this_process()
    with contextlib.suppress(AccessDenied):
        sweep_leases(cache, environment)  # What earlier starts left is not to pile up.
    try:
        folder = state.folder(FOLDER)
        staged = f"{folder}/new.{me.id}"
        with open(staged, "x", encoding="utf-8") as file:
            file.write("".join(f"{name}\n" for name in names))
        with contextlib.suppress(OSError):
            os.chmod(staged, file_mode(state.mode))
        os.rename(staged, f"{folder}/{me.record}")
    except OSError:
        return None
    return f"{folder}/{me.record}"


def leases(cache: str, environment: Environment) -> list[Lease]:
    """Return the leases whose processes live, or may live.

    Raises AccessDenied for one that this user may not read.
    """
    return [
        Lease(owner, _repos(f"{folder}/{owner.record}"))
        for folder in state_folder(cache, environment).sources(FOLDER)
        for owner in _owners(folder)
        if _may_live(folder, owner)
    ]


def sweep_leases(cache: str, environment: Environment) -> None:
    """Remove the leases of dead processes; for verbs that change the disk."""
    for folder in state_folder(cache, environment).sources(FOLDER):
        for owner in _owners(folder):
            if not _may_live(folder, owner):
                with contextlib.suppress(OSError):
                    os.unlink(f"{folder}/{owner.record}")


def _owners(folder: str) -> list[Owner]:
    names = readable_names(folder)
    return [owner for name in names if (owner := owners.parse_record(name)) is not None]


def _may_live(folder: str, owner: Owner) -> bool:
    if owner.is_near:
        return owners.liveness(folder, owner) == "alive"
    try:
        return time.time() - os.stat(f"{folder}/{owner.record}").st_mtime < FAR_SECONDS
    except OSError:
        return False


def _repos(path: str) -> frozenset[RepoName]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return frozenset()  # It ended just now.
    except OSError as error:
        raise unreadable(path) from error
    return frozenset(repo for line in lines if (repo := parse_folder_name(line)) is not None)
