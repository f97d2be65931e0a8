"""Containers of a project as values: what each begins with, and what of it outlives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.hubcache.folder import within
from swarmcache.project.containers.paths import Mapped, Paths

if TYPE_CHECKING:
    from swarmcache.project.containers.docker_run import DockerRun
    from swarmcache.project.containers.images import Image
    from swarmcache.project.containers.stacks import Stack
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.readers.compose import syntax as compose
    from swarmcache.project.readers.compose.syntax import MountKind
    from swarmcache.project.readers.dockerfile.syntax import Start
    from swarmcache.project.readers.kubernetes.syntax import Pod
    from swarmcache.project.sources import Span


@dataclass(frozen=True, slots=True)
class Mount:
    """What a container finds in place of its own folder."""

    kind: MountKind
    source: str | None
    """The folder of the host, or the volume's name; None where that is not known."""
    target: str
    """Absolute, in the container."""
    span: Span
    each: bool = False
    """Whether each instance of the container has one of its own."""

    @property
    def lasts(self) -> bool:
        """Whether its content is there for the next container too."""
        return self.kind in {"bind", "volume"}


@dataclass(frozen=True, slots=True)
class Container:
    """A container that the project starts."""

    name: str
    """The service, or the Dockerfile."""
    stack: Stack | None
    """Its compose files; None for an image that no compose file starts."""
    span: Span
    """Where it is told of: the service's name, or the image's last `FROM`."""
    image: Image
    variables: dict[str, Alternatives]
    """What its first program finds."""
    mounts: tuple[Mount, ...]
    mounts_known: bool
    """Whether these are all; a Dockerfile alone does not tell."""
    user: str | None
    home: str | None
    cwd: str | None
    entrypoint: Start | None
    command: Start | None
    service: compose.Service | None = None
    run: DockerRun | None = None
    """The script's command that starts it, if one does."""
    pod: Pod | None = None
    """The pod of Kubernetes that it is in."""
    checkout: tuple[Mapped, ...] = ()
    """Where the project lies in it, by the files of it that its command names."""

    def mount_at(self, path: str) -> Mount | None:
        """Return the mount that a path of the container lies in; None where it is its own."""
        found = [mount for mount in self.mounts if within(path, mount.target)]
        return max(found, key=lambda mount: len(mount.target), default=None)

    @property
    def paths(self) -> Paths:
        """Where its files lie in the project."""
        bound = (Mapped(m.target, m.source) for m in self.mounts if m.kind == "bind")
        return Paths((*bound, *self.checkout), self.image.copied)
