"""One content from whichever source has it: pieces out, bytes in, proven, and put in its place.

Several threads work on the pieces of one download; a piece of an earlier `round` (another source,
or bytes thrown away since) can do nothing any more.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from swarmcache.errors import (
    EndpointUnreachable,
    SwarmcacheError,
    WrongBytes,
)
from swarmcache.locale import t
from swarmcache.transfer.bounds import backoff
from swarmcache.transfer.contents import SMALL_BYTES, Failed, Fetched, Started
from swarmcache.transfer.follower import UNKNOWN, Follower
from swarmcache.transfer.piece import Piece
from swarmcache.transfer.putting import put
from swarmcache.transfer.ranges import Range, Ranges
from swarmcache.transfer.refusals import refusal, weightiest
from swarmcache.transfer.sources import Abandoned, Retry, Struck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from swarmcache.transfer.bounds import Bounds
    from swarmcache.transfer.claims import Claim
    from swarmcache.transfer.contents import Content, Event
    from swarmcache.transfer.partial import Partial
    from swarmcache.transfer.sources import Source

PIECE_BYTES = 64 * 2**20
"""What one request asks for at most, so that the hash can follow close behind."""
CONNECTIONS = 4
"""For one content at most; a further one is opened each second that it lasts."""
RESTARTS = 2
"""How often a source may call its bytes by another name; then only their hash decides."""
FAST = 256 * 2**20
"""Bytes a second from which on a second connection brings nothing more."""
_PROGRESS = 65536
"""Bytes that make a failure the first one again."""
_OVER = -1
"""The round of a piece that nobody waits for any more."""


class Download:
    """A content under way; every method may be called from any thread."""

    def __init__(  # noqa: PLR0913 - one keyword for each thing that a crew provides
        self,
        content: Content,
        claim: Claim,
        partial: Partial,
        sources: Sequence[Source],
        bounds: Bounds,
        *,
        tell: Callable[[Event], None],
        lose: Callable[[Download], None],
        spend: Callable[[int], object],
    ) -> None:
        self.content = content
        self.claim = claim
        self.partial = partial
        self.ended = False
        self._sources = list(sources)
        self._bounds = bounds
        self._tell = tell
        self._lose = lose
        """Called when another process has taken over."""
        self._spend = spend
        self._lock = threading.RLock()
        self._turn = 0
        self._pieces: set[Piece] = set()
        self._failures = 0
        self._restarts = 0
        self._had = 0
        self._told = partial.resumed
        self._not_before = 0.0
        self._errors: list[SwarmcacheError] = []
        self.began = time.monotonic()
        self._follower = Follower(partial, content.algorithm)
        self._resumed = partial.resumed
        self._bytes: dict[str, int] = {}
        """What each source has sent of the bytes that are there."""

    def begin(self) -> None:
        """Tell that it begins; without a source it ends at once."""
        if not self._sources:
            self._end(Failed(self.content, _nobody(self.content)))
            return
        if self._is_odd and self._resumed:
            self.partial.reset()
            self._resumed = 0
        self._tell(Started(self.content, self.source.name, self._resumed))
        self._follow()

    @property
    def source(self) -> Source:
        """The source that is asked now."""
        return self._sources[0]

    def next_piece(self) -> Piece | None:
        """Return what a free thread may fetch now, or None."""
        with self._lock:
            now = time.monotonic()
            if self.ended or now < self._not_before:
                return None
            if len(self._pieces) >= self._most(now):
                return None
            occupied = Ranges([*self.partial.ranges(), *(piece.part for piece in self._pieces)])
            gap = next(occupied.missing(self.content.size), None)
            if gap is None:
                return None
            stop = gap.stop if self._in_one else min(gap.stop, gap.start + PIECE_BYTES)
            piece = Piece(self, self.source, Range(gap.start, stop), self._turn)
            self._pieces.add(piece)
            return piece

    @property
    def _in_one(self) -> bool:
        """Whether one answer must bring everything."""
        return self.source.whole or self._is_odd

    def _most(self, now: float) -> int:
        """Return how many connections are of use now."""
        seconds = now - self.began
        brought = self.partial.have - self._resumed
        if self._in_one or brought > FAST * seconds > 0:
            return 1
        return min(CONNECTIONS, 1 + int(seconds))

    def fetch(self, piece: Piece) -> None:
        """Read a piece from its source, and decide how to go on; never raises."""
        try:
            piece.source.read(piece.part, piece)
            failure: Retry | Struck | None = None
        except (Retry, Struck) as error:
            failure = error
        except Abandoned:
            failure = None
        except Exception as error:  # noqa: BLE001 - a thread of its own: nobody else would hear
            failure = Struck(refusal(error, piece.source.name, self.content.target))
        self.returned(piece, failure)

    def returned(self, piece: Piece, failure: Retry | Struck | None) -> None:
        """Take a piece back, complete or not."""
        with self._lock:
            if piece not in self._pieces:
                return
            self._pieces.discard(piece)
            mine, piece.turn = piece.turn == self._turn, _OVER
            if self.ended or not mine:
                return
            if failure is not None:
                self._failed(failure)
                return
        self._conclude_if_small()

    def news(self) -> int:
        """Return by how many bytes there are more, or fewer, than when this was asked last."""
        have = self.partial.have
        more, self._told = have - self._told, have
        return more

    def known_etag(self, origin: str) -> str | None:
        """Return what an origin called the bytes that are there; None once it changed too often."""
        return self.partial.etags.get(origin) if self._restarts < RESTARTS else None

    def stalled(self, now: float) -> list[Piece]:
        """Return the pieces that have not got on for longer than any wait may be."""
        bounds = self._bounds
        head = 2 * bounds.connect + bounds.answer
        with self._lock:
            return [
                piece
                for piece in self._pieces
                if now - piece.moved > (bounds.stall if piece.reading else head)
            ]

    def take(self, piece: Piece, at: int, content: memoryview) -> None:
        """Write bytes that a piece has brought; raises Abandoned."""
        if self.ended or piece.turn != self._turn:
            raise Abandoned
        with self.told_of_disk(piece):
            new = self.partial.write(at, content, piece.generation)
            if new == len(content):  # Else some of it was there, and counts as it was.
                self._follower.offer(at, content, piece.generation)
        name = piece.source.name
        with self._lock:
            self._bytes[name] = self._bytes.get(name, 0) + len(content)
        self._spend(len(content))

    @contextlib.contextmanager
    def told_of_disk(self, piece: Piece) -> Iterator[None]:
        """End with what the disk refuses within, which no source can help; raises Abandoned."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or self.partial.data
            self.fail(refusal(error, piece.source.name, self.content.target))
            raise Abandoned from error

    def leave_to(self, piece: Piece) -> Range:
        """Return all that is missing, after taking it from the other pieces."""
        with self._lock:
            if piece.turn != self._turn:
                raise Abandoned
            for other in self._pieces - {piece}:
                other.turn = _OVER
                other.abort()
            self._pieces &= {piece}
            missing = self.partial.missing()
            return Range(missing[0].start, missing[-1].stop) if missing else Range(0, 0)

    def throw_away(self, piece: Piece) -> None:
        """Forget all bytes, because `piece` brings others."""
        with self._lock, self.told_of_disk(piece):
            self.leave_to(piece)
            self._restarts += 1
            self._forget()
            self._follow()
            piece.turn, piece.generation = self._turn, self.partial.generation

    def fail(self, error: SwarmcacheError) -> None:
        """End it."""
        self._end(Failed(self.content, error))

    def stop(self) -> None:
        """End it without an outcome, and leave what is there to the next process."""
        with self._lock:
            if self.ended:
                return
            self.ended = True
            self._abort_all()
        self.partial.close()
        self.claim.give_back()

    def _failed(self, failure: Retry | Struck) -> None:
        now = time.monotonic()
        if isinstance(failure, Struck):
            self._next_source(failure.error)
            return
        if now < self._not_before:
            return  # The other connections to the same source failed with it.
        have = self.partial.have
        if have - self._had >= _PROGRESS and not self._is_odd:
            self._failures = 0
        self._had, self._failures = have, self._failures + 1
        pause = failure.pause if failure.pause is not None else backoff(self._failures)
        if self._has_had_enough(pause):
            self._next_source(failure.error)
            return
        if self._is_odd:
            self._start_over()
        self._not_before = now + pause

    def _has_had_enough(self, pause: float) -> bool:
        """Tell whether to leave a source that failed and would be asked again after a pause."""
        if len(self._sources) == 1:
            return self._failures >= self._bounds.attempts
        return self._failures >= self._bounds.attempts // 2 or pause > self._bounds.answer

    def _next_source(self, error: SwarmcacheError) -> None:
        """Ask the next source; end when there is none."""
        self._errors.append(error)
        self._sources.pop(0).give_up(error)
        self._new_round()
        self._restarts, self._failures, self._not_before = 0, 0, 0.0
        self._had = self.partial.have
        if not self._sources:
            self._end(Failed(self.content, weightiest(self._errors)))
            return
        if self._is_odd:
            self._start_over()
        self._tell(Started(self.content, self.source.name, self.partial.have))

    @property
    def _is_odd(self) -> bool:
        """Whether nothing could prove bytes of two answers to belong together."""
        return self.content.algorithm is None

    def _start_over(self) -> None:
        self._new_round()
        self._forget()
        self._follow()

    def _new_round(self) -> None:
        self._turn += 1
        self._abort_all()

    def _abort_all(self) -> None:
        for piece in self._pieces:
            piece.abort()
        self._pieces.clear()

    def _forget(self) -> None:
        """Throw all bytes away."""
        self._turn += 1
        self._resumed, self._had = 0, 0
        self._bytes.clear()
        self.partial.reset()

    def _follow(self) -> None:
        """Hash what comes, from the first byte on; large contents in a thread of its own."""
        self._follower = Follower(self.partial, self.content.algorithm)
        if self.content.size > SMALL_BYTES:
            threading.Thread(target=self._conclude, args=(self._follower,), daemon=True).start()
        else:
            self._conclude_if_small()

    def _conclude_if_small(self) -> None:
        if self.content.size <= SMALL_BYTES and not self.partial.missing():
            self._conclude(self._follower)

    def _conclude(self, follower: Follower) -> None:
        """Prove the bytes, and put them in their place."""
        try:
            found = follower.follow(lambda: not self.ended)
            with self._lock:
                if found is None or self.ended or follower is not self._follower:
                    return
                self._turn += 1  # The bytes are judged: what still comes is too late.
            if found in {self.content.etag, UNKNOWN}:
                self._publish()
            else:
                self._wrong()
        except (SwarmcacheError, OSError) as error:
            if follower is self._follower:  # Else what it reads was thrown away under it.
                self.fail(refusal(error, "", self.content.target))

    def _publish(self) -> None:
        self.partial.settle()
        if not self.claim.is_mine:
            self._lose(self)
            return
        self.partial.close()
        put(self.partial.folder, self.content.location)
        self.claim.unlock()
        self._end(self._fetched())

    def _other_bytes(self) -> str:
        """Return what is wrong; a file on this machine sends nothing."""
        name, path, digest = self.source.name, self.content.path, self.content.etag
        if self.source.local:
            return t(
                "{file} holds other bytes for {path} than those of {digest}.",
                file=name,
                path=path,
                digest=digest,
            )
        return t(
            "{endpoint} sent other bytes for {path} than those of {digest}.",
            endpoint=name,
            path=path,
            digest=digest,
        )

    def _wrong(self) -> None:
        """Throw wrong bytes away, and strike the source if it alone sent them."""
        with self._lock:
            if self.ended:
                return
            blameless = self._resumed > 0 or len(self._bytes) > 1
            error = WrongBytes(self._other_bytes())
            self._new_round()
            self._forget()
            if not blameless:
                self._next_source(error)
            if not self.ended:
                self._follow()

    def _fetched(self) -> Fetched:
        copies = sum(count for name, count in self._bytes.items() if name in self.content.copies)
        total = sum(self._bytes.values())
        return Fetched(self.content, tuple(self._bytes), total - copies, self._resumed, copies)

    def _end(self, outcome: Fetched | Failed) -> None:
        with self._lock:
            if self.ended:
                return
            self.ended = True
            self._abort_all()
        if isinstance(outcome, Failed):
            self.partial.close()
            self.claim.give_back()
        self._tell(outcome)


def _nobody(content: Content) -> EndpointUnreachable:
    return EndpointUnreachable(t("Nothing may be asked for {path}.", path=content.path))
