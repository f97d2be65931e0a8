r"""Crontabs, by crontab(5): `NAME = value` lines without `$`, five fields or `@daily`, a command.

A `%` that no backslash precedes ends the command; what is behind it is what the command reads. In
`cron.d` and in the system's own crontab a user's name stands before the command.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.project.readers.shell.syntax import Word
from swarmcache.project.readers.units import Unit, UnitVariable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.sources import Source

_FIELD = rb"[\d*A-Za-z/,\-~]+"
_ENTRY = re.compile(
    rb"[ \t]*(?P<when>@(?:reboot|yearly|annually|monthly|weekly|daily|midnight|hourly)"
    rb"|(?:%s[ \t]+){4}%s)[ \t]+(?P<rest>\S[^\r\n]*)" % (_FIELD, _FIELD)
)
_VARIABLE = re.compile(
    rb"""[ \t]*(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*(?P<value>"[^"]*"|'[^']*'|[^\r\n]*?)[ \t]*\r?"""
)
_USER = re.compile(rb"(?P<name>[a-z_][\w-]*|\$\{?\w+\}?)[ \t]+(?=\S)")
_END = re.compile(rb"(?<!\\)%")


def read_crontab(source: Source, *, of_system: bool | None = None) -> Iterator[Unit]:
    """Yield the entries of a crontab, each with the variables that stand above it.

    `of_system` tells whether there is a user's name in each; None lets the file's folder tell.
    """
    if of_system is None:
        of_system = is_of_system(source.path)
    found: list[UnitVariable] = []
    at = 0
    for number, line in enumerate(source.data.splitlines(keepends=True), 1):
        begin, at = at, at + len(line)
        text = line.rstrip(b"\r\n")
        if text.lstrip().startswith(b"#"):
            continue
        if entry := _ENTRY.fullmatch(text):
            yield _entry(source, number, begin, entry, tuple(found), of_system=of_system)
        elif variable := _VARIABLE.fullmatch(text):
            span = source.span(begin + variable.start("name"), begin + len(text.rstrip()))
            value = variable["value"].decode("utf-8", "replace")
            if value[:1] in {'"', "'"} and value[-1:] == value[:1] and len(value) > 1:
                value = value[1:-1]
            word = Word((value,) if value else (), span, quoted=True)
            found.append(UnitVariable(variable["name"].decode(), word, span))


def is_of_system(path: str) -> bool:
    """Tell whether entries of a crontab at this path name their user."""
    return os.path.basename(os.path.dirname(path)) in {"cron.d", "etc"}


def _entry(  # noqa: PLR0913 - what a line is, and where
    source: Source,
    number: int,
    begin: int,
    entry: re.Match[bytes],
    environment: tuple[UnitVariable, ...],
    *,
    of_system: bool,
) -> Unit:
    start, end, user = entry.start("rest"), entry.end("rest"), ""
    named = _USER.match(entry["rest"])
    if named is not None and (of_system or named["name"] == b"root"):
        user = named["name"].decode()
        start += named.end()
    if stop := _END.search(source.data, begin + start, begin + end):
        end = stop.start() - begin
    script = source.inner(begin + start, begin + end, source.path)
    if b"\\%" in script.data:
        text = script.data.replace(b"\\%", b"%").decode("utf-8", "replace")
        script = source.quoted(text, script.span(0, end - start))
    name = f"{os.path.basename(source.path)}:{number}"
    span = source.span(begin, begin + end)
    return Unit(source, "cron", name, span, (), script, environment, user=user)
