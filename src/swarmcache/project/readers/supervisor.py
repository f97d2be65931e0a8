"""Programs of supervisor, by its own reader: an INI file, `environment=A="b",C="d"`, `%(here)s`.

What `%(ENV_NAME)s` is, and everything else that supervisord itself finds, is not known here. A
program that lives longer than `startsecs` is started again at once for ever; `startretries` counts
only those that do not.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from swarmcache.project.readers.shell.syntax import Opaque, Word
from swarmcache.project.readers.units import Restart, Unit, UnitVariable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Source, Span

    Settings = Mapping[str, tuple[str, Span]]

_SECTION = re.compile(rb"\[(?P<name>[^\]\r\n]+)\]")
_SETTING = re.compile(rb"(?P<key>[A-Za-z_]\w*)[ \t]*[=:][ \t]*(?P<value>.*)", re.DOTALL)
_COMMENT = re.compile(rb"[ \t]+;.*")
_FILLED = re.compile(r"%\((\w+)\)[sd]|%%")
_PAIR = re.compile(r"""\s*(?P<name>\w+)\s*=\s*(?P<value>"[^"]*"|'[^']*'|[^,"'\s]*)\s*(?:,|$)""")
_PROGRAM = "program:"
_HURRY = 60
"""Seconds that a program has to live to be no hurry when it is started again."""


def read_programs(source: Source) -> Iterator[Unit]:
    """Yield the programs of a file, without those that supervisor does not start by itself."""
    sections = list(_sections(source))
    shared = next((s for name, _, s in sections if name == "supervisord"), {})
    for name, span, settings in sections:
        if name.startswith(_PROGRAM) and "command" in settings:
            yield _program(name.removeprefix(_PROGRAM).strip(), span, settings, shared, source)


def _program(name: str, span: Span, own: Settings, shared: Settings, source: Source) -> Unit:
    folder = os.path.dirname(source.path)
    command, place = own["command"]
    directory = own.get("directory") or shared.get("directory")
    pairs = [pair for settings in (shared, own) for pair in _variables(settings, folder)]
    return Unit(
        source,
        "supervisor",
        name,
        span,
        (tuple(_word(text, place, folder) for text in _split(command)),),
        environment=tuple(pairs),
        user=own["user"][0] if "user" in own else "",
        working_dir=_word(*directory, folder) if directory is not None else None,
        restart=_restart(own, place),
    )


def _restart(settings: Settings, place: Span) -> Restart | None:
    policy, span = settings.get("autorestart", ("unexpected", place))
    least = settings.get("startsecs", ("1", place))[0]
    if policy.lower() in {"false", "no", "0", "off"} or not least.isdecimal():
        return None
    if int(least) >= _HURRY:
        return None
    return Restart(span, policy.lower(), policy.lower() != "unexpected", 0)


def _sections(source: Source) -> Iterator[tuple[str, Span, Settings]]:
    """Yield each section with its settings; what is indented goes on with the line before."""
    name, top = "", source.span(0, 0)
    found: dict[str, tuple[str, Span]] = {}
    at = 0
    key, begin, text = "", 0, b""
    for line in (*source.data.splitlines(keepends=True), b"[]"):
        plain = _COMMENT.sub(b"", line.rstrip(b"\r\n"))
        start, at = at, at + len(line)
        if plain[:1] in {b" ", b"\t"} and key and plain.strip():
            text += b"\n" + plain.strip()
            continue
        if key:
            span = source.span(begin, begin + len(source.data[begin:start].rstrip()))
            found[key] = (text.decode("utf-8", "replace").strip(), span)
            key = ""
        if section := (_SECTION.match(plain) or line == b"[]"):
            if name:
                yield name, top, found
            if section is True:
                return
            name, top = section["name"].decode("utf-8", "replace"), source.span(start, at)
            found = {}
        elif not plain.startswith((b";", b"#")) and (setting := _SETTING.fullmatch(plain)):
            key, begin, text = setting["key"].decode().lower(), start, setting["value"]


def _variables(settings: Settings, folder: str) -> Iterator[UnitVariable]:
    text, span = settings.get("environment", ("", None))
    at = 0
    while span is not None and (match := _PAIR.match(text, at)):
        value = match["value"]
        if len(value) > 1 and value[0] in "\"'":
            value = value[1:-1]
        yield UnitVariable(match["name"], _word(value, span, folder), span)
        at = match.end()


def _word(text: str, span: Span, folder: str) -> Word:
    found: list[Part] = []
    at = 0
    for match in _FILLED.finditer(text):
        found.append(text[at : match.start()])
        known = {"here": folder, None: "%"}.get(match[1])
        found.append(Opaque(match[0]) if known is None else known)
        at = match.end()
    parts = [part for part in (*found, text[at:]) if part != ""]
    return Word(tuple(parts), span, quoted=True)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []
