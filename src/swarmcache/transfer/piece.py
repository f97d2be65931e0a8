"""A range of a download in the hands of one thread."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.transfer.download import Download
    from swarmcache.transfer.http import Answer
    from swarmcache.transfer.ranges import Range
    from swarmcache.transfer.sources import Source


class Piece:
    """A range of a download in the hands of one thread; the sink of its source."""

    def __init__(self, download: Download, source: Source, part: Range, turn: int) -> None:
        self.download = download
        self.source = source
        self.part = part
        self.turn = turn
        """The round of the download that it belongs to."""
        self.generation = download.partial.generation
        self.moved = time.monotonic()
        """When it last got on."""
        self.reading = False
        """Whether an answer has begun."""
        self._answer: Answer | None = None

    def listen(self, answer: Answer) -> None:
        """Hear which answer is being read."""
        self._answer, self.reading = answer, True
        self.moved = time.monotonic()

    def known_etag(self, origin: str) -> str | None:
        """Return what this origin called the bytes that are there."""
        return self.download.known_etag(origin)

    def name(self, origin: str, etag: str) -> None:
        """Remember what an origin calls these bytes."""
        with self.download.told_of_disk(self):
            self.download.partial.name(origin, etag)

    def take(self, at: int, content: memoryview) -> None:
        """Put bytes to their place; raises Abandoned."""
        self.moved = math.inf  # A slow disk or `--max-rate` is no fault of the source.
        self.download.take(self, at, content)
        self.moved = time.monotonic()

    def widen(self) -> Range:
        """Return all that is missing, and leave it to this piece."""
        self.part = self.download.leave_to(self)
        return self.part

    def restart(self) -> None:
        """Drop what is there."""
        self.download.throw_away(self)

    def abort(self) -> None:
        """Wake the thread that reads it."""
        if self._answer is not None:
            self._answer.abort()
