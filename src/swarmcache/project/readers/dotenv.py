r"""Files of `NAME=value` lines, by the rules of the programs that are no shell.

`compose` (compose-go's `dotenv`): CRLF ends a line like LF; `export` before a name is left out;
quotes go; in double quotes `\n` becomes a line's end; `$NAME` is filled in, but not in single
quotes; ` #` begins a comment. `docker run --env-file` takes everything behind `=` as it is, quotes
too. A shell that sources such a file reads it as the script that it then is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from swarmcache.project.readers.dollars import interpolated
from swarmcache.project.readers.shell.syntax import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Source, Span

Dialect: TypeAlias = Literal["compose", "raw"]

_LINE = re.compile(
    rb"^[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][\w.-]*)[ \t]*(?:[=:][ \t]*"
    rb"(?P<value>'[^']*'|\"(?:\\.|[^\"\\])*\"|[^\r\n]*))?[^\n]*$",
    re.MULTILINE | re.DOTALL,
)
_RAW_LINE = re.compile(
    rb"^[ \t]*(?P<name>[^\s=#][^=\r\n]*)(?:=(?P<value>[^\r\n]*))?\r?$", re.MULTILINE
)
_COMMENT = re.compile(r"(?:^|\s+)#.*")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "'": "'"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line."""

    name: str
    value: Word | None
    """None for a name alone, which passes on what the environment has."""
    span: Span


def read_dotenv(source: Source, dialect: Dialect = "compose") -> Iterator[Entry]:
    """Yield the entries of a file."""
    for match in (_LINE if dialect == "compose" else _RAW_LINE).finditer(source.data):
        if dialect == "compose" and match[0].lstrip().startswith(b"#"):
            continue
        name = match["name"].decode("utf-8", "replace").strip()
        end = match.end("value") if match["value"] is not None else match.end("name")
        span = source.span(match.start("name"), end)
        value = None
        if match["value"] is not None:
            text = match["value"].decode("utf-8", "replace")
            value = Word((text,) if text else (), span)
            if dialect == "compose":
                value = Word(tuple(_parts(text, span)), span, quoted=text[:1] in {"'", '"'})
        yield Entry(name, value, span)


def _parts(text: str, span: Span) -> Iterator[Part]:
    if len(text) > 1 and text[0] == text[-1] == "'":
        if text[1:-1]:
            yield text[1:-1]
    elif len(text) > 1 and text[0] == text[-1] == '"':
        for part in interpolated(text[1:-1], span, escaped="\\$"):
            yield _escaped(part) if isinstance(part, str) else part
    else:
        yield from interpolated(_COMMENT.sub("", text).strip(), span, escaped="\\$")


def _escaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text, flags=re.DOTALL)
