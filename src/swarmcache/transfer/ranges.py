"""Which bytes of a file are there: sorted, disjoint ranges."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Range(NamedTuple):
    """Bytes `start` to `stop` of a file, `stop` not included."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes in it."""
        return self.stop - self.start


class Ranges:
    """A growing set of bytes."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges: list[Range] = []
        for one in ranges:
            self.add(one)

    def __iter__(self) -> Iterator[Range]:
        """Yield the ranges, in order, none touching the next."""
        return iter(self._ranges)

    @property
    def size(self) -> int:
        """Bytes in all ranges."""
        return sum(one.size for one in self._ranges)

    @property
    def prefix(self) -> int:
        """How many bytes are there from the first on without a gap."""
        first = self._ranges[0] if self._ranges else Range(0, 0)
        return first.stop if first.start == 0 else 0

    def add(self, new: Range) -> None:
        """Add a range; it may overlap with others."""
        if new.size <= 0:
            return
        at = bisect_left(self._ranges, new)
        if at and self._ranges[at - 1].stop >= new.start:
            at -= 1
        end = at
        start, stop = new
        while end < len(self._ranges) and self._ranges[end].start <= stop:
            start = min(start, self._ranges[end].start)
            stop = max(stop, self._ranges[end].stop)
            end += 1
        self._ranges[at:end] = [Range(start, stop)]

    def lacking(self, wanted: Range) -> Iterator[Range]:
        """Yield what lacks of a range, in order."""
        at = wanted.start
        first = max(0, bisect_left(self._ranges, wanted) - 1)
        for start, stop in self._ranges[first:]:
            if start >= wanted.stop:
                break
            if start > at:
                yield Range(at, start)
            at = max(at, stop)
        if at < wanted.stop:
            yield Range(at, wanted.stop)

    def missing(self, size: int) -> Iterator[Range]:
        """Yield what lacks of the first `size` bytes, in order."""
        at = 0
        for start, stop in self._ranges:
            if start >= size:
                break
            if start > at:
                yield Range(at, start)
            at = stop
        if at < size:
            yield Range(at, size)
