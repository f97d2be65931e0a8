"""A project's file as bytes, and where in it something stands."""

from __future__ import annotations

import os
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.reading import read_start

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES = 1_000_000
"""No file that people write by hand is larger; logs are read by a reader of their own."""


class Span(NamedTuple):
    """A piece of a file."""

    file: str
    """Relative to the project, with `/`; absolute for a file outside of it."""
    start: int
    """The first byte."""
    end: int
    """The byte behind the last."""
    line: int
    """From 1."""
    column: int
    """From 1, in characters."""


class Source:
    """The content of a file, or of a part of one that is read as a file of its own."""

    def __init__(self, file: str, path: str, data: bytes, outer: Source | None = None) -> None:
        """Take what `Source.read` or `inner` found."""
        self.file = file
        """As in `Span`."""
        self.path = path
        """Absolute; what an inner source becomes on disk, if it becomes a file."""
        self.data = data
        self._outer = outer
        self._base = 0
        self._fixed: Span | None = None
        self._places: Sequence[Span] = ()

    @classmethod
    def read(cls, path: str, project: str) -> Source | None:
        """Return a project's file; None where it is no text, too large, or not to be read."""
        try:
            data = read_start(path, MAX_BYTES + 1)
        except OSError:
            return None
        if len(data) > MAX_BYTES or b"\0" in data:
            return None
        return cls(shown(path, project), path, data)

    def inner(self, start: int, end: int, path: str) -> Source:
        """Return bytes of this source as a file of their own; its spans are spans of this one."""
        part = Source(self.file, path, self.data[start:end], self)
        part._base = start
        return part

    def quoted(self, text: str, span: Span) -> Source:
        """Return the text of a quoted word at a span as a file of its own.

        Where quoting has changed it, all of its spans are that of the word.
        """
        top = self
        while top._outer is not None:
            top = top._outer
        data = text.encode("utf-8", "replace")
        if top.data[span.start + 1 : span.end - 1] == data:
            return top.inner(span.start + 1, span.end - 1, self.path)
        part = Source(self.file, self.path, data)
        part._fixed = span
        return part

    def assembled(self, lines: Sequence[bytes], places: Sequence[Span]) -> Source:
        """Return lines from many places of this source as one file; each knows its own place."""
        part = Source(self.file, self.path, b"\n".join(lines))
        part._places = places
        return part

    @property
    def text(self) -> str:
        """The content as text; bytes that are no UTF-8 become U+FFFD."""
        return self.data.decode("utf-8", "replace")

    def span(self, start: int, end: int) -> Span:
        """Return where bytes of this source stand in the file."""
        if self._fixed is not None:
            return self._fixed
        if self._places:
            line = bisect_right(self._lines, start)
            return self._places[min(line, len(self._places)) - 1]
        if self._outer is not None:
            return self._outer.span(self._base + start, self._base + end)
        line = bisect_right(self._lines, start)
        begin = self._lines[line - 1]
        column = len(self.data[begin:start].decode("utf-8", "replace")) + 1
        return Span(self.file, start, end, line, column)

    def line_span(self, line: int) -> Span:
        """Return a whole line, counted from 1 in this source, without its end."""
        begin = self._lines[line - 1]
        end = self._lines[line] if line < len(self._lines) else len(self.data)
        return self.span(begin, begin + len(self.data[begin:end].rstrip(b"\r\n")))

    def at(self, line: int, column: int) -> int:
        """Return the byte at a line from 1 and a column from 0, in bytes, as `ast` tells them."""
        return self._lines[min(line, len(self._lines)) - 1] + column

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins."""
        begins, at = [0], self.data.find(b"\n")
        while at >= 0:
            begins.append(at + 1)
            at = self.data.find(b"\n", at + 1)
        return begins


def shown(path: str, project: str) -> str:
    """Return a path as people are told it: relative within the project, else absolute."""
    relative = os.path.relpath(path, project)
    return path if relative.startswith("..") else relative.replace(os.sep, "/")
