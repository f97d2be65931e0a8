"""When a repo was last used: by our own record, an empty file whose mtime is the moment.

    .locks/.swarmcache/ledger/used/<repo folder>

Access times tell it only where there is no record (docs/adr/0015).
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.errors import AccessDenied
from swarmcache.hubcache.belonging import opened
from swarmcache.hubcache.layout import folder_name
from swarmcache.hubcache.state import LEASES, file_mode, state_folder, users_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Blob
    from swarmcache.hubcache.state import State

FOLDER = "ledger/used"


def last_used(recorded: float | None, contents: Collection[Blob]) -> float:
    """Return when a repo with these contents was last used, in seconds since the epoch.

    1. our record, where there is one
    2. the latest access time of its files

    A record is passed over where content came after it: somebody else removed and fetched the
    repo, or fetched more of it, and what was used since nobody recorded.
    """
    if recorded is not None:
        modified = max([blob.modified for blob in contents], default=0.0)
        # File systems keep mtimes more coarsely than the clock that stamps a record.
        if modified <= recorded + 1:
            return recorded
    accessed = max([blob.accessed for blob in contents], default=0.0)
    return max(accessed, recorded or 0.0)


def note_use(cache: str, environment: Environment, repos: Iterable[RepoName]) -> None:
    """Record that these repos of the cache are used now; never raises: it is a hint."""
    state = state_folder(cache, environment)
    folders = [folder_name(repo) for repo in repos]
    folders = [folder for folder in folders if os.path.isdir(f"{cache}/{folder}")]
    if not (folders and state.writable):
        return
    with suppress(OSError):
        try:
            _note(folders, state)
        except PermissionError:  # Another user's folder stands there.
            own = users_folder(cache, environment)
            _note(folders, state._replace(path=own, mode=0o700))


def last_uses(cache: str, environment: Environment) -> Mapping[str, float]:
    """Return repo folder -> seconds since the epoch, for what was ever recorded.

    What a living process has leased is used now; never raises.
    """
    found: dict[str, float] = {}
    for folder in _sources(cache, environment):
        with suppress(OSError):
            for entry in os.scandir(folder):
                with suppress(OSError):
                    moment = entry.stat(follow_symlinks=False).st_mtime
                    found[entry.name] = max(moment, found.get(entry.name, 0.0))
    for name, moment in _leased(cache, environment).items():
        found[name] = max(moment, found.get(name, 0.0))
    return found


def copy_uses(source: str, cache: str, environment: Environment) -> None:
    """Record in one cache when the repos of another were used; never raises."""
    state = state_folder(cache, environment)
    with suppress(OSError):
        state.folder("ledger")
        used = state.folder(FOLDER)
        for name, moment in last_uses(source, environment).items():
            if os.path.isdir(f"{cache}/{name}") and not os.path.lexists(f"{used}/{name}"):
                _touch(f"{used}/{name}", state)
                os.utime(f"{used}/{name}", (moment, moment))


def forget_uses(cache: str, environment: Environment, repos: Iterable[RepoName]) -> None:
    """Remove the records of repos that are no more; never raises."""
    for folder in _sources(cache, environment):
        for repo in repos:
            with suppress(OSError):
                os.unlink(f"{folder}/{folder_name(repo)}")


def _leased(cache: str, environment: Environment) -> dict[str, float]:
    """Return repo folder -> now, or the last heartbeat of a process that cannot be looked at."""
    found: dict[str, float] = {}
    with suppress(AccessDenied, OSError):
        folders = state_folder(cache, environment).sources(LEASES)
        if not any(os.listdir(folder) for folder in folders if os.path.isdir(folder)):
            return {}
        from swarmcache.hubcache.use.leases import leases  # noqa: PLC0415 - mostly there are none

        for lease in leases(cache, environment):
            moment = time.time() if lease.owner.is_near else lease.beaten
            for repo in lease.repos:
                name = folder_name(repo)
                found[name] = max(moment, found.get(name, 0.0))
    return found


def _sources(cache: str, environment: Environment) -> list[str]:
    own = f"{users_folder(cache, environment)}/{FOLDER}"
    return list(dict.fromkeys([*state_folder(cache, environment).sources(FOLDER), own]))


def _note(folders: Iterable[str], state: State) -> None:
    state.folder("ledger")
    used = state.folder(FOLDER)
    for folder in folders:
        _touch(f"{used}/{folder}", state)


def _touch(path: str, state: State) -> None:
    """Give a record the present moment; another user's is replaced where it cannot be written."""
    try:
        handle = opened(path, os.O_WRONLY)
    except PermissionError:
        os.unlink(path)
        handle = opened(path, os.O_WRONLY)
    try:
        with suppress(OSError):
            os.fchmod(handle, file_mode(state.mode))
        os.utime(path)
    finally:
        os.close(handle)
