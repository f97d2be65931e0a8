"""`verify`: are the bytes right, and is it the right file? Offline, each content hashed once.

    for verdict in verify([parse_target("org/name")], cache, state=state_folder(cache, env)):
        ...

What is remembered unchanged is not read again; what is hashed is remembered at once, so that an
interrupted run has lost nothing but the files it was reading.
"""

from __future__ import annotations

import errno
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from swarmcache.errors import os_reason
from swarmcache.hubcache.intact.claims import Claims
from swarmcache.hubcache.intact.crew import Crew, How
from swarmcache.hubcache.intact.expectations import nothing_locked
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.hashing import Changed, NotAFile
from swarmcache.hubcache.intact.ledger import FOLDER, Ledger, Recalled
from swarmcache.hubcache.intact.named_files import Heard, named_files
from swarmcache.hubcache.intact.survey import judged, survey
from swarmcache.hubcache.intact.verdicts import Corrupt, Missing, Remembered, Verified
from swarmcache.locale import t
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from swarmcache.hubcache.intact.crew import Result
    from swarmcache.hubcache.intact.expectations import Locked
    from swarmcache.hubcache.intact.survey import Content, Survey
    from swarmcache.hubcache.intact.verdicts import FileVerdict, Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.state import State
    from swarmcache.progress import Progress

__all__ = ["How", "Verification", "verify"]


def verify(  # noqa: PLR0913 - one keyword for each thing a caller may decide
    targets: Sequence[Target] | None,
    cache: str,
    *,
    state: State,
    how: How | None = None,
    locked: Locked = nothing_locked,
    tiers: Sequence[str] = (),
    progress: Progress | None = None,
) -> Verification:
    """Return a run that tells whether the bytes of `targets` are right; None: the whole cache.

    Nothing is read before it is iterated, which raises CacheNotFound for no such folder.
    `locked` tells which files the project's lock names; without it manifests and names count.
    Links may lead into `tiers`, the cache folders that are read besides, as well.
    """
    return Verification(targets, cache, state, how or How(), locked, tiers, progress or Silent())


class Verification:
    """A run of `verify`: iterate it once for the verdicts, as they come."""

    def __init__(  # noqa: PLR0913, PLR0917 - made by `verify` alone
        self,
        targets: Sequence[Target] | None,
        cache: str,
        state: State,
        how: How,
        locked: Locked,
        tiers: Sequence[str],
        progress: Progress,
    ) -> None:
        self._targets = targets
        self._cache = cache
        self._state = state
        self._how = how
        self._locked = locked
        self._tiers = tiers
        self._progress = progress
        self._lock = threading.Lock()
        self.bytes_hashed = 0
        """Bytes read and hashed so far."""
        self.seconds = 0.0
        """What that took, from the first of them on."""
        self.forgetful: OSError | None = None
        """Why what was hashed cannot be remembered, if it cannot be."""

    def __iter__(self) -> Generator[FileVerdict, None, None]:
        found = survey(self._targets, self._cache, locked=self._locked, tiers=self._tiers)
        heard = Heard()
        with closing(self._of_files(found)) as verdicts:
            for verdict in verdicts:
                heard.hear(verdict)
                yield verdict
        for repo, revision in found.revisions:
            yield from named_files(repo, revision, heard, for_loading=self._targets is not None)

    def _of_files(self, found: Survey) -> Generator[FileVerdict, None, None]:
        yield from found.settled
        ledger = Ledger(self._state)
        unknown: list[Content] = []
        for content in found.contents.values():
            known = None if self._how.recheck else _recalled(ledger, content, self._how.older_than)
            if known is None:
                unknown.append(content)
            else:
                yield from _verdicts(content, known)
        if unknown:
            yield from self._hash(unknown, ledger)
        if self._targets is None:
            ledger.compact({content.inode for content in found.contents.values()})
        self.forgetful = ledger.failure

    def _hash(self, contents: list[Content], ledger: Ledger) -> Iterator[FileVerdict]:
        task = t("Verifying")

        def on_bytes(count: int) -> None:
            with self._lock:
                self.bytes_hashed += count
            self._progress.advance(task, count)

        self._progress.start(task, sum(content.size for content in contents))
        began = time.monotonic()
        try:
            with Claims.opened(self._state, FOLDER) as claims:
                crew = Crew(self._how, ledger, claims, on_bytes=on_bytes)
                with closing(crew.hash(contents)) as results:
                    for content, result in results:
                        yield from _verdicts(content, result)
        finally:
            self.seconds = time.monotonic() - began
            self.forgetful = ledger.failure
            self._progress.finish(task)


def _recalled(ledger: Ledger, content: Content, older_than: float | None) -> Recalled | None:
    try:
        now = fingerprint_of(content.path)
    except OSError:
        return None  # Gone since the survey; hashing it will tell.
    return ledger.recall(content.algorithm, now, older_than=older_than)


def _verdicts(content: Content, result: Result) -> Iterator[FileVerdict]:
    """Yield the verdict on each place where a content is used."""
    if isinstance(result, OSError):
        problem: Outcome = _unread(result)
    elif isinstance(result, Changed):
        problem = Corrupt("changed-while-reading", content.algorithm)
    else:
        remembered = isinstance(result, Recalled)
        good = Remembered(result.when) if isinstance(result, Recalled) else Verified()
        for place in content.places:
            outcome = judged(place, result.digest, good, remembered=remembered)
            if place.commit is not None or outcome is not good:  # Good leftovers are not counted.
                yield place.verdict(outcome)
        return
    for place in content.places:
        if place.commit is not None or isinstance(problem, Corrupt):  # What nobody uses may go.
            yield place.verdict(problem)


def _unread(error: OSError) -> Missing:
    """Return what it means that content could not be read: gone, in the way, or refused."""
    if isinstance(error, NotAFile):
        return Missing("not-a-file")
    if error.errno == errno.ENOENT:
        return Missing("missing-blob")
    reason = os_reason(error)
    return Missing(
        "unreadable",
        t("{path} cannot be read: {reason}.", path=error.filename or "?", reason=reason),
    )
