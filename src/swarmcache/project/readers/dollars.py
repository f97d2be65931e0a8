"""`$NAME` and `${NAME:-default}` in files that are no shell scripts: compose, dotenv, Dockerfile.

All three know the same few operators; they differ in how a dollar is kept from being one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.project.readers.shell.syntax import Opaque, Variable, Word

if TYPE_CHECKING:
    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Span

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_OPERATOR = re.compile(r":-|:\+|:\?|-|\+|\?")
_LONGEST = 4096
"""Characters of a text that is looked into; no folder has a longer name."""
_MAX_DEPTH = 10


def interpolated(text: str, span: Span, *, escaped: str = "", depth: int = 0) -> tuple[Part, ...]:
    r"""Return the parts of a text; `escaped` is what stands for a dollar, such as `$$` or `\$`."""
    if len(text) > _LONGEST:
        return (Opaque(text),)
    found: list[Part] = []
    at = plain = 0
    while (at := text.find("$", at)) >= 0:
        begin = at + 1 - len(escaped)
        if escaped and begin >= plain and text.startswith(escaped, begin):
            found.append(text[plain:begin] + "$")
            at = plain = begin + len(escaped)
        elif escaped and text.startswith(escaped, at):
            found.append(text[plain:at] + "$")
            at = plain = at + len(escaped)
        elif (read := _variable(text, at, span, escaped, depth)) is not None:
            part, end = read
            found += [text[plain:at], part]
            at = plain = end
        else:
            at += 1
    found.append(text[plain:])
    return tuple(part for part in found if part != "")


def _variable(text: str, at: int, span: Span, escaped: str, depth: int) -> tuple[Part, int] | None:
    """Return the variable at a dollar and where it ends; None where the dollar is only itself."""
    if not text.startswith("{", at + 1):
        name = _NAME.match(text, at + 1)
        return None if name is None else (Variable(name[0]), name.end())
    end = _closing(text, at + 2)
    if end < 0:
        return None
    name = _NAME.match(text, at + 2, end)
    if name is None:
        return Opaque(text[at : end + 1]), end + 1
    if name.end() == end:
        return Variable(name[0]), end + 1
    operator = _OPERATOR.match(text, name.end(), end)
    if operator is None or depth > _MAX_DEPTH:
        return Opaque(text[at : end + 1]), end + 1
    inner = interpolated(text[operator.end() : end], span, escaped=escaped, depth=depth + 1)
    return Variable(name[0], operator[0], Word(inner, span)), end + 1  # type: ignore[arg-type]


def _closing(text: str, at: int) -> int:
    """Return where the brace ends that was opened before `at`; -1 where it does not."""
    depth = 1
    for position in range(at, len(text)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if not depth:
                return position
    return -1
