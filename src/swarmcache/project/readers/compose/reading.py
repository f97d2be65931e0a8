"""From YAML to services, in the short and the long syntax of each key."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from yaml.nodes import MappingNode

from swarmcache.project.readers.compose.syntax import (
    Build,
    Compose,
    EnvFile,
    Mount,
    Service,
    Variable,
)
from swarmcache.project.readers.dollars import interpolated
from swarmcache.project.readers.hydra import Place
from swarmcache.project.readers.shell.syntax import Word
from swarmcache.project.readers.yaml_file import YamlFile, items, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.readers.compose.syntax import MountKind
    from swarmcache.project.sources import Source, Span

_KINDS: dict[str, MountKind] = {"bind": "bind", "volume": "volume", "tmpfs": "tmpfs"}


def read_compose(source: Source) -> Compose | None:
    """Return a compose file; None where it is none, or cannot be read."""
    file = read_yaml(source)
    services = file.top.child("services") if file is not None else None
    if file is None or services is None or not isinstance(services.node, MappingNode):
        return None
    reader = _Reader(file)
    found = [
        reader.service(str(key.value), Place(value, ("services", str(key.value))), Place(key, ()))
        for key, value in services.node.value
    ]
    return Compose(source, tuple(found), frozenset(reader.fleeting()))


class _Reader:
    """Reads one file."""

    def __init__(self, file: YamlFile) -> None:
        self._file = file

    def service(self, name: str, place: Place, key: Place) -> Service:
        """Return a service by its name, its block and the key above it."""
        deploy = place.child("deploy")
        replicas = deploy.child("replicas") if deploy else None
        return Service(
            name,
            self._file.span(key),
            image=self._word(place.child("image")),
            build=self._build(place.child("build")),
            environment=tuple(self._variables(place.child("environment"))),
            env_files=tuple(self._env_files(place.child("env_file"))),
            mounts=(*self._mounts(place.child("volumes")), *self._tmpfs(place.child("tmpfs"))),
            entrypoint=self._start(place.child("entrypoint")),
            command=self._start(place.child("command")),
            user=self._word(place.child("user")),
            working_dir=self._word(place.child("working_dir")),
            replicas=self._word(replicas or place.child("scale")),
            restart=self._word(place.child("restart")),
            extends=self._extends(place.child("extends")),
        )

    def fleeting(self) -> Iterator[str]:
        """Yield the names of volumes that are kept in memory."""
        volumes = self._file.top.child("volumes")
        for name, place in volumes.children() if volumes else ():
            options = place.child("driver_opts")
            kind = options.child("type") if options else None
            if kind is not None and kind.text == "tmpfs":
                yield name

    def _word(self, place: Place | None) -> Word | None:
        text = place.text if place is not None else None
        if place is None or text is None:
            return None
        return self._worded(text, self._file.span(place))

    def _worded(self, text: str, span: Span) -> Word:
        return Word(interpolated(text, span, escaped="$$"), span)

    def _build(self, place: Place | None) -> Build | None:
        if place is None:
            return None
        span = self._file.span(place)
        if place.text is not None:
            return Build(self._word(place), None, None, (), span)
        arguments = tuple(self._variables(place.child("args")))
        words = [self._word(place.child(key)) for key in ("context", "dockerfile", "target")]
        return Build(words[0], words[1], words[2], arguments, span)

    def _variables(self, place: Place | None) -> Iterator[Variable]:
        """Read a mapping, or a list of `NAME=value`, in which quotes are part of the value."""
        if place is None:
            return
        if isinstance(place.node, MappingNode):
            for name, value in place.children():
                yield Variable(name, self._word(value), self._file.span(value))
            return
        for item in items(place):
            name, equals, text = (item.text or "").partition("=")
            span = self._file.span(item)
            yield Variable(name.strip(), self._worded(text, span) if equals else None, span)

    def _env_files(self, place: Place | None) -> Iterator[EnvFile]:
        for item in items(place):
            path = self._word(item.child("path") or item)
            kind = item.child("format")
            if path is not None:
                yield EnvFile(path, kind is not None and kind.text == "raw", self._file.span(item))

    def _mounts(self, place: Place | None) -> Iterator[Mount]:
        for item in items(place):
            span = self._file.span(item)
            if item.text is not None:
                yield self._short(item.text, span)
                continue
            kind, target = item.child("type"), self._word(item.child("target"))
            if target is not None:
                named = _KINDS.get(kind.text or "" if kind else "")
                yield Mount(named, self._word(item.child("source")), target, span)

    def _short(self, text: str, span: Span) -> Mount:
        """Read `source:target:mode`; a colon in `${NAME:-x}` parts nothing."""
        pieces, depth = [""], 0
        for letter in text:
            depth += (letter == "{") - (letter == "}")
            if letter == ":" and not depth:
                pieces.append("")
            else:
                pieces[-1] += letter
        if len(pieces) == 1:
            return Mount("anonymous", None, self._worded(pieces[0], span), span)
        if len(pieces[0]) == 1 and pieces[0].isalpha() and len(pieces) > 2:  # noqa: PLR2004 - C:\x
            pieces[:2] = [":".join(pieces[:2])]
        return Mount(None, self._worded(pieces[0], span), self._worded(pieces[1], span), span)

    def _tmpfs(self, place: Place | None) -> Iterator[Mount]:
        for item in items(place):
            span = self._file.span(item)
            target = self._worded((item.text or "").partition(":")[0], span)
            yield Mount("tmpfs", None, target, span)

    def _start(self, place: Place | None) -> tuple[Word, ...] | None:
        """Read a list as it is; a text is parted at its blanks, by no shell."""
        if place is None:
            return None
        if place.text is None:
            return tuple(word for item in items(place) if (word := self._word(item)) is not None)
        span = self._file.span(place)
        try:
            return tuple(self._worded(text, span) for text in shlex.split(place.text))
        except ValueError:
            return None

    def _extends(self, place: Place | None) -> tuple[Word | None, str] | None:
        if place is None:
            return None
        if place.text is not None:
            return None, place.text
        name = place.child("service")
        return (self._word(place.child("file")), name.text) if name and name.text else None
