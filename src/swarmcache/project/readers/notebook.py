"""Notebooks: their code cells as one Python program, and what they hand to a shell.

`%env A=b` becomes a write to `os.environ`, `!command` is a shell of its own, whose exports nobody
sees; other magics say nothing. Positions are those of the strings in the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from swarmcache.project.readers.python.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.project.sources import Source, Span

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_MAX_DEPTH = 60
_ENV = re.compile(r"%(?:env|set_env)\s+(?P<name>[A-Za-z_]\w*)\s*(?:=\s*|\s+)(?P<value>.*)")
_SHELL_CELL = re.compile(r"%%(?:bash|sh|script\s+(?:ba)?sh)\b")
_PYTHON_CELL = re.compile(r"%%(?:time|timeit|capture|prun|python3?)\b")
_ASSIGNED = re.compile(r"(?P<name>\s*[\w, ]+=\s*)[!%].*")
_MAGIC = re.compile(r"(?P<indent>\s*)(?:[!%?].*|[\w.]+\?{1,2})\s*")
_FILLED = re.compile(r"[{$]")


class Text(NamedTuple):
    """A string of a JSON file."""

    start: int
    """Its first quote, in bytes."""
    end: int


Value: TypeAlias = "Text | bytes | list[Value] | dict[str, Value]"


class Line(NamedTuple):
    """One line of a cell."""

    text: str
    span: Span
    """The string that holds it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """`%env NAME=value`."""

    name: str
    value: str | None
    """None where Python fills something in."""
    span: Span


@dataclass(frozen=True, slots=True)
class Shell:
    """What a shell is given: `!command`, or a cell of `%%bash`."""

    source: Source


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook, whole."""

    source: Source
    program: Source
    """Its Python; every line stands for one line of a cell."""
    steps: tuple[Setting | Shell, ...]
    """What it does to the environment and in shells, in the order of its cells."""


def read_notebook(source: Source) -> Notebook | None:
    """Return a notebook; None where a file is none."""
    try:
        top = _parsed(source.data)
        cells = top.get("cells") if isinstance(top, dict) else None
        if not isinstance(cells, list):
            return None
        code = [_lines(cell, source) for cell in cells if _is_code(cell, source)]
    except (ValueError, RecursionError):
        return None
    program: list[tuple[bytes, Span]] = []
    steps: list[Setting | Shell] = []
    for lines in code:
        program += _python(lines)
        steps += _steps(lines, source)
    return Notebook(source, _assembled(source, program), tuple(steps))


def _parsed(data: bytes) -> Value:
    """Return a JSON text with its strings as places; raises ValueError."""
    tokens = _TOKEN.finditer(data)
    value = _value(tokens, next(tokens, None), 0)
    if next(tokens, None) is not None:
        raise ValueError
    return value


def _value(tokens: Iterator[re.Match[bytes]], first: re.Match[bytes] | None, depth: int) -> Value:
    if first is None or depth > _MAX_DEPTH:
        raise ValueError
    if first[0][:1] == b'"':
        return Text(first.start(), first.end())
    if first[0] == b"[":
        return _list(tokens, depth)
    if first[0] == b"{":
        return _mapping(tokens, depth)
    if first[0] in {b"]", b"}", b":", b","}:
        raise ValueError
    return first[0]


def _list(tokens: Iterator[re.Match[bytes]], depth: int) -> list[Value]:
    found: list[Value] = []
    for token in tokens:
        if token[0] == b"]":
            return found
        if token[0] != b",":
            found.append(_value(tokens, token, depth + 1))
    raise ValueError


def _mapping(tokens: Iterator[re.Match[bytes]], depth: int) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for token in tokens:
        if token[0] == b"}":
            return found
        if token[0] == b",":
            continue
        colon = next(tokens, None)
        if token[0][:1] != b'"' or colon is None or colon[0] != b":":
            raise ValueError
        key = str(json.loads(token[0]))
        found[key] = _value(tokens, next(tokens, None), depth + 1)
    raise ValueError


def _text(value: Value | None, source: Source) -> str:
    if not isinstance(value, Text):
        return ""
    return str(json.loads(source.data[value.start : value.end], strict=False))


def _is_code(cell: Value, source: Source) -> bool:
    return isinstance(cell, dict) and _text(cell.get("cell_type"), source) == "code"


def _lines(cell: Value, source: Source) -> list[Line]:
    """Return the lines of a cell, whether they stand in a list or in one string."""
    given = cell.get("source") if isinstance(cell, dict) else None
    found: list[Line] = []
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, Text):
            span = source.span(one.start, one.end)
            found += (Line(line, span) for line in _text(one, source).split("\n"))
            if isinstance(given, list) and found and not found[-1].text:
                found.pop()
    return found


def _steps(lines: Sequence[Line], source: Source) -> Iterator[Setting | Shell]:
    first = next((line for line in lines if line.text.strip()), None)
    if first is None:
        return
    if _SHELL_CELL.match(first.text):
        at = lines.index(first) + 1
        yield Shell(_assembled(source, [(line.text.encode(), line.span) for line in lines[at:]]))
        return
    if first.text.startswith("%%") and not _PYTHON_CELL.match(first.text):
        return
    for whole in _continued(lines):
        text = whole[0].text.lstrip()
        if match := _ENV.fullmatch(text.rstrip()):
            value = match["value"].strip()
            known = None if _FILLED.search(value) else value
            yield Setting(match["name"], known, whole[0].span)
        elif text.startswith("!"):
            pieces = [(line.text.encode(), line.span) for line in whole]
            pieces[0] = (text.lstrip("!").encode(), whole[0].span)
            yield Shell(_assembled(source, pieces))


def _continued(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield lines, those together that a backslash joins."""
    whole: list[Line] = []
    for line in lines:
        whole.append(line)
        if not line.text.rstrip().endswith("\\"):
            yield whole
            whole = []
    if whole:
        yield whole


def _python(lines: Sequence[Line]) -> list[tuple[bytes, Span]]:
    """Return a cell as Python, line for line; empty lines for a cell that is none."""
    empty = [(b"", line.span) for line in lines]
    first = next((line.text for line in lines if line.text.strip()), "")
    if first.startswith("%%") and not _PYTHON_CELL.match(first):
        return empty
    found: list[tuple[bytes, Span]] = []
    for whole in _continued(lines):
        spans = [line.span for line in whole]
        text = _translated(whole[0].text)
        if text is None:
            found += [(line.text.encode("utf-8", "replace"), line.span) for line in whole]
        else:
            found += [(text.encode(), spans[0]), *((b"", span) for span in spans[1:])]
    return empty if parsed(b"\n".join(text for text, _ in found)) is None else found


def _translated(line: str) -> str | None:
    """Return what a line of IPython is in Python; None for one that is Python already."""
    if match := _ENV.fullmatch(line.strip()):
        value = match["value"].strip()
        given = "object()" if _FILLED.search(value) else repr(value)
        return f"{_indent(line)}os.environ[{match['name']!r}] = {given}"
    if match := _ASSIGNED.fullmatch(line):
        return f"{match['name']}None"
    if match := _MAGIC.fullmatch(line):
        return f"{match['indent']}pass"
    return None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _assembled(source: Source, pieces: Sequence[tuple[bytes, Span]]) -> Source:
    return source.assembled([text for text, _ in pieces], [span for _, span in pieces])
