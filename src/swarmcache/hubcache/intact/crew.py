"""The threads that hash, largest files first, and share the work with other processes."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.hashing import Changed, Hashed, hash_file
from swarmcache.hubcache.intact.pace import Throttle, step_back

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from swarmcache.hubcache.intact.claims import Claims
    from swarmcache.hubcache.intact.ledger import Ledger, Recalled
    from swarmcache.hubcache.intact.survey import Content

Result: TypeAlias = "Hashed | Recalled | Changed | OSError"

_SMALL = 2**20
"""Bytes; smaller contents are handed out in batches, so that a claim is worth its cost."""
_BATCH_FILES, _BATCH_BYTES = 256, 2**24
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS, _PATIENCE_RATE = 60.0, 10 * 2**20
"""How long a neighbour may hold a claim while we have nothing else to do: a minute, and what
hashing takes on the slowest disk (bytes a second)."""


@dataclass(frozen=True, slots=True)
class How:
    """How a run hashes."""

    jobs: int = 1
    """Threads."""
    max_rate: int | None = None
    """Bytes a second, all threads together; None for as fast as can be."""
    background: bool = False
    """Let all other work on the machine go first."""
    recheck: bool = False
    """Hash again what is remembered."""
    older_than: float | None = None
    """Hash again what was hashed more than so many seconds ago; None: remember for ever."""


@dataclass(slots=True)
class _Job:
    """What one thread does under one claim."""

    contents: list[Content] = field(default_factory=list)

    @property
    def inode(self) -> int:
        """What the claim is on: the first content's."""
        return self.contents[0].inode

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(content.size for content in self.contents)


class _Stopped(Exception):
    """Raised within a thread to end what it is doing."""


class Crew:
    """Hashes contents with several threads; what is done is in the ledger when it is yielded."""

    def __init__(
        self, how: How, ledger: Ledger, claims: Claims, *, on_bytes: Callable[[int], None]
    ) -> None:
        self._how = how
        self._ledger = ledger
        self._claims = claims
        self._on_bytes = on_bytes
        self._stop = threading.Event()
        self._throttle = Throttle(how.max_rate, sleep=self._stop.wait) if how.max_rate else None
        self._results: SimpleQueue[tuple[_Job, list[Result]] | BaseException | None] = SimpleQueue()

    def hash(self, contents: Iterable[Content]) -> Generator[tuple[Content, Result], None, None]:
        """Yield each content with its result as it comes; closing the iterator ends the work."""
        jobs = _jobs(contents)
        busy: list[_Job] = []
        yield from self._run(jobs, busy, patient=False)
        # What a neighbour had in hand is looked up again, now that there is nothing else to do.
        yield from self._run(busy, [], patient=True)

    def _run(
        self, jobs: list[_Job], busy: list[_Job], *, patient: bool
    ) -> Generator[tuple[Content, Result], None, None]:
        queue = deque(jobs)
        count = min(self._how.jobs, len(jobs))
        threads = [
            threading.Thread(target=self._work, args=(queue, patient), name=f"verify-{n}")
            for n in range(count)
        ]
        try:
            for thread in threads:
                thread.start()
            while count:
                done = self._results.get()
                if done is None:
                    count -= 1
                elif isinstance(done, BaseException):
                    raise done
                elif done[1]:
                    yield from zip(done[0].contents, done[1], strict=False)
                else:
                    busy.append(done[0])
        finally:
            if count:
                self._stop.set()
            for thread in threads:
                if thread.is_alive():  # Not one that Ctrl-C met while it was made.
                    thread.join()

    def _work(self, queue: deque[_Job], patient: bool) -> None:
        """Be one thread: take jobs until there are none."""
        try:
            if self._how.background:
                step_back()
            while queue and not self._stop.is_set():
                try:
                    job = queue.popleft()
                except IndexError:
                    break
                self._results.put((job, self._do(job, patient=patient)))
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - handed to whoever iterates
            self._results.put(error)
        finally:
            self._results.put(None)

    def _do(self, job: _Job, *, patient: bool) -> list[Result]:
        """Return a job's results; none when a neighbour is at it and we are not patient."""
        if not self._claimed(job, patient=patient):
            return []
        try:
            self._ledger.refresh()
            return [self._result(content) for content in job.contents]
        finally:
            self._ledger.flush()
            self._claims.give_back(job.inode)

    def _claimed(self, job: _Job, *, patient: bool) -> bool:
        if self._claims.take(job.inode):
            return True
        deadline = time.monotonic() + _PATIENCE_SECONDS + job.size / _PATIENCE_RATE
        while patient:
            if self._stop.wait(_POLL_SECONDS):
                raise _Stopped
            if self._claims.take(job.inode) or time.monotonic() > deadline:
                return True
        return False

    def _result(self, content: Content) -> Result:
        try:
            # What a neighbour hashed meanwhile counts even when all is to be hashed again.
            now = fingerprint_of(content.path)
            return self._ledger.recall_news(content.algorithm, now) or self._hashed(content)
        except OSError as error:
            return error

    def _hashed(self, content: Content) -> Hashed | Changed:
        result = self._hash(content)
        if isinstance(result, Changed):
            # Perhaps it was only replaced or given other permissions; if it still changes, it is
            # being written to, which nobody may do to a blob.
            result = self._hash(content)
        if isinstance(result, Hashed):
            wanted = {place.expected.digest for place in content.places}
            self._ledger.record(content.algorithm, result.fingerprint, result.digest, wanted)
        return result

    def _hash(self, content: Content) -> Hashed | Changed:
        return hash_file(content.path, content.algorithm, on_bytes=self._spend)

    def _spend(self, count: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._on_bytes(count)
        if self._throttle is not None:
            self._throttle.spend(count)


def _jobs(contents: Iterable[Content]) -> list[_Job]:
    """Return what to hash, largest first, small contents together."""
    jobs: list[_Job] = []
    batch, size = _Job(), 0
    for content in sorted(contents, key=lambda content: (-content.size, content.inode)):
        if content.size >= _SMALL:
            jobs.append(_Job([content]))
            continue
        if len(batch.contents) >= _BATCH_FILES or size >= _BATCH_BYTES or not batch.contents:
            batch, size = _Job(), 0
            jobs.append(batch)
        batch.contents.append(content)
        size += content.size
    return jobs
