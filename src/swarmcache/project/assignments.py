"""Edits of `NAME=value` where it is written: in shell scripts, dotenv files and Dockerfiles.

Only what stands there as plain bytes is edited; anything else is None, for a person to do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.edits import Edit
from swarmcache.project.files import kind_of

if TYPE_CHECKING:
    from swarmcache.project.sources import Source, Span

_KINDS = frozenset({"shell", "dotenv", "dockerfile"})
_BEFORE = re.compile(rb"[ \t]*(?:export[ \t]+)?")
_AFTER = re.compile(rb"[ \t]*;?[ \t]*(?:#[^\n]*)?")
_PLAIN = re.compile(r"[\w./:@%+,-]+")


class Assigned(NamedTuple):
    """One assignment in a file."""

    file: str
    name: str
    data: bytes
    """The whole file."""
    start: int
    """The name's first byte."""
    value: int
    """The value's first byte."""
    end: int
    """The byte behind the value."""
    in_dotenv: bool

    @property
    def text(self) -> str:
        """The value as it is written, quotes and all."""
        return self.data[self.value : self.end].decode("utf-8", "replace")

    @property
    def line(self) -> tuple[int, int]:
        """Where its line begins and ends, the line's end not counted."""
        begin = self.data.rfind(b"\n", 0, self.start) + 1
        end = self.data.find(b"\n", self.end)
        end = len(self.data) if end < 0 else end
        return begin, end - (self.data[begin:end].endswith(b"\r"))

    @property
    def alone(self) -> bool:
        """Whether its line holds nothing else but `export` and a comment."""
        begin, end = self.line
        before = _BEFORE.fullmatch(self.data[begin : self.start]) is not None
        return before and _AFTER.fullmatch(self.data[self.end : end].rstrip(b"\r")) is not None


def assigned(source: Source | None, span: Span, name: str) -> Assigned | None:
    """Return the assignment at a span; None where it is written in another way."""
    kind = kind_of(source.path) if source is not None else None
    if source is None or kind not in _KINDS or source.file != span.file:
        return None
    sign = name.encode() + b"="
    if not source.data.startswith(sign, span.start):
        return None
    value = span.start + len(sign)
    if b"\n" in source.data[span.start : span.end] or span.end < value:
        return None
    return Assigned(span.file, name, source.data, span.start, value, span.end, kind == "dotenv")


def is_plain(value: str) -> bool:
    """Tell whether a value means the same to every reader, in quotes and without."""
    return _PLAIN.fullmatch(value) is not None


def with_value(one: Assigned, value: str) -> Edit | None:
    """Return the edit that gives it another value, in the quotes that it has; None if it cannot."""
    if not is_plain(value):
        return None
    text = one.text
    quote = text[0] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else ""
    return Edit(one.file, one.value, one.end, f"{quote}{value}{quote}")


def renamed(one: Assigned, name: str) -> Edit:
    """Return the edit that gives it another name."""
    return Edit(one.file, one.start, one.start + len(one.name), name)


def unset(one: Assigned) -> Edit | None:
    """Return the edit after which nothing is set there; None where more stands in the line."""
    if not one.alone or one.data[one.start - 1 : one.start] == b"\r":
        return None
    begin, end = one.line
    if one.in_dotenv:
        behind = one.data[end : end + 2]
        stop = end + (2 if behind == b"\r\n" else 1 if behind[:1] == b"\n" else 0)
        return Edit(one.file, begin, stop, "")
    indent = len(one.data[begin : one.start]) - len(one.data[begin : one.start].lstrip())
    return Edit(one.file, begin + indent, one.end, f"unset {one.name}")


def line_behind(one: Assigned, name: str, value: str) -> Edit | None:
    """Return the edit that sets another variable in a line behind it, in the same way."""
    if not one.alone:
        return None
    begin, end = one.line
    ends = b"\r\n" if one.data[end : end + 1] == b"\r" else b"\n"
    before = one.data[begin : one.start].decode("utf-8", "replace")
    return Edit(one.file, end, end, f"{ends.decode()}{before}{name}={value}")
