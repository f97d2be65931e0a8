"""A shell script as values: words whose parts are known or not, and statements that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.project.sources import Source, Span

Operator: TypeAlias = Literal["", ":-", "-", ":=", "=", ":+", "+", ":?", "?", "other"]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$NAME`, `${NAME:-default}`; positional parameters are named by their number."""

    name: str
    operator: Operator = ""
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class ScriptFolder:
    """What a script computes to find the folder that it lies in."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """A part that only running the script would tell."""

    text: str


@dataclass(frozen=True, slots=True)
class Array:
    """`(a b c)`, the value of an array."""

    items: tuple[Word, ...]
    more: bool
    """Whether it is put behind what the array has: `+=`."""


@dataclass(frozen=True, slots=True)
class Items:
    """`"${NAME[@]}"`: each item of an array is a word of its own."""

    name: str


Part: TypeAlias = "str | Variable | ScriptFolder | Array | Items | Opaque"


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command, or the value of an assignment."""

    parts: tuple[Part, ...]
    span: Span
    quoted: bool = False
    """Whether it begins with a quote, so that `~` and `*` in it stay as they are."""

    @property
    def literal(self) -> str | None:
        """The text, where nothing in it depends on anything."""
        if all(isinstance(part, str) for part in self.parts):
            return "".join(map(str, self.parts))
        return None


@dataclass(frozen=True, slots=True)
class Assignment:
    """`NAME=value`."""

    name: str
    value: Word
    span: Span


@dataclass(frozen=True, slots=True)
class Declare:
    """Assignments, and what `export`, `local` or `readonly` does with them and with `names`."""

    kind: Literal["plain", "export", "unexport", "local"]
    assignments: tuple[Assignment, ...]
    names: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Unset:
    """`unset NAME…`."""

    names: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Redirect:
    """`> file`, or a here-document, which is a file's content when it goes to one."""

    operator: str
    target: Word | None
    content: Source | None = None
    expands: bool = False
    """Whether `$NAME` in the content is filled in: its mark is not quoted."""


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command, with the assignments before it."""

    words: tuple[Word, ...]
    assignments: tuple[Assignment, ...]
    redirects: tuple[Redirect, ...]
    span: Span
    background: bool = False

    @property
    def name(self) -> str:
        """The first word, where it is known; else empty."""
        return (self.words[0].literal or "") if self.words else ""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way through a branch."""

    condition: tuple[Statement, ...]
    """What is run to decide; empty for `else` and the patterns of `case`."""
    body: tuple[Statement, ...]
    text: str
    """The condition or pattern as written."""


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `case`, and the right side of `&&` and `||`: one of the arms is run, or none."""

    arms: tuple[Arm, ...]
    exhaustive: bool
    """Whether one of them always is."""
    span: Span
    subject: str = ""
    """The word of `case` as written, which is held against each arm's patterns."""
    goes_on: bool = False
    """Whether it is the right side of `cd x && …`: run unless something fails that should not."""


@dataclass(frozen=True, slots=True)
class Loop:
    """`while`, `until`, `for`, `select`."""

    kind: Literal["while", "for"]
    condition: tuple[Statement, ...]
    text: str
    """The condition as written; `true` and `:` never end."""
    variable: str
    words: tuple[Word, ...]
    """What `for` goes through; empty for others."""
    body: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Function:
    """A definition; nothing of it is run before it is called."""

    name: str
    body: tuple[Statement, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Subshell:
    """`( … )`, a stage of a pipeline, or something in the background: its changes are lost."""

    body: tuple[Statement, ...]
    span: Span


Statement: TypeAlias = "Declare | Unset | Command | Branch | Loop | Function | Subshell"


@dataclass(frozen=True, slots=True)
class Script:
    """A shell script, whole."""

    source: Source
    body: tuple[Statement, ...]
    broken: tuple[Span, ...] = ()
    """Where the grammar did not understand it."""
