"""Contents that lie next door become blobs here without being read or stored once more.

What nobody has hashed since it was written is hashed first: a wrong blob must not spread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from swarmcache.errors import SwarmcacheError
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.hashing import Hashed, hash_file
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.linking import (
    hard_linked,
    is_what_was_linked,
    keeps_writers,
    reflinked,
)
from swarmcache.hubcache.locks import blob_lock
from swarmcache.hubcache.publishing import is_as_open, make_folder, replace, share
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.tier_links import tier_link
from swarmcache.hubcache.use import owners
from swarmcache.transfer.claims import new_folder
from swarmcache.transfer.contents import (
    SMALL_BYTES,
    Advanced,
    Fetched,
    Started,
    is_there,
    place_of,
)
from swarmcache.transfer.place import partials_folder
from swarmcache.transfer.putting import let_settle

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.intact.fingerprint import Fingerprint
    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.linking import Way
    from swarmcache.transfer.contents import Content, Event


class Linker:
    """Links contents into one cache."""

    def __init__(self, cache: str, environment: Environment, symlinked: Sequence[str] = ()) -> None:
        """Take the cache; into the `symlinked` tiers its blobs become symbolic links."""
        self._cache = cache
        self._symlinked = symlinked
        self._environment = environment
        self._ledgers: dict[str, Ledger] = {}
        """By cache: read once, however many models come from it."""

    def run(self, contents: Sequence[Content], left: list[Content]) -> Iterator[Event]:
        """Link what can be linked, and yield what happens; `left` gets the rest."""
        candidates: list[Content] = []
        for content in contents:
            is_near = bool(content.copies) and content.algorithm is not None
            (candidates if is_near else left).append(content)
        if not candidates:
            return
        for ledger in self._ledgers.values():
            ledger.refresh()
        partials = partials_folder(self._cache, self._environment)
        folder = new_folder(partials, owners.this_process())
        try:
            for content in candidates:
                yield from self._link(content, folder, left)
        finally:
            for ledger in self._ledgers.values():
                ledger.flush()
            shutil.rmtree(folder, ignore_errors=True)

    def _link(self, content: Content, folder: str, left: list[Content]) -> Iterator[Event]:
        """Link one content from the first of its copies that can be."""
        if is_there(content):
            left.append(content)  # Another process was first.
            return
        for copy in content.copies:
            staged = f"{folder}/{os.urandom(8).hex()}"
            try:
                before = fingerprint_of(copy)
                way = self._linked(content, copy, staged) if before.size == content.size else None
                if way is None:
                    continue
                yield Started(content, copy, 0)
                is_it = is_what_was_linked(before, copy, staged, way)
                known = self._recalled(content, copy, before) if is_it else ""
                digest = known or (yield from _hashed(content, staged))
                if digest == content.etag:
                    self._put(content, staged, way)
                    if known and way == "hardlink":
                        self._note(content, copy)
                    yield Fetched(content, (copy,), 0, 0, 0, content.size)
                    return
            except (SwarmcacheError, OSError):
                pass  # What it is, the engine will meet and tell.
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(staged)
        left.append(content)

    def _linked(self, content: Content, copy: str, staged: str) -> Way | None:
        """Give a copy a second name; a link into a tier is one that its settings ask for.

        One that is less open than a group's cache is not linked: opened to the group here, it would
        be opened next door too; and a link that is taken back has moved ctime, so that next door
        nobody would remember its hash. Nor is one whose owner is not to write here.
        """
        link = tier_link(copy, self._cache, self._symlinked)
        if link is not None and link.is_safe:
            os.symlink(link.target, staged)
            return "symlink"
        if reflinked(copy, staged):
            return "reflink"
        blobs = os.path.dirname(content.location)
        make_folder(blobs)
        if not (is_as_open(copy, blobs) and keeps_writers(copy, blobs)):
            return None
        return "hardlink" if hard_linked(copy, staged) else None

    def _recalled(self, content: Content, copy: str, before: Fingerprint) -> str:
        """Return what the bytes of a copy are remembered to be; empty for nothing."""
        assert content.algorithm is not None  # noqa: S101 - told apart by the caller
        known = self._ledger(copy).recall(content.algorithm, before)
        return known.digest if known is not None else ""

    def _note(self, content: Content, copy: str) -> None:
        """Let the cache next door remember its content still when our name of it goes again."""
        assert content.algorithm is not None  # noqa: S101 - told apart by the caller
        with contextlib.suppress(OSError):  # It was removed there just now.
            self._ledger(copy).relinked(content.algorithm, fingerprint_of(copy))

    def _put(self, content: Content, staged: str, way: Way) -> None:
        """Make it the blob, under the Hub's lock."""
        blobs = os.path.dirname(content.location)
        make_folder(blobs)
        with blob_lock(self._cache, content.repo, content.etag, 0):
            if way == "reflink":
                share(staged, blobs)
                let_settle(staged)
            replace(staged, content.location)

    def _ledger(self, copy: str) -> Ledger:
        """Return what is remembered of the cache that a file lies in."""
        cache = place_of(copy)
        if cache not in self._ledgers:
            self._ledgers[cache] = Ledger(state_folder(cache, self._environment))
        return self._ledgers[cache]


def _hashed(content: Content, path: str) -> Generator[Event, None, str]:
    """Return what a file's bytes are; empty where they cannot be read."""
    assert content.algorithm is not None  # noqa: S101 - told apart by the caller
    hashing = _Hashing(path, content.algorithm)
    if content.size <= SMALL_BYTES:  # Nobody waits for a bar: a thread costs more than the hash.
        hashing.work()
        yield Advanced(content, content.size)
        return hashing.digest
    try:
        for count in hashing.counts():
            yield Advanced(content, count)
    finally:
        hashing.stop()
    return hashing.digest


class _Hashing:
    """Hashes a file in a thread of its own, so that somebody can be told how far it is."""

    def __init__(self, path: str, algorithm: Algorithm) -> None:
        self.digest = ""
        """Empty until it is known, and where the file cannot be hashed."""
        self._path = path
        self._algorithm = algorithm
        self._counts: SimpleQueue[int] = SimpleQueue()
        self._stopped = False

    def counts(self) -> Iterator[int]:
        """Yield how many bytes more are hashed, until all are."""
        threading.Thread(target=self.work, daemon=True).start()
        while count := self._counts.get():
            yield count

    def stop(self) -> None:
        """End it soon, whoever waits for it no more."""
        self._stopped = True

    def work(self) -> None:
        """Hash it; never raises."""
        try:
            found = hash_file(self._path, self._algorithm, on_bytes=self._hear)
            self.digest = found.digest if isinstance(found, Hashed) else ""
        except OSError:
            self.digest = ""
        finally:
            self._counts.put(0)

    def _hear(self, count: int) -> None:
        if self._stopped:
            raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED), self._path)
        self._counts.put(count)
