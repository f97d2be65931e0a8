"""Manifests of Kubernetes as values: pods, and the variables that they take from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from swarmcache.project.readers.shell.syntax import Word
    from swarmcache.project.sources import Source, Span

VolumeKind: TypeAlias = Literal["claim", "pod", "host", "files", "other"]
"""A claim, a volume that lives as long as its pod, a folder of the node, files of the cluster
(ConfigMap, Secret), anything else."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of a pod."""

    name: str
    kind: VolumeKind
    source: str | None
    """The claim's name or the node's folder; None where that is not told."""
    each: bool = False
    """Whether each pod has one of its own, as a StatefulSet claims them."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """A volume in a container."""

    volume: str
    path: str
    below: str
    """`subPath`."""
    span: Span


@dataclass(frozen=True, slots=True)
class PodVariable:
    """An environment variable; its value is None where it comes from elsewhere."""

    name: str
    value: Word | None
    span: Span


@dataclass(frozen=True, slots=True)
class From:
    """All that a ConfigMap or Secret holds, as variables."""

    kind: str
    name: str
    prefix: str
    optional: bool


@dataclass(frozen=True, slots=True)
class PodContainer:
    """A container of a pod."""

    name: str
    span: Span
    image: str | None
    command: tuple[Word, ...] | None
    arguments: tuple[Word, ...] | None
    environment: tuple[PodVariable, ...]
    env_from: tuple[From, ...]
    mounts: tuple[Mounted, ...]
    working_dir: str | None
    user: str | None
    """`runAsUser`, of the container or its pod."""
    first: bool
    """Whether it is an init container."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, and how many of them there are."""

    kind: str
    """Of the object that makes it: `Deployment`."""
    name: str
    span: Span
    containers: tuple[PodContainer, ...]
    volumes: tuple[Volume, ...]
    count: int | None
    """None where it is not told, which mostly is one."""


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """Variables for pods."""

    name: str
    variables: tuple[PodVariable, ...]


@dataclass(frozen=True, slots=True)
class Manifests:
    """A file of manifests."""

    source: Source
    pods: tuple[Pod, ...]
    maps: tuple[ConfigMap, ...]
