"""What was hashed, and what came out: a hint that saves time and never replaces the truth.

`ledger/hashes` holds one line for each content, the last line of an inode counts:

    <inode><s|g> <size> <mtime_ns> <ctime_ns> <links> <seconds> <digest> <checksum>

`s` is sha256, `g` git's blob hash. Content whose hash is not the one that some path asks for has
a line in `ledger/corrupt` too, the expected hash before the checksum; `check` looks there only,
and normally there is no such file. No line holds a device number: mounts change it.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.intact.fingerprint import Fingerprint
from swarmcache.hubcache.intact.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.state import State

FOLDER = "ledger"
_SETTLED_NS = 2 * 10**9
"""Nanoseconds; on a coarse clock a younger mtime may be that of a change still to come."""
_SPARE_LINES = 1000
"""Outdated lines that a ledger may hold, beside as many as there are current ones."""
_FIELDS = 7


class Recalled(NamedTuple):
    """What is remembered of content that has not changed since."""

    digest: str
    when: float
    """Seconds since the epoch."""


class Ledger:
    """Remembers hashes; safe to use from several threads, and by several processes at once."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._lines: dict[bytes, bytes] = {}
        self._count = 0
        self._news: set[bytes] = set()
        self._sources = [Journal(f"{path}/hashes") for path in state.sources(FOLDER)]
        self._known_corrupt = _corrupt_lines([f"{p}/corrupt" for p in state.sources(FOLDER)])
        self._journals: tuple[Journal, Journal] | None = None
        self._unwritten: list[bytes] = []
        self._unwritten_corrupt: list[bytes] = []
        self.failure: OSError | None = None if state.writable else _refused(state.path)
        """Why nothing more is written; verifying goes on without memory."""
        self.refresh()
        self._news.clear()

    def refresh(self) -> None:
        """Read what other processes recorded since."""
        with self._lock:
            self._read_news()

    def recall(
        self, algorithm: Algorithm, now: Fingerprint, *, older_than: float | None = None
    ) -> Recalled | None:
        """Return what content of this fingerprint was hashed to, or None when nobody knows.

        With `older_than`, what was hashed more than so many seconds ago counts as not known.
        """
        found = self._known(algorithm, now)
        if found is None:
            return None
        known, when, digest = found
        age = time.time() - when
        too_old = older_than is not None and not -older_than < age < older_than
        return None if too_old or not known.still(now) else Recalled(digest, when)

    def recall_news(self, algorithm: Algorithm, now: Fingerprint) -> Recalled | None:
        """Return what was recorded for content of this fingerprint since the ledger was opened."""
        return self.recall(algorithm, now) if _key(algorithm, now) in self._news else None

    def record(
        self, algorithm: Algorithm, found: Fingerprint, digest: str, expected: Collection[str]
    ) -> None:
        """Remember a hash, unless the content is too young for that.

        `expected` are the hashes that this content is to have in the places where it is used.
        Others see it after `flush`.
        """
        if time.time_ns() - found.mtime_ns < _SETTLED_NS:
            return
        line = _line(algorithm, found, digest, int(time.time()))
        key = line.partition(b" ")[0]
        with self._lock:
            self._lines[key] = line
            self._unwritten.append(line)
            for wanted in expected:
                # Content once found wrong and now right takes the blame off its inode.
                if wanted != digest or (key, wanted.encode()) in self._known_corrupt:
                    self._unwritten_corrupt.append(b"%s %s" % (line, wanted.encode()))

    def relinked(self, algorithm: Algorithm, now: Fingerprint) -> None:
        """Note that content that is remembered has got a second name; its hash is as old as before.

        Once that name is gone again, only the note tells that ctime moved for nothing else.
        """
        found = self._known(algorithm, now)
        if found is None or now.links == 1:
            return
        known, when, digest = found
        if known.links == 1 and known.still(now):
            with self._lock:
                line = _line(algorithm, now, digest, when)
                self._lines[_key(algorithm, now)] = line
                self._unwritten.append(line)

    def flush(self) -> None:
        """Write what was recorded; never raises OSError, but notes it as `failure`."""
        with self._lock:
            lines, self._unwritten = self._unwritten, []
            corrupt, self._unwritten_corrupt = self._unwritten_corrupt, []
            if not lines or self.failure is not None:
                return
            try:
                hashes, blamed = self._opened()
                hashes.append(lines)
                blamed.append(corrupt)
            except OSError as error:
                self.failure = error

    def compact(self, inodes: Collection[int] | None = None) -> None:
        """Drop outdated lines, where they are many; with `inodes`, of all other inodes too."""
        with self._lock:
            self._read_news()
            if self._journals is None or self.failure is not None:
                return
            if self._count <= 2 * len(self._kept(inodes)) + _SPARE_LINES:
                return
            try:
                self._journals[0].rewrite(lambda: self._kept(inodes))
            except OSError as error:
                self.failure = error
            self._count = 0  # All of the new file is news.

    def _known(self, algorithm: Algorithm, now: Fingerprint) -> tuple[Fingerprint, int, str] | None:
        line = self._lines.get(_key(algorithm, now))
        try:
            return None if line is None else _parsed(line)
        except ValueError:
            return None

    def _kept(self, inodes: Collection[int] | None) -> list[bytes]:
        """Return the current lines, those that other processes have just written included."""
        self._read_news()
        lines = self._lines.items()
        return [line for key, line in lines if inodes is None or int(key[:-1]) in inodes]

    def _read_news(self) -> None:
        for source in self._sources:
            for line in source.news():
                key = line.partition(b" ")[0]
                self._lines[key] = line
                self._news.add(key)
                self._count += 1

    def _opened(self) -> tuple[Journal, Journal]:
        folder, mode = self._state.folder(FOLDER), self._state.mode  # Again, after rm -rf .locks.
        if self._journals is None:
            self._journals = Journal(f"{folder}/hashes", mode), Journal(f"{folder}/corrupt", mode)
        return self._journals


class Corruption(NamedTuple):
    """Content that was hashed and is not what some path asks for."""

    fingerprint: Fingerprint
    expected: str
    """The hash that was asked for."""


def known_corrupt(ledgers: Iterable[str]) -> dict[int, list[Corruption]]:
    """Return by inode what the given `ledger/corrupt` files remember; they need not exist."""
    found: dict[int, list[Corruption]] = {}
    for (_, expected), line in _corrupt_lines(ledgers).items():
        try:
            fingerprint, _, digest = _parsed(line.rpartition(b" ")[0])
        except ValueError:
            continue
        if digest != expected.decode():
            wrong = Corruption(fingerprint, expected.decode())
            found.setdefault(fingerprint.inode, []).append(wrong)
    return found


def _corrupt_lines(paths: Iterable[str]) -> dict[tuple[bytes, bytes], bytes]:
    """Return the last line of each content and expected hash."""
    lines = (line for path in paths if os.path.exists(path) for line in Journal(path).news())
    return {(line.partition(b" ")[0], line.rpartition(b" ")[2]): line for line in lines}


def _refused(path: str) -> OSError:
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def _key(algorithm: Algorithm, found: Fingerprint) -> bytes:
    return b"%d%s" % (found.inode, b"s" if algorithm == "sha256" else b"g")


def _line(algorithm: Algorithm, found: Fingerprint, digest: str, when: int) -> bytes:
    key = _key(algorithm, found)
    numbers = (found.size, found.mtime_ns, found.ctime_ns, found.links, when)
    return b"%s %d %d %d %d %d %s" % (key, *numbers, digest.encode())


def _parsed(line: bytes) -> tuple[Fingerprint, int, str]:
    """Return fingerprint, time and digest of a line; ValueError for a line of another shape."""
    fields = line.split(b" ")
    if len(fields) != _FIELDS:
        msg = "not a line of the ledger"
        raise ValueError(msg)
    size, mtime, ctime, links, when = map(int, fields[1:6])
    return Fingerprint(int(fields[0][:-1]), size, mtime, ctime, links), when, fields[6].decode()
