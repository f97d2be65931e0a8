"""The caches of containers: where each is, and whether it outlives its container."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.folder import within
from swarmcache.hubcache.locate import HUB_VARIABLES, TRANSFORMERS_VARIABLES
from swarmcache.project.effective.arguments import option
from swarmcache.project.effective.caches import uses
from swarmcache.project.effective.served import may_serve_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.project.containers.values import Container, Mount
    from swarmcache.project.effective.executions import Execution, Given
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.loads.values import Load
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_PLACE_OPTIONS = (
    *("--download-dir", "--download_dir", "--cache-dir", "--cache_dir", "--local-dir"),
    *("--huggingface-hub-cache"),
)
_OLLAMA = ("ollama/ollama", "docker.io/ollama/ollama")


class ContainerCache(NamedTuple):
    """One cache that a container's programs use."""

    container: Container
    path: str
    """Absolute, in the container."""
    mount: Mount | None
    """What it lies in; None where that is the container's own layer."""
    loader: Span | None
    """The program that loads models; None where only a variable says that there is a cache."""

    @property
    def lasts(self) -> bool:
        """Whether it is there for the next container too."""
        return self.mount is not None and self.mount.lasts


def container_caches(project: Project, libraries: Libraries) -> Iterator[ContainerCache]:
    """Yield the caches of containers whose place and mounts are known, each once.

    Nothing is known where code names a place itself, where a model is a folder, or where
    something is mounted below the cache.
    """
    loaders: dict[Span | None, list[Loader]] = {}
    for loader in project.loaders:
        loaders.setdefault(loader.execution.root.span, []).append(loader)
    for container in project.containers:
        if not container.mounts_known or container.image.may_hold_models:
            continue
        found = list(_caches(container, loaders.get(container.span, []), project, libraries))
        for path, span in dict(reversed(found)).items():
            if not _is_filled(container, path):
                yield ContainerCache(container, path, container.mount_at(path), span)


def _caches(
    container: Container, loaders: list[Loader], project: Project, libraries: Libraries
) -> Iterator[tuple[str, Span | None]]:
    if container.image.name.partition(":")[0] in _OLLAMA:
        path = _ollama(container)
        if path is not None:
            yield path, container.span
        return
    for loader in loaders:
        if leaves_place_open(loader, project):
            yield from (
                (path, loader.execution.span) for path in _places(loader.execution, libraries)
            )
    if not container.image.known:
        path = _named(container)
        if path is not None and (
            not loaders or any(leaves_place_open(one, project) for one in loaders)
        ):
            yield path, None


def _is_filled(container: Container, path: str) -> bool:
    """Tell whether something is mounted below a cache, or was copied into it from anywhere."""
    if any(m.lasts and m.target != path and within(m.target, path) for m in container.mounts):
        return True
    return any(
        within(one.inside, path) or (one.outside is None and within(path, one.inside))
        for one in container.image.copied
    )


def _places(execution: Execution, libraries: Libraries) -> Iterator[str]:
    """Yield the folders of a program's caches; nothing where any of its ways is not known."""
    found: dict[str, None] = {}
    for use in uses(execution, libraries):
        if use.hub is None or use.transformers is None:
            return
        found |= dict.fromkeys((use.transformers.path, use.hub.path))
    yield from found


PLACES = frozenset({"cache_dir", "local_dir", "download_dir", "cache_folder"})
"""What names where a load site puts its files."""


def leaves_place_open(loader: Loader, project: Project) -> bool:
    """Tell whether a program leaves the place to the environment, and loads from the Hub."""
    execution = loader.execution
    if any(option(execution, name) is not None for name in _PLACE_OPTIONS):
        return False
    if may_serve_folder(execution):
        return False
    if loader.library != "transformers" and any(map(_may_be_several, execution.words())):
        return False
    modules = [module for module in project.modules if module.name in loader.modules]
    if any(write.name in _DECIDING for module in modules for write in module.writes):
        return False
    files = {module.source.file for module in modules}
    loads = [load for load in project.loads if load.span.file in files]
    return not loads or any(not _names_place(load) for load in loads)


_DECIDING = frozenset({"", *HUB_VARIABLES, *TRANSFORMERS_VARIABLES})
"""Empty is a dotenv file that Python loads, which may hold any of them."""


def _may_be_several(word: Given) -> bool:
    """Tell whether a word may hold options of a server: `${VLLM_ARGS}` of a compose file."""
    return any(value is None or (" " in value and "--" in value) for value in word.values)


def _names_place(load: Load) -> bool:
    """Tell whether a load site needs no cache of the Hub: it names a place, or loads a folder."""
    if not PLACES.isdisjoint(load.options):
        return True
    return bool(load.repos) and all(name.startswith(("/", ".")) for name in load.repos)


def _named(container: Container) -> str | None:
    """Return the cache that variables of the project name, for an image that is not known."""
    for name, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        settings = container.variables.get(name, ())
        own = [s for s in settings if s is not None and s.way == "service" and s.value]
        if len(settings) == 1 and own and own[0].value and own[0].value.startswith("/"):
            return posixpath.normpath(posixpath.join(own[0].value, below))
    if any(
        s is not None and s.value for name in _DECIDING for s in container.variables.get(name, ())
    ):
        return None
    return _mounted(container)


def _mounted(container: Container) -> str | None:
    """Return the cache that a mount of a pod is meant for, for an image that is not known."""
    for mount in container.mounts if container.pod is not None else ():
        if mount.target.endswith("/.cache/huggingface"):
            return f"{mount.target}/hub"
        if mount.target.endswith("/.cache/huggingface/hub"):
            return mount.target
    return None


def _ollama(container: Container) -> str | None:
    settings = container.variables.get("OLLAMA_MODELS")
    if settings is None:
        return "/root/.ollama/models"
    return settings[0].value if len(settings) == 1 and settings[0] is not None else None
