"""Who uses which repos of a cache now, so that nobody removes them.

    .locks/.swarmcache/leases/owner.<…>     its name is the process (owners.py)

    since 1764111600                        seconds since the epoch
    host node7
    command swarmcache
    models--org--name                       one repo a line

A lease dies with its process: one of this machine is looked at; one of another machine or
container cannot be, and counts for FAR_SECONDS after its last heartbeat, the file's mtime.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import AccessDenied
from swarmcache.hubcache.drafts import maker_of
from swarmcache.hubcache.layout import folder_name, parse_folder_name
from swarmcache.hubcache.publishing import write_whole
from swarmcache.hubcache.state import LEASES, file_mode, readable_names, state_folder, unreadable
from swarmcache.hubcache.use import owners

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.use.owners import Owner

FAR_SECONDS = 7 * 86400
"""Nobody here can see whether such a process lives; a training may take days."""


class Lease(NamedTuple):
    """One process, and what it uses."""

    owner: Owner
    repos: frozenset[RepoName]
    host: str = ""
    """The machine's name, as the process knew it."""
    command: str = ""
    """The program's name."""
    since: float = 0.0
    """When it was taken, in seconds since the epoch."""
    beaten: float = 0.0
    """The last heartbeat, in seconds since the epoch."""


@contextlib.contextmanager
def lease(cache: str, environment: Environment, repos: Iterable[RepoName]) -> Iterator[str | None]:
    """Hold these repos of the cache for as long as the block runs; never raises itself.

    Yields what `take_lease` returns.
    """
    path = take_lease(cache, environment, repos)
    try:
        yield path
    finally:
        if path is not None:
            drop_lease(path)


def take_lease(
    cache: str, environment: Environment, repos: Iterable[RepoName], *, over: str | None = None
) -> str | None:
    """Hold these repos until this process ends, whatever it becomes by exec.

    Returns the record's path, or None where nothing can be written: that stops nobody. `over` is
    a lease of this process that this one takes the place of, with no instant between the two.
    """
    state = state_folder(cache, environment)
    names = sorted({folder_name(repo) for repo in repos})
    if not names or not state.writable or not os.path.isdir(cache):
        return None
    with contextlib.suppress(AccessDenied):
        sweep_leases(cache, environment)  # What earlier starts left is not to pile up.
    try:
        record = over or f"{state.folder(LEASES)}/{owners.this_process().record}"
        text = _head(environment) + "".join(f"{name}\n" for name in names)
        write_whole(record, text, mode=file_mode(state.mode), errors="replace")
    except OSError:
        return None
    return record


def renew_lease(path: str) -> None:
    """Tell that a lease's process lives, to whoever cannot look at it; never raises."""
    with contextlib.suppress(OSError):
        os.utime(path)


def drop_lease(path: str) -> None:
    """Hold no longer what `take_lease` returned; never raises.

    A child that was forked meanwhile drops nothing: the lease is its parent's.
    """
    owner = owners.parse_record(os.path.basename(path))
    if owner is not None and owner.pid == os.getpid():
        with contextlib.suppress(OSError):
            os.unlink(path)


def leases(cache: str, environment: Environment) -> list[Lease]:
    """Return the leases whose processes live, or may live.

    Raises AccessDenied for one that this user may not read.
    """
    return [
        _read(folder, owner)
        for folder in state_folder(cache, environment).sources(LEASES)
        for owner in _owners(folder)
        if _may_live(f"{folder}/{owner.record}", owner)
    ]


def sweep_leases(cache: str, environment: Environment) -> None:
    """Remove the leases of dead processes, and their drafts; for verbs that change the disk."""
    for folder in state_folder(cache, environment).sources(LEASES):
        for name in readable_names(folder):
            owner = owners.parse_record(name) or maker_of(name)
            if owner is not None and not _may_live(f"{folder}/{name}", owner):
                with contextlib.suppress(OSError):
                    os.unlink(f"{folder}/{name}")


def _owners(folder: str) -> list[Owner]:
    names = readable_names(folder)
    return [owner for name in names if (owner := owners.parse_record(name)) is not None]


def _may_live(path: str, owner: Owner) -> bool:
    if owner.is_near:
        return owners.liveness(os.path.dirname(path), owner) == "alive"
    try:
        return time.time() - os.stat(path).st_mtime < FAR_SECONDS
    except OSError:
        return False


def _head(environment: Environment) -> str:
    """Return what a lease tells people about this process; each a line without a line break."""
    command = os.path.basename(sys.argv[0]) if sys.argv else ""
    instance = environment.get("SWARMCACHE_INSTANCE") or ""  # One of several on this machine.
    told = {
        "since": f"{time.time():.0f}",
        "host": _host(),
        "command": f"{command or 'python'} {instance}",
    }
    return "".join(f"{name} {' '.join(text.split())}\n" for name, text in told.items())


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else ""


def _read(folder: str, owner: Owner) -> Lease:
    path = f"{folder}/{owner.record}"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            beaten = os.fstat(file.fileno()).st_mtime
            lines = file.read().splitlines()
    except FileNotFoundError:
        return Lease(owner, frozenset())  # It ended just now.
    except OSError as error:
        raise unreadable(path) from error
    told = dict(line.split(" ", 1) for line in lines if " " in line)
    repos = frozenset(repo for line in lines if (repo := parse_folder_name(line)) is not None)
    since = float(told["since"]) if told.get("since", "").isdecimal() else beaten
    return Lease(owner, repos, told.get("host", ""), told.get("command", ""), since, beaten)
