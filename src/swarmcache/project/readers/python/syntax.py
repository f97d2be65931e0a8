"""A Python module as values: what it imports and calls, and what it does to the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.project.sources import Source, Span

Constant: TypeAlias = "str | bool | int | float | None"


@dataclass(frozen=True, slots=True)
class Argument:
    """A value in a call or an assignment, as far as reading tells it."""

    values: tuple[Constant, ...]
    """What it may be; empty where only running tells, or where it is not a plain value."""
    span: Span
    variable: str = ""
    """The environment variable that it is read from; `values` are what counts without it."""
    name: str = ""
    """The dotted name that stands there: `args.model`, `self.path`."""
    flags: tuple[str, ...] = ()
    """The option of the program that it is; `values` are what counts without it."""

    @property
    def known(self) -> bool:
        """Whether it is one plain value whatever the environment and the command line."""
        return len(self.values) == 1 and not self.variable and not self.flags

    @property
    def value(self) -> Constant:
        """The value that is known, else None."""
        return self.values[0] if self.known else None


@dataclass(frozen=True, slots=True)
class Call:
    """A call, its name resolved through the module's imports."""

    callee: str
    """`transformers.AutoTokenizer.from_pretrained`; the name as written where it is no import."""
    arguments: tuple[Argument, ...]
    keywords: Mapping[str, Argument]
    open: bool
    """Whether `*args` or `**kwargs` may bring more."""
    span: Span
    at_import: bool
    """Whether it is run when the module is imported."""
    function: str
    """The function around it, dotted; empty at the top."""

    def argument(self, name: str, position: int | None = None) -> Argument | None:
        """Return an argument by its name, or by its position."""
        if name in self.keywords:
            return self.keywords[name]
        if position is not None and position < len(self.arguments):
            return self.arguments[position]
        return None


@dataclass(frozen=True, slots=True)
class EnvironmentWrite:
    """`os.environ["NAME"] = value`, `setdefault`, `pop`, `load_dotenv`."""

    name: str
    """Empty where it is not known, or a file's."""
    value: Argument | None
    """None where it is taken away."""
    kind: Literal["set", "default", "delete", "dotenv"]
    span: Span
    at_import: bool


@dataclass(frozen=True, slots=True)
class Import:
    """A module that is imported."""

    module: str
    """Dotted; of `from a import b` it is `a.b`, which may be a name in `a`."""
    span: Span
    at_import: bool
    """Whether that happens when this module is imported, not in a function."""
    guarded: bool
    """Whether it is for type checkers only."""
    optional: bool = False
    """Whether a failure is caught: `try: import … except ImportError:`."""


@dataclass(frozen=True, slots=True)
class Module:
    """A Python file."""

    source: Source
    name: str
    """Dotted, seen from the project: `code_gen_exp.src.proposer`."""
    imports: tuple[Import, ...]
    writes: tuple[EnvironmentWrite, ...]
    calls: tuple[Call, ...]
    lost: tuple[EnvironmentWrite, ...] = ()
    """What it exports in a shell of its own, which ends at once: `os.system("export A=b")`."""
