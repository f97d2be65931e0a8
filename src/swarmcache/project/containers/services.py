"""Services of compose files as containers, and images that nothing in sight starts."""

from __future__ import annotations

import os
import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.project.containers.images import built_image, taken_image
from swarmcache.project.containers.values import Container, Mount
from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.values import Setting, distinct, of
from swarmcache.project.readers.dockerfile import read_dockerfile
from swarmcache.project.readers.dockerfile.syntax import Start
from swarmcache.project.readers.dotenv import read_dotenv
from swarmcache.project.readers.shell.syntax import Opaque, Variable, Word

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from swarmcache.project.containers.images import Image
    from swarmcache.project.containers.stacks import Stack
    from swarmcache.project.effective.values import Alternatives, Variables
    from swarmcache.project.readers.compose import syntax as compose
    from swarmcache.project.readers.compose.syntax import MountKind
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_FILES = ("Dockerfile", "Containerfile")


def service_containers(project: Project, stacks: Iterable[Stack]) -> Iterator[Container]:
    """Yield the services of compose files, but for those that only add to others."""
    for stack in stacks:
        for service in stack.services:
            if service.image is not None or service.build is not None:
                yield _Service(service, stack, project).container()


def lone_images(project: Project, started: Collection[str]) -> Iterator[Container]:
    """Yield images of Dockerfiles that are none of those which something starts."""
    for source in project.sources("dockerfile"):
        if source.file not in started:
            image = built_image(read_dockerfile(source), project.folder, {})
            if image.entrypoint or image.command:
                yield _alone(image, source.span(0, 0))


def _alone(image: Image, top: Span) -> Container:
    start = image.entrypoint or image.command
    home = image.home(image.user)
    return Container(
        image.name,
        None,
        start.span if start else top,
        image,
        {**image.variables, **_home(home)},
        (),
        mounts_known=False,
        user=image.user,
        home=home,
        cwd=image.cwd,
        entrypoint=image.entrypoint,
        command=image.command,
    )


def _home(home: str | None) -> dict[str, Alternatives]:
    return {"HOME": (Setting(home, None, exported=True, way="image"),)}


class _Service:
    """Fills a service in."""

    def __init__(self, service: compose.Service, stack: Stack, project: Project) -> None:
        self._service = service
        self._stack = stack
        self._project = project

    def container(self) -> Container:
        one = self._service
        image = self._image()
        user = image.user if one.user is None else self._one(one.user)
        variables = {**image.variables, **self._environment(one)}
        seen = replace(image, variables=variables)
        home = seen.home(user)
        cwd = image.cwd
        if one.working_dir is not None:
            inside = self._one(one.working_dir)
            cwd = None if inside is None else posixpath.join(image.cwd or "/", inside)
        command = self._start(one.command)
        if command is None and one.entrypoint is None:
            command = image.command
        return Container(
            one.name,
            self._stack,
            one.span,
            image,
            {**variables, **_home(home)},
            tuple(self._mounts(one, image)),
            mounts_known=all(self._one(mount.target) is not None for mount in one.mounts),
            user=user,
            home=home,
            cwd=cwd,
            entrypoint=self._start(one.entrypoint) or image.entrypoint,
            command=command,
            service=one,
        )

    def _all(self, word: Word, variables: Variables | None = None) -> tuple[str | None, ...]:
        """Return what a word may be; what nobody sets is empty, unless whoever starts it does."""
        variables = self._stack.variables if variables is None else variables
        values = expanded(word, variables, "")
        bare = (p.name for p in word.parts if isinstance(p, Variable) and not p.operator)
        return (*values, None) if any(name not in variables for name in bare) else values

    def _one(self, word: Word | None) -> str | None:
        values = (None,) if word is None else self._all(word)
        return values[0] if len(values) == 1 else None

    def _path(self, text: str) -> str:
        """Return a path of the host, seen from the first compose file."""
        if text == "~" or text.startswith("~/"):
            text = self._project.environment.home + text[1:]
        return os.path.normpath(os.path.join(self._stack.folder, text))

    def _image(self) -> Image:
        build = self._service.build
        if build is None:
            return taken_image(self._one(self._service.image), self._service.span)
        context = self._path(self._one(build.context) or ".")
        names = [self._one(build.dockerfile)] if build.dockerfile is not None else list(_FILES)
        for name in names:
            source = self._project.source(os.path.join(context, name or ""))
            if source is not None:
                given = {v.name: self._one(v.value) for v in build.arguments if v.value is not None}
                target = self._one(build.target) or ""
                return built_image(read_dockerfile(source), context, given, target)
        return taken_image(None, None)

    def _environment(self, one: compose.Service) -> dict[str, Alternatives]:
        """Return what `env_file` and then `environment` set."""
        found: dict[str, Alternatives] = {}
        for file in one.env_files:
            path = self._path(self._one(file.path) or "")
            source = self._project.source(path)
            for entry in read_dotenv(source, "raw" if file.raw else "compose") if source else ():
                around = {**found, **self._stack.variables}
                self._set(found, entry.name, entry.value, entry.span, around)
        for variable in one.environment:
            self._set(found, variable.name, variable.value, variable.span, self._stack.variables)
        return found

    def _set(
        self,
        found: dict[str, Alternatives],
        name: str,
        word: Word | None,
        span: Span,
        variables: Variables,
    ) -> None:
        if word is None:
            passed = of(self._stack.variables, name)
            found[name] = tuple(
                s and Setting(s.value, span, exported=True, way="service") for s in passed
            )
        else:
            values = self._all(word, variables)
            found[name] = distinct([Setting(v, span, exported=True, way="service") for v in values])

    def _mounts(self, one: compose.Service, image: Image) -> Iterator[Mount]:
        targets: set[str] = set()
        for mount in one.mounts:
            target, source = self._one(mount.target), self._one(mount.source)
            if target is None:
                continue
            kind = mount.kind or _kind(source)
            if kind == "volume" and (source in self._stack.fleeting or mount.source is None):
                kind = "tmpfs" if mount.source is not None else "anonymous"
            if kind == "bind" and source is not None:
                source = self._path(source)
            target = posixpath.normpath(target)
            targets.add(target)
            yield Mount(kind, source, target, mount.span)
        for path in image.volumes:
            if path not in targets:
                yield Mount("anonymous", None, path, one.span)

    def _start(self, words: tuple[Word, ...] | None) -> Start | None:
        if words is None:
            return None
        return Start(tuple(map(self._filled, words)), None, words[0].span) if words else None

    def _filled(self, word: Word) -> Word:
        value = self._one(word)
        return Word((Opaque("") if value is None else value,), word.span, quoted=True)


def _kind(source: str | None) -> MountKind:
    """Return what a source in the short syntax is; one that is not known counts as lasting."""
    if source is None or source.startswith(("/", ".", "~")) or "\\" in source:
        return "bind"
    return "volume"
