"""Units of systemd, by systemd.syntax(7), systemd.exec(5) and systemd.service(5).

A backslash continues a line, `#` and `;` begin comments, quotes part words, `NAME=` alone empties a
list. Environment= knows no `$NAME`; the words of ExecStart= do, and `%h` is a home.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

from swarmcache.project.readers.dollars import interpolated
from swarmcache.project.readers.shell.syntax import Opaque, Variable, Word
from swarmcache.project.readers.units import Restart, Unit, UnitVariable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Source, Span

_SETTING = re.compile(rb"[ \t]*(?P<key>[A-Za-z]\w*)[ \t]*=[ \t]*(?P<value>.*)", re.DOTALL)
_SECTION = re.compile(rb"[ \t]*\[(?P<name>[^\]]+)\]")
_SPECIFIER = re.compile(r"%([a-zA-Z%])")
_EXEC_PREFIX = "@-:+!|"
_LIMITS = frozenset({"StartLimitIntervalSec", "StartLimitInterval", "StartLimitBurst"})
"""What counts in [Unit]; of the rest of that section nothing does."""
_ALWAYS = frozenset({"always", "on-success"})
_ON_FAILURE = frozenset({"on-failure", "on-abnormal"})
_SHORTEST = 2
"""Seconds that a program which loads models runs at the least before it can fail."""
_TIMES = {"": 1.0, "us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "second": 1, "seconds": 1} | {
    name: seconds
    for names, seconds in (
        (("m", "min", "minute", "minutes"), 60),
        (("h", "hr", "hour", "hours"), 3600),
        (("d", "day", "days"), 86400),
    )
    for name in names
}
_TIME = re.compile(
    rf"(\d+(?:\.\d+)?)\s*({'|'.join(sorted(_TIMES, key=len, reverse=True))})(?![a-z])\s*"
)


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
        "systemd",
        os.path.basename(source.path),
        source.span(0, 0),
        tuple(tuple(_command(value, span)) for value, span in commands),
        environment=tuple(
            v for value, span in found.get("Environment", []) for v in _variables(value, span)
        ),
        env_files=tuple(
            _word(value.lstrip("-"), span) for value, span in found.get("EnvironmentFile", [])
        ),
        user=_last(found, "User"),
        working_dir=folders[-1] if folders else None,
        wanted_by=" ".join(value for value, _ in found.get("WantedBy", [])),
        restart=_restart(found),
    )


def _last(found: Mapping[str, Sequence[tuple[str, Span]]], key: str) -> str:
    return next((value for value, _ in reversed(found.get(key, []))), "")


def _restart(found: Mapping[str, Sequence[tuple[str, Span]]]) -> Restart | None:
    """Return how a service comes back, where no limit of systemd ever stops that.

    Five starts in ten seconds are the limit unless it is set, so that it holds for a program that
    fails at once, and for none that fails after its imports.
    """
    policy = _last(found, "Restart")
    if policy not in _ALWAYS | _ON_FAILURE or found.get("RestartSteps"):
        return None
    seconds = _seconds(_last(found, "RestartSec") or "100ms")
    window = _seconds(
        _last(found, "StartLimitIntervalSec") or _last(found, "StartLimitInterval") or "10s"
    )
    burst = _last(found, "StartLimitBurst") or "5"
    if seconds is None or window is None or not burst.isdecimal():
        return None
    if int(burst) and (seconds + _SHORTEST) * int(burst) <= window:
        return None
    return Restart(found["Restart"][-1][1], policy, policy in _ALWAYS, seconds)


def _seconds(text: str) -> float | None:
    """Return a time span of systemd.time(7) in seconds; None for what is none, and `infinity`."""
    pieces = _TIME.findall(text)
    if not pieces or _TIME.sub("", text).strip():
        return None
    return sum(float(number) * _TIMES[unit] for number, unit in pieces)


def _settings(source: Source) -> Iterator[tuple[str, str, Span]]:
    """Yield what counts of [Unit], [Service] and [Install], continued lines as one."""
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
        if setting is None:
            continue
        if section in {b"Service", b"Install"} or setting["key"].decode() in _LIMITS:
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
