"""When a repo was last used, by our own record: an empty file whose mtime is the moment.

    .locks/.swarmcache/ledger/used/<repo folder>

Access times tell more only where the file system keeps them, so the later of both counts.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import folder_name
from swarmcache.hubcache.state import file_mode, state_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName

FOLDER = "ledger/used"


def note_use(cache: str, environment: Environment, repos: Iterable[RepoName]) -> None:
    """Record that these repos are used now; never raises: it is a hint."""
    state = state_folder(cache, environment)
    if not state.writable or not os.path.isdir(cache):
        return
    with suppress(OSError):
        state.folder("ledger")
        folder = state.folder(FOLDER)
        for repo in repos:
            path = f"{folder}/{folder_name(repo)}"
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                with suppress(OSError):
                    os.fchmod(handle, file_mode(state.mode))
                os.utime(path)
            finally:
                os.close(handle)


def last_uses(cache: str, environment: Environment) -> Mapping[str, float]:
    """Return repo folder -> seconds since the epoch, for what was ever recorded."""
    found: dict[str, float] = {}
    for folder in state_folder(cache, environment).sources(FOLDER):
        with suppress(OSError):
            for entry in os.scandir(folder):
                with suppress(OSError):
                    moment = entry.stat(follow_symlinks=False).st_mtime
                    found[entry.name] = max(moment, found.get(entry.name, 0.0))
    return found


def forget_uses(cache: str, environment: Environment, repos: Iterable[RepoName]) -> None:
    """Remove the records of repos that are no more; never raises."""
    for folder in state_folder(cache, environment).sources(FOLDER):
        for repo in repos:
            with suppress(OSError):
                os.unlink(f"{folder}/{folder_name(repo)}")
