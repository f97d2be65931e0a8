"""Containers of Kubernetes' pods: what each finds, and what of it outlives its pod."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.project.containers.checkouts import checkout_paths
from swarmcache.project.containers.images import taken_image
from swarmcache.project.containers.overlays import changed_files
from swarmcache.project.containers.values import Container, Mount
from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.values import Setting, distinct, unsure
from swarmcache.project.readers.dockerfile.syntax import Start
from swarmcache.project.readers.kubernetes import read_manifests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from swarmcache.project.containers.images import Image
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.readers.compose.syntax import MountKind
    from swarmcache.project.readers.kubernetes.syntax import (
        ConfigMap,
        Manifests,
        Mounted,
        Pod,
        PodContainer,
        Volume,
    )
    from swarmcache.project.readers.shell.syntax import Word
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_LASTING: dict[str, MountKind] = {"claim": "volume", "host": "volume", "pod": "pod"}


def pod_containers(project: Project) -> Iterator[Container]:
    """Yield the containers of all pods but those that a patch of an overlay changes."""
    files = list(_manifests(project))
    maps: dict[str, list[ConfigMap]] = {}
    for file in files:
        for one in file.maps:
            maps.setdefault(one.name, []).append(one)
    known = {name: found[0] for name, found in maps.items() if len(found) == 1}
    changed = changed_files(project) if files else frozenset()
    for file in files:
        for pod in file.pods if file.source.path not in changed else ():
            yield from _containers(pod, known, project)


def _manifests(project: Project) -> Iterator[Manifests]:
    sources = list(project.sources("yaml"))
    sources += [one.content for one in project.written if one.path.endswith((".yaml", ".yml"))]
    for source in sources:
        found = read_manifests(source)
        if found is not None:
            yield found


def _containers(pod: Pod, maps: Mapping[str, ConfigMap], project: Project) -> Iterator[Container]:
    staged = frozenset(_staged(pod))
    for one in pod.containers:
        if one.image is not None:
            yield _container(one, pod, maps, staged, project)


def _staged(pod: Pod) -> Iterator[str]:
    """Yield the volumes that an init container may fill from another volume, which lasts."""
    kinds = {volume.name: volume.kind for volume in pod.volumes}
    for one in pod.containers:
        names = [mount.volume for mount in one.mounts]
        if one.first and any(kinds.get(name) in {"claim", "host", "other"} for name in names):
            yield from (name for name in names if kinds.get(name) == "pod")


def _container(
    one: PodContainer,
    pod: Pod,
    maps: Mapping[str, ConfigMap],
    staged: frozenset[str],
    project: Project,
) -> Container:
    image = taken_image(one.image, one.span)
    variables = _variables(one, image, maps)
    user = image.user if one.user is None else one.user
    home = replace(image, variables=variables).home(user)
    cwd = one.working_dir or image.cwd
    entry = image.entrypoint if one.command is None else _start(one.command, one.span)
    command = None if one.command is not None else image.command
    command = command if one.arguments is None else _start(one.arguments, one.span)
    volumes = {volume.name: volume for volume in pod.volumes if volume.name not in staged}
    text = "\n".join(_texts((*(one.command or ()), *(one.arguments or ()))))
    return Container(
        f"{pod.kind} {pod.name}",
        None,
        one.span,
        image,
        {**variables, "HOME": (Setting(home, None, exported=True, way="image"),)},
        tuple(
            _mount(mount, volumes[mount.volume]) for mount in one.mounts if mount.volume in volumes
        ),
        mounts_known=all(mount.volume in volumes for mount in one.mounts),
        user=user,
        home=home,
        cwd=cwd,
        entrypoint=entry,
        command=command,
        pod=pod,
        checkout=checkout_paths(text, cwd, home, project.folder).mounted,
    )


def _variables(
    one: PodContainer, image: Image, maps: Mapping[str, ConfigMap]
) -> dict[str, Alternatives]:
    """Return what a container finds: its image's variables, then `envFrom`, then `env`."""
    found = dict(image.variables)
    for source in one.env_from:
        given = maps.get(source.name) if source.kind == "ConfigMap" else None
        if given is None:
            found = unsure(found, "service")
        for variable in given.variables if given is not None else ():
            value = variable.value.literal if variable.value is not None else None
            setting = Setting(value, variable.span, exported=True, way="service")
            found[source.prefix + variable.name] = (setting,)
    for variable in one.environment:
        word = variable.value
        values = (None,) if word is None else expanded(word, found, "")
        found[variable.name] = distinct(
            [Setting(value, variable.span, exported=True, way="service") for value in values]
        )
    return found


def _mount(mount: Mounted, volume: Volume) -> Mount:
    kind = _LASTING.get(volume.kind, "volume")
    source = volume.source if volume.source is None else posixpath.join(volume.source, mount.below)
    target = posixpath.normpath(mount.path)
    return Mount(kind, source, target, mount.span, each=volume.each)


def _start(words: tuple[Word, ...], span: Span) -> Start:
    return Start(words, None, words[0].span if words else span)


def _texts(words: Iterable[Word]) -> Iterator[str]:
    for word in words:
        yield "".join(part for part in word.parts if isinstance(part, str))
