"""A Dockerfile as values: stages, and the steps in them that decide what a container finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.project.readers.shell.syntax import Word
    from swarmcache.project.sources import Source, Span


@dataclass(frozen=True, slots=True)
class Env:
    """`ENV NAME=value`, one of its pairs."""

    name: str
    value: Word
    span: Span


@dataclass(frozen=True, slots=True)
class Arg:
    """`ARG NAME=default`."""

    name: str
    value: Word | None
    span: Span


@dataclass(frozen=True, slots=True)
class User:
    """`USER name:group`."""

    name: Word
    span: Span


@dataclass(frozen=True, slots=True)
class Workdir:
    """`WORKDIR path`; a relative one is seen from the one before."""

    path: Word
    span: Span


@dataclass(frozen=True, slots=True)
class Copy:
    """`COPY source… target`, and `ADD`."""

    sources: tuple[Word, ...]
    target: Word
    stage: str
    """`--from`; empty where the sources lie in the build's context."""
    span: Span


@dataclass(frozen=True, slots=True)
class Volume:
    """`VOLUME path…`: an anonymous volume, unless something is mounted there."""

    paths: tuple[Word, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Start:
    """What a container starts: words as they are, or a text for a shell."""

    words: tuple[Word, ...]
    script: Source | None
    """The text of the shell form; then there are no words."""
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """`ENTRYPOINT` or `CMD`."""

    kind: Literal["entrypoint", "command"]
    start: Start
    span: Span


@dataclass(frozen=True, slots=True)
class Run:
    """`RUN`, its shell form; a here-document is a script of its own."""

    script: Source
    span: Span


Step: TypeAlias = "Env | Arg | User | Workdir | Copy | Volume | Entry | Run"


@dataclass(frozen=True, slots=True)
class Stage:
    """From one `FROM` to the next."""

    name: str
    """`AS name`, lower case; else empty."""
    base: Word
    """The image, or the name of another stage."""
    steps: tuple[Step, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A Dockerfile, whole."""

    source: Source
    arguments: tuple[Arg, ...]
    """Those before the first `FROM`, which only `FROM` sees."""
    stages: tuple[Stage, ...]
