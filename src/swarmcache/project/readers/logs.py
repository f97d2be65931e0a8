"""Logs, read as streams: the lines of which something is known, and where they stand.

A log may be of any size, hold lines without an end, or be no text at all; what is kept of it is
bounded.
"""

from __future__ import annotations

import os
import re
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.secrets import SECRET
from swarmcache.project.sources import Span, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

MAX_LINE = 16_384
"""Bytes of a line that are looked at."""
MAX_KEPT = 5_000
"""Lines that are kept of one log; the same warning may stand in it a million times."""
MAX_BYTES = 256 * 2**20
"""Bytes of one log that are read."""
_MOST_LOGS = 20
"""Logs of a project that are read, the youngest first."""
_ENOUGH_BYTES = 64 * 2**20
"""Bytes of a project's logs after which no further one is opened."""
_BLOCK = 2**20
"""Bytes that are looked at together."""
_WORDS = (b"gradient", b"use_cache", b"transformers", b"during training", b"hf_", b"ghp_", b"sk-")
"""A block with none of these holds no line that is known, and is only counted."""
_SIGNS = re.compile(
    rb"gradient checkpointing|use_cache|transformers(?:\s|=|/|:)|during training, continuing|"
    + SECRET.pattern.encode()
)


class LogLine(NamedTuple):
    """A line of which something may be known."""

    text: str
    span: Span


def known_lines(stream: BinaryIO, file: str) -> Iterator[LogLine]:
    """Yield the lines that hold a sign of something known; none of what is no text.

    `file` is what the log is called in what is told of it.
    """
    start, number, kept = 0, 1, 0
    while start < MAX_BYTES and kept < MAX_KEPT:
        block = _whole_lines(stream)
        if not block or (start == 0 and b"\0" in block):
            return
        if any(word in block for word in _WORDS):
            for line in _found(block, file, start, number):
                kept += 1
                yield line
                if kept == MAX_KEPT:
                    return
        number += block.count(b"\n")
        start += len(block)


def _whole_lines(stream: BinaryIO) -> bytes:
    """Return some lines; of one that is longer than a block only a piece."""
    block = stream.read(_BLOCK)
    return block if block.endswith(b"\n") else block + stream.readline(MAX_LINE)


def _found(block: bytes, file: str, start: int, number: int) -> Iterator[LogLine]:
    at = 0
    for line in block.split(b"\n"):
        text = line[:MAX_LINE]
        if _SIGNS.search(text):
            text = text.rstrip(b"\r")
            span = Span(file, start + at, start + at + len(text), number, 1)
            yield LogLine(text.decode("utf-8", "replace"), span)
        number += 1
        at += len(line) + 1


def read_logs(paths: Iterable[str], project: str) -> Iterator[tuple[str, tuple[LogLine, ...]]]:
    """Yield the known lines of a project's logs by their files, the youngest log first."""
    found = sorted((s for path in paths if (s := _stat(path)) is not None), reverse=True)
    total = 0
    for _, size, path in found[:_MOST_LOGS]:
        if total >= _ENOUGH_BYTES:
            return
        total += size
        try:
            with open(path, "rb") as stream:
                file = shown(path, project)
                yield file, tuple(known_lines(stream, file))
        except OSError:
            continue


def _stat(path: str) -> tuple[float, int, str] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    # Opening a pipe would wait for somebody to write into it.
    return (found.st_mtime, found.st_size, path) if S_ISREG(found.st_mode) else None
