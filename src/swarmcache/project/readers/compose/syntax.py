"""A compose file as values; `$NAME` in them is not filled in yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.project.readers.shell.syntax import Word
    from swarmcache.project.sources import Source, Span

MountKind: TypeAlias = Literal["bind", "volume", "tmpfs", "anonymous", "pod"]
"""`pod` is what goes with a pod of Kubernetes (`emptyDir`); compose has the others."""


@dataclass(frozen=True, slots=True)
class Build:
    """How an image is made."""

    context: Word | None
    dockerfile: Word | None
    target: Word | None
    arguments: tuple[Variable, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable or build argument."""

    name: str
    value: Word | None
    """None for a name alone, which passes on what compose itself finds."""
    span: Span


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A file that variables come from."""

    path: Word
    raw: bool
    """`format: raw`."""
    span: Span


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder from elsewhere."""

    kind: MountKind | None
    """None where the source decides: a path is bound, a name is a volume's."""
    source: Word | None
    target: Word
    span: Span


@dataclass(frozen=True, slots=True)
class Service:
    """One service, as one file tells it; None and empty for what the file does not say."""

    name: str
    span: Span
    """Its name."""
    image: Word | None = None
    build: Build | None = None
    environment: tuple[Variable, ...] = ()
    env_files: tuple[EnvFile, ...] = ()
    mounts: tuple[Mount, ...] = ()
    entrypoint: tuple[Word, ...] | None = None
    command: tuple[Word, ...] | None = None
    user: Word | None = None
    working_dir: Word | None = None
    replicas: Word | None = None
    restart: Word | None = None
    extends: tuple[Word | None, str] | None = None
    """The file, None for this one, and the service in it."""


@dataclass(frozen=True, slots=True)
class Compose:
    """A compose file, whole."""

    source: Source
    services: tuple[Service, ...]
    fleeting: frozenset[str]
    """Named volumes that are kept in memory."""
