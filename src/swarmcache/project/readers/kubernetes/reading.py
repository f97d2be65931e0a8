"""Manifests of Kubernetes: every pod that a document makes, whatever kind of object makes it.

A pod stands wherever a `spec` has `containers`: in a Deployment, a CronJob, and in kinds that
others have defined. Charts and other templates (`{{ … }}`) are no manifests yet, and left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml
from yaml.nodes import MappingNode, SequenceNode

from swarmcache.project.readers.hydra import Place
from swarmcache.project.readers.kubernetes.syntax import (
    ConfigMap,
    From,
    Manifests,
    Mounted,
    Pod,
    PodContainer,
    PodVariable,
    Volume,
)
from swarmcache.project.readers.shell.syntax import Opaque, Variable, Word
from swarmcache.project.readers.yaml_file import YamlFile, items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.readers.kubernetes.syntax import VolumeKind
    from swarmcache.project.readers.shell.syntax import Part
    from swarmcache.project.sources import Source

_SIGN = re.compile(rb"^\s*apiVersion\s*:", re.MULTILINE)
_USE = re.compile(rb"\bcontainers\s*:|\bkind\s*:\s*[\"']?ConfigMap")
_REFERENCE = re.compile(r"\$\$|\$\((?P<name>[\w.-]+)\)")
_COUNTS = ("replicas", "parallelism", "size", "minReplicas")
_KINDS: dict[str, VolumeKind] = {
    "persistentVolumeClaim": "claim",
    "emptyDir": "pod",
    "ephemeral": "pod",
    "hostPath": "host",
    "configMap": "files",
    "secret": "files",
    "projected": "files",
    "downwardAPI": "files",
}
_MAX_DEPTH = 14


def read_manifests(source: Source) -> Manifests | None:
    """Return the manifests of a file; None where it has none that say anything here."""
    data = source.data
    if not (_SIGN.search(data) and _USE.search(data)) or b"{{" in data:
        return None
    pods: list[Pod] = []
    maps: list[ConfigMap] = []
    for top in _documents(source):
        reader = _Reader(YamlFile(source, top))
        pods += reader.pods()
        maps += reader.maps()
    return Manifests(source, tuple(pods), tuple(maps))


def _documents(source: Source) -> list[Place]:
    """Return the documents of a file, those of a `List` one by one; none where it is no YAML."""
    try:
        nodes = list(yaml.compose_all(source.data, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError):
        return []
    tops = [Place(node, ()) for node in nodes if isinstance(node, MappingNode)]
    lists = [top.child("items") for top in tops if _text(top, "kind") == "List"]
    inner = [one for place in lists for one in items(place)]
    return [one for one in (*tops, *inner) if one.child("apiVersion") is not None]


def _text(place: Place | None, *path: str) -> str | None:
    for key in path:
        place = place.child(key) if place is not None else None
    return place.text if place is not None else None


class _Reader:
    """Reads one document."""

    def __init__(self, file: YamlFile) -> None:
        self._file = file
        self._kind = _text(file.top, "kind") or ""
        self._name = _text(file.top, "metadata", "name") or self._kind

    def maps(self) -> Iterator[ConfigMap]:
        if self._kind == "ConfigMap":
            data = self._file.top.child("data")
            found = (
                PodVariable(name, self._word(place), self._file.span(place))
                for name, place in (data.children() if data else ())
            )
            yield ConfigMap(self._name, tuple(found))

    def pods(self) -> Iterator[Pod]:
        yield from self._pods(self._file.top, (), 0)

    def _pods(self, place: Place, around: tuple[Place, ...], depth: int) -> Iterator[Pod]:
        """Yield the pods below a place; `around` are the mappings that it stands in."""
        if depth > _MAX_DEPTH:
            return
        containers = place.child("containers") if isinstance(place.node, MappingNode) else None
        if containers is not None and isinstance(containers.node, SequenceNode):
            pod = self._pod(place, around)
            if pod.containers:
                yield pod
            return
        if isinstance(place.node, (MappingNode, SequenceNode)):
            for _, child in place.children():
                yield from self._pods(child, (*around, place), depth + 1)

    def _pod(self, spec: Place, around: tuple[Place, ...]) -> Pod:
        user = _text(spec, "securityContext", "runAsUser")
        containers = [
            one
            for key in ("initContainers", "containers")
            for item in items(spec.child(key))
            if (one := self._container(item, user, first=key != "containers")) is not None
        ]
        volumes = [v for item in items(spec.child("volumes")) if (v := _volume(item)) is not None]
        volumes += _claimed(around)
        span = containers[-1].span if containers else self._file.span(spec)
        count = next(filter(None, (_count(one) for one in reversed(around))), None)
        return Pod(self._kind, self._name, span, tuple(containers), tuple(volumes), count)

    def _container(self, place: Place, user: str | None, *, first: bool) -> PodContainer | None:
        name = place.child("name")
        if name is None or name.text is None:
            return None
        return PodContainer(
            name.text,
            self._file.span(name),
            _text(place, "image"),
            self._words(place.child("command")),
            self._words(place.child("args")),
            tuple(self._variables(place.child("env"))),
            tuple(_sources(place.child("envFrom"))),
            tuple(self._mounts(place.child("volumeMounts"))),
            _text(place, "workingDir"),
            _text(place, "securityContext", "runAsUser") or user,
            first,
        )

    def _words(self, place: Place | None) -> tuple[Word, ...] | None:
        if place is None:
            return None
        return tuple(self._word(item) for item in items(place))

    def _word(self, place: Place) -> Word:
        """Return a text in which `$(NAME)` is a variable, and `$NAME` is not."""
        text = place.text
        if text is None:
            return Word((Opaque(""),), self._file.span(place), quoted=True)
        parts: list[Part] = []
        at = 0
        for match in _REFERENCE.finditer(text):
            parts.append(text[at : match.start()])
            parts.append(Variable(match["name"]) if match["name"] else "$")
            at = match.end()
        found = tuple(part for part in (*parts, text[at:]) if part != "")
        return Word(found, self._file.span(place), quoted=True)

    def _variables(self, place: Place | None) -> Iterator[PodVariable]:
        for item in items(place):
            name, value = _text(item, "name"), item.child("value")
            if name is not None:
                elsewhere = item.child("valueFrom") is not None
                word = None if elsewhere else Word((), self._file.span(item), quoted=True)
                word = self._word(value) if value is not None else word
                yield PodVariable(name, word, self._file.span(value or item))

    def _mounts(self, place: Place | None) -> Iterator[Mounted]:
        for item in items(place):
            name, path = _text(item, "name"), _text(item, "mountPath")
            if name is not None and path is not None:
                below = _text(item, "subPath") or _text(item, "subPathExpr") or ""
                yield Mounted(name, path, below, self._file.span(item))


def _count(place: Place) -> int | None:
    texts = (_text(place, name) for name in _COUNTS)
    return next((int(text) for text in texts if text is not None and text.isdecimal()), None)


def _volume(place: Place) -> Volume | None:
    name = _text(place, "name")
    if name is None:
        return None
    for key, child in place.children():
        if key in _KINDS:
            source = _text(child, "claimName") or _text(child, "path")
            return Volume(name, _KINDS[key], source)
    # A volume of which nothing is told is an `emptyDir`.
    alone = len(list(place.children())) == 1
    return Volume(name, "pod" if alone else "other", None)


def _claimed(around: tuple[Place, ...]) -> Iterator[Volume]:
    """Yield the volumes that a StatefulSet claims, one for each of its pods."""
    for place in around:
        for item in items(place.child("volumeClaimTemplates")):
            name = _text(item, "metadata", "name")
            if name is not None:
                yield Volume(name, "claim", name, each=True)


def _sources(place: Place | None) -> Iterator[From]:
    for item in items(place):
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            name = _text(item, key, "name")
            if name is not None:
                optional = _text(item, key, "optional") == "true"
                yield From(kind, name, _text(item, "prefix") or "", optional)
