"""From lines to instructions, by the rules of BuildKit's `parser.go`.

A backslash at a line's end goes on with the next line; comment lines and empty ones between are
left out; `<<NAME` of RUN, COPY and ADD takes the lines down to NAME. tree-sitter's grammar of
Dockerfiles (0.2.0) gives the rest of a file up at a comment between such lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.sources import Source, Span

_ESCAPE = re.compile(rb"#\s*escape\s*=\s*(\S)\s*", re.IGNORECASE)
_DIRECTIVE = re.compile(rb"#\s*\w+\s*=.*")
_COMMENT = re.compile(rb"[ \t]*(?:#|\r?$)")
_KEYWORD = re.compile(rb"[ \t]*([A-Za-z]+)(?:[ \t]+|$)")
_HEREDOC = re.compile(rb"<<(-?)([\"']?)([A-Za-z_]\w*)\2")
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


class Instruction(NamedTuple):
    """One instruction, with its continued lines joined by blanks."""

    keyword: str
    """Upper case."""
    source: Source
    """What stands behind the keyword, byte for byte where it was."""
    heredocs: tuple[Source, ...]
    span: Span


def instructions(source: Source) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile."""
    lines = _lines(source.data)
    escape = _escape(source.data)
    at = 0
    while at < len(lines):
        begin, end = lines[at]
        if _COMMENT.match(source.data[begin:end]):
            at += 1
            continue
        at, joined = _joined(source.data, lines, at, escape)
        keyword = _KEYWORD.match(joined)
        if keyword is None:
            continue
        name = keyword[1].decode().upper()
        heredocs: list[Source] = []
        if name in _WITH_HEREDOCS:
            for mark in _HEREDOC.finditer(joined):
                at, body = _heredoc(source, lines, at, mark)
                heredocs.append(body)
        inner = source.inner(begin + keyword.end(), begin + len(joined), source.path)
        inner.data = joined[keyword.end() :]
        span = source.span(begin + keyword.start(1), begin + len(joined.rstrip()))
        yield Instruction(name, inner, tuple(heredocs), span)


def _lines(data: bytes) -> list[tuple[int, int]]:
    """Return where each line begins and ends, without its end."""
    found, at = [], 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        found.append((at, end))
        at = end + 1
    return found


def _escape(data: bytes) -> bytes:
    """Return the character that continues lines: a backslash, unless the first lines say else."""
    for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n", 10)[:10]:
        if match := _ESCAPE.fullmatch(line.strip()):
            return match[1]
        if not _DIRECTIVE.fullmatch(line.strip()):
            break
    return b"\\"


def _joined(data: bytes, lines: list[tuple[int, int]], at: int, escape: bytes) -> tuple[int, bytes]:
    """Return the line behind an instruction, and its text, as long as it was and on one line."""
    begin = lines[at][0]
    end = begin
    found = bytearray()
    while at < len(lines):
        first, end = lines[at]
        line = data[first:end]
        at += 1
        if found and _COMMENT.match(line):
            found += b" " * (len(line) + 1)
            continue
        body = line.rstrip()
        if not body.endswith(escape):
            found += body
            break
        found += body[:-1] + b" " * (len(line) - len(body) + 2)
    return at, bytes(found[: end - begin])


def _heredoc(
    source: Source, lines: list[tuple[int, int]], at: int, mark: re.Match[bytes]
) -> tuple[int, Source]:
    first = at
    while at < len(lines):
        line = source.data[slice(*lines[at])].rstrip(b"\r")
        at += 1
        if (line.lstrip(b"\t") if mark[1] else line) == mark[3]:
            break
    begin = lines[first][0] if first < len(lines) else len(source.data)
    end = lines[at - 1][0] if at > first else begin
    return at, source.inner(begin, end, source.path)
