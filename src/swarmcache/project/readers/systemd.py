"""Units of systemd, by systemd.syntax(7), systemd.exec(5) and systemd.service(5).

A backslash continues a line, `#` and `;` begin comments, quotes part words, `NAME=` alone empties a
list. Environment= knows no `$NAME`; the words of ExecStart= do, and `%h` is a home.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.project.readers.dollars import interpolated
from swarmcache.project.readers.shell.syntax import Opaque, Variable, Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Source, Span

_SETTING = re.compile(rb"[ \t]*(?P<key>[A-Za-z]\w*)[ \t]*=[ \t]*(?P<value>.*)", re.DOTALL)
_SECTION = re.compile(rb"[ \t]*\[(?P<name>[^\]]+)\]")
_SPECIFIER = re.compile(r"%([a-zA-Z%])")
_EXEC_PREFIX = "@-:+!|"


@dataclass(frozen=True, slots=True)
class UnitVariable:
    """One assignment of Environment=."""

    name: str
    value: Word
    span: Span


@dataclass(frozen=True, slots=True)
class Unit:
    """A service unit."""

    source: Source
    commands: tuple[tuple[Word, ...], ...]
    """ExecStartPre= and ExecStart=, in their order."""
    environment: tuple[UnitVariable, ...]
    env_files: tuple[Word, ...]
    user: str
    """Empty where the unit does not say."""
    working_dir: Word | None
    wanted_by: str


def read_unit(source: Source) -> Unit | None:
    """Return a service unit; None where a file has no [Service] that starts anything."""
    found: dict[str, list[tuple[str, Span]]] = {}
    for key, value, span in _settings(source):
        if value:
            found.setdefault(key, []).append((value, span))
        else:
            found[key] = []
    commands = [*found.get("ExecStartPre", []), *found.get("ExecStart", [])]
    if not found.get("ExecStart"):
        return None
    folders = [_word(value, span) for value, span in found.get("WorkingDirectory", [])]
    return Unit(
        source,
        tuple(tuple(_command(value, span)) for value, span in commands),
        tuple(v for value, span in found.get("Environment", []) for v in _variables(value, span)),
        tuple(_word(value.lstrip("-"), span) for value, span in found.get("EnvironmentFile", [])),
        next((value for value, _ in reversed(found.get("User", []))), ""),
        folders[-1] if folders else None,
        " ".join(value for value, _ in found.get("WantedBy", [])),
    )


def _settings(source: Source) -> Iterator[tuple[str, str, Span]]:
    """Yield the settings of [Service] and [Install], continued lines as one."""
    section = b""
    at = 0
    lines = source.data.splitlines(keepends=True)
    while lines:
        line = lines.pop(0)
        begin, at = at, at + len(line)
        if match := _SECTION.match(line):
            section = match["name"]
            continue
        if line.lstrip().startswith((b"#", b";")):
            continue
        whole = line.rstrip(b"\r\n")
        while whole.endswith(b"\\") and lines:
            more = lines.pop(0)
            at += len(more)
            whole = whole[:-1] + b" " + more.rstrip(b"\r\n")
        setting = _SETTING.fullmatch(whole)
        if setting is not None and section in {b"Service", b"Install"}:
            text = setting["value"].decode("utf-8", "replace").strip()
            end = begin + len(source.data[begin:at].rstrip())
            yield setting["key"].decode(), text, source.span(begin, end)


def _variables(value: str, span: Span) -> Iterator[UnitVariable]:
    for text in _split(value):
        name, equals, rest = text.partition("=")
        if equals and name.isidentifier():
            yield UnitVariable(name, _word(rest, span), span)


def _command(value: str, span: Span) -> Iterator[Word]:
    for text in _split(value.lstrip(_EXEC_PREFIX)):
        parts = [
            piece
            for part in interpolated(text, span, escaped="$$")
            for piece in (_specified(part) if isinstance(part, str) else [part])
        ]
        yield Word(tuple(parts), span, quoted=True)


def _word(text: str, span: Span) -> Word:
    return Word(tuple(_specified(text)), span, quoted=True)


def _specified(text: str) -> list[Part]:
    """Return a text whose `%h` is the home; what other specifiers are is not known."""
    found: list[Part] = []
    at = 0
    for match in _SPECIFIER.finditer(text):
        found.append(text[at : match.start()])
        special: dict[str, Part] = {"%": "%", "h": Variable("HOME")}
        found.append(special.get(match[1], Opaque(match[0])))
        at = match.end()
    return [part for part in (*found, text[at:]) if part != ""]


def _split(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return []
