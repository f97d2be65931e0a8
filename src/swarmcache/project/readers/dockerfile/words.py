"""Words of a Dockerfile's instructions: parted, unquoted and filled in much as a shell does it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.project.readers.dollars import interpolated
from swarmcache.project.readers.shell.syntax import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Source

_WORD = re.compile(rb"""(?:[^\s"'\\]|\\.|"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|\\$)+""", re.DOTALL)
_PIECE = re.compile(
    r"""'(?P<single>[^']*)'?|"(?P<double>(?:\\.|[^"\\])*)"?|(?P<plain>(?:\\.|[^"'\\])+)|\\""",
    re.DOTALL,
)


def split(source: Source) -> Iterator[Word]:
    """Yield the words of a source, unquoted."""
    for match in _WORD.finditer(source.data):
        yield word(source, match.start(), match.end())


def word(source: Source, start: int, end: int) -> Word:
    """Return the word at these bytes of a source, unquoted."""
    text = source.data[start:end].decode("utf-8", "replace")
    span = source.span(start, end)
    parts: list[Part] = []
    for match in _PIECE.finditer(text):
        if match["single"] is not None:
            parts.append(match["single"])
            continue
        inside = match["double"] is not None
        body = match["double"] if inside else match["plain"] or ""
        parts += [
            _unescaped(part, inside=inside) if isinstance(part, str) else part
            for part in interpolated(body, span, escaped="\\$")
        ]
    return Word(_joined(parts), span, quoted=text[:1] in {"'", '"'})


def _unescaped(text: str, *, inside: bool) -> str:
    return re.sub(r'\\(["\\])' if inside else r"\\(.)", r"\1", text, flags=re.DOTALL)


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    found: list[Part] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return tuple(found)
