"""Which repos clients are at now: leased, so that `clean` takes none away between two files.

A client is at a repo while an answer about it is under way, and for a minute after the last one.
Idle repos are not leased: a node that serves must be cleanable. Nothing is written for a request,
only when the set of these repos changes, and from time to time while it does not.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import parse_folder_name
from swarmcache.hubcache.use.last_use import note_use
from swarmcache.hubcache.use.leases import drop_lease, renew_lease, take_lease
from swarmcache.hubcache.use.using import BEAT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName

STAY_SECONDS = 60.0
"""So long a client may take from one request to the next."""


class Visits:
    """The repo folders that clients are at; nothing here raises, or stops an answer."""

    def __init__(self, environment: Environment, *, stay: float = STAY_SECONDS) -> None:
        self._environment = environment
        self._stay = stay
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}
        """Repo folder -> when a request for it came last, by the monotonic clock."""
        self._sending: dict[str, int] = {}
        """Repo folder -> answers under way; changed by the loop's thread alone."""
        self._records: dict[str, str | None] = {}
        """Cache folder -> its lease, None where it cannot be written."""
        self._beaten = time.monotonic()
        self._closed = False

    def arrive(self, folders: Iterable[str]) -> None:
        """Note a request for a repo in these folders, in the order of the caches."""
        now = time.monotonic()
        with self._lock:
            new = [folder for folder in folders if folder not in self._seen]
            self._seen.update(dict.fromkeys(folders, now))
            if new and not self._closed:
                self._changed(new)

    @contextmanager
    def sending(self, folders: Iterable[str]) -> Iterator[None]:
        """Stay at these folders while the block runs, however long it takes."""
        for folder in folders:
            self._sending[folder] = self._sending.get(folder, 0) + 1
        try:
            yield
        finally:
            now = time.monotonic()
            for folder in folders:
                self._sending[folder] -= 1
                if folder in self._seen:
                    self._seen[folder] = now

    def look_after(self) -> None:
        """Let go of the folders that nobody is at any more; to be called from time to time."""
        now = time.monotonic()
        with self._lock:
            gone = [
                folder
                for folder, moment in list(self._seen.items())
                if now - moment > self._stay and not self._sending.get(folder)
            ]
            for folder in gone:
                del self._seen[folder]
            if gone:
                self._changed(gone)
            if now - self._beaten > BEAT_SECONDS:
                self._beat(now)

    def close(self) -> None:
        """Let go of all."""
        with self._lock:
            gone, self._closed = list(self._seen), True
            self._seen.clear()
            self._changed(gone)

    def _changed(self, folders: Iterable[str]) -> None:
        """Write the leases of the caches of these folders anew, and note the use of the repos."""
        for cache, repos in _by_cache(folders).items():
            before = self._records.pop(cache, None)
            held = _by_cache(self._seen).get(cache, [])
            if held:
                self._records[cache] = take_lease(cache, self._environment, held, over=before)
            elif before is not None:
                drop_lease(before)
            note_use(cache, self._environment, repos)

    def _beat(self, now: float) -> None:
        self._beaten = now
        for cache, repos in _by_cache(self._seen).items():
            if record := self._records.get(cache):
                renew_lease(record)
            note_use(cache, self._environment, repos)


def _by_cache(folders: Iterable[str]) -> dict[str, list[RepoName]]:
    found: dict[str, list[RepoName]] = {}
    for folder in folders:
        cache, name = os.path.split(folder)
        repo = parse_folder_name(name)
        if repo is not None:
            found.setdefault(cache, []).append(repo)
    return found
