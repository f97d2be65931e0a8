"""What starts programs by itself, as values: a unit of systemd, a program of supervisor, cron."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from swarmcache.project.readers.shell.syntax import Opaque, Variable, Word

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Source, Span

Manager: TypeAlias = Literal["systemd", "supervisor", "cron"]


@dataclass(frozen=True, slots=True)
class UnitVariable:
    """One assignment that a program is started with."""

    name: str
    value: Word
    span: Span


@dataclass(frozen=True, slots=True)
class Restart:
    """How a program is started again when it has ended."""

    span: Span
    """The setting that says so."""
    policy: str
    """As it is written: `always`, `on-failure`, `true`, `unexpected`."""
    always: bool
    """Whether it is also started again when it has ended well."""
    seconds: float
    """How long that waits."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Something that starts programs."""

    source: Source
    manager: Manager
    name: str
    """As people call it."""
    span: Span
    """Where it begins."""
    commands: tuple[tuple[Word, ...], ...]
    """What is started, in this order; each is words that no shell parts."""
    script: Source | None = None
    """What a shell is given, where there are no such words."""
    environment: tuple[UnitVariable, ...] = ()
    env_files: tuple[Word, ...] = ()
    user: str = ""
    """Empty where it does not say."""
    working_dir: Word | None = None
    wanted_by: str = ""
    restart: Restart | None = None
    """None where nothing is started again, or where there is a limit."""


def filled_in(unit: Unit, filled: Callable[[str], str | None]) -> Unit:
    """Return a unit that a script writes, in which a shell has filled in every `$NAME`.

    `filled` tells what a text becomes; None where nobody knows.
    """
    return replace(
        unit,
        commands=tuple(tuple(_word(one, filled) for one in words) for words in unit.commands),
        environment=tuple(replace(one, value=_word(one.value, filled)) for one in unit.environment),
        env_files=tuple(_word(one, filled) for one in unit.env_files),
        working_dir=unit.working_dir and _word(unit.working_dir, filled),
        user=unit.user if _is_plain(unit.user) else filled(unit.user) or "$",
    )


def _is_plain(text: str) -> bool:
    return "$" not in text and "`" not in text


def _word(word: Word, filled: Callable[[str], str | None]) -> Word:
    """Return a word as it is written: what systemd would fill in, the shell has before."""
    parts: list[Part] = []
    for part in word.parts:
        text = part if isinstance(part, str) else None
        if isinstance(part, Variable) and part.name != "HOME":
            text = f"${{{part.name}}}"
        if text is None or (isinstance(part, str) and _is_plain(text)):
            parts.append(part)
            continue
        value = filled(text)
        parts.append(Opaque(text) if value is None else value)
    return replace(word, parts=tuple(part for part in parts if part != ""))
