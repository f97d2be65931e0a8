"""What starts programs by itself, as values: a unit of systemd, a program of supervisor, cron."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from swarmcache.project.readers.shell.syntax import Opaque, Variable, Word

if TYPE_CHECKING:
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


def blurred(unit: Unit) -> Unit:
    """Return a unit that a script writes, in which a shell has filled in every `$NAME`."""
    return replace(
        unit,
        commands=tuple(tuple(map(_unsure, words)) for words in unit.commands),
        environment=tuple(replace(one, value=_unsure(one.value)) for one in unit.environment),
        env_files=tuple(map(_unsure, unit.env_files)),
        working_dir=unit.working_dir and _unsure(unit.working_dir),
        user="$" if "$" in unit.user or "`" in unit.user else unit.user,
    )


def _unsure(word: Word) -> Word:
    """Return a word whose value is not known where the shell that writes it has a part in it."""
    filled = any(
        (isinstance(part, Variable) and part.name != "HOME")
        or (isinstance(part, str) and ("$" in part or "`" in part))
        for part in word.parts
    )
    return replace(word, parts=(Opaque(""),)) if filled else word
