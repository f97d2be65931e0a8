"""The mount of the one folder in compose services that load models: in a file of its own.

    docker-compose.yaml                 the project's, which stays as it is
    docker-compose.override.yml         made here; docker compose reads it by itself

Where there is an override already, or a script names its files with `-f`, the last of them gets
the lines instead.

The folder is mounted at a place of its own, `/models/hub`, and `HF_HUB_CACHE` says so. A mount in
the home of the container's user would leave root's folders above it, in which that user then can
write nothing: not its token, not its datasets.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from yaml.nodes import MappingNode, SequenceNode

from swarmcache.hubcache.locate import TRANSFORMERS_VARIABLES, reads_own_variables
from swarmcache.launch.init.values import Left
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches
from swarmcache.project.containers.stacks import DEFAULTS
from swarmcache.project.edits import Edit, line_end
from swarmcache.project.readers.yaml_file import read_yaml
from swarmcache.project.sources import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.project.containers.kept import ContainerCache
    from swarmcache.project.containers.values import Container
    from swarmcache.project.readers.hydra import Place
    from swarmcache.project.readers.yaml_file import YamlFile
    from swarmcache.project.sources import Source
    from swarmcache.project.study import Project

INSIDE = "/models/hub"
_HEAD = """\
# Written by swarmcache init: the one cache folder in the services that load models.
# docker compose reads this beside {base} by itself; `swarmcache init --undo` takes it back.
"""
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
_ROOT = frozenset({None, "root", "0", "0:0"})


class Service(NamedTuple):
    """A service that is to have the folder."""

    name: str
    variables: tuple[str, ...]
    """What names the folder in it."""
    user: str | None
    """Who runs its program, where that is not root."""
    base: str
    """The first file of its stack, as it is told."""
    target: str
    """The file that is to hold the lines, as it is told."""


@dataclass(frozen=True, slots=True)
class Mounting:
    """What containers need."""

    services: tuple[Service, ...]
    left: tuple[Left, ...]

    @property
    def strangers(self) -> bool:
        """Whether a container's user is, or may be, another than this one."""
        uid = os.geteuid() if hasattr(os, "geteuid") else 0
        own = {str(uid), *(("root", None) if uid == 0 else ())}
        users = (None if one.user is None else one.user.partition(":")[0] for one in self.services)
        return any(user not in own for user in users)


def mounting(project: Project, folder: str, libraries: Libraries) -> Mounting:
    """Return which services need the folder; raises ProjectError where scripts cannot be read."""
    services: dict[tuple[str, str], Service] = {}
    left: list[Left] = []
    named = set(_named(project))
    for cache in container_caches(project, libraries):
        one = cache.container
        if cache.loader == one.span or _is_settled(cache, project):
            continue  # The store of Ollama, or mounted already.
        if one.stack is None:
            left.append(_by_hand(one, folder))
            continue
        files = one.stack.files
        target = files[-1] if files in named else _target(files)
        services[one.name, target] = Service(
            one.name, _variables(one, libraries), _user(one), one.stack.name, target
        )
    return Mounting(tuple(services.values()), tuple(dict.fromkeys(left)))


def _is_settled(cache: ContainerCache, project: Project) -> bool:
    """Tell whether a cache lasts by a mount of somebody else's; our own file is made anew."""
    source = project.source(cache.mount.span.file) if cache.mount is not None else None
    return cache.lasts and not (source is not None and is_ours(source.data))


def _by_hand(container: Container, folder: str) -> Left:
    reason = t("{name} is started without compose.", name=container.name)
    options = f"-v {shlex.quote(f'{folder}:{INSIDE}')} -e HF_HUB_CACHE={INSIDE}"
    return Left(container.span.file, reason, options)


def _variables(container: Container, libraries: Libraries) -> tuple[str, ...]:
    old: tuple[str, ...] = ()
    if libraries.transformers is None or reads_own_variables(libraries.transformers):
        old = tuple(name for name in TRANSFORMERS_VARIABLES if name in container.variables)
    return ("HF_HUB_CACHE", *old)


def _user(container: Container) -> str | None:
    return None if container.user in _ROOT else container.user


def _named(project: Project) -> Iterator[tuple[str, ...]]:
    """Yield the files of each call that names them with `-f`: no override is read for it."""
    for call in project.compose_calls:
        folder = call.execution.cwd or project.folder
        paths = (os.path.normpath(os.path.join(folder, file)) for file in call.files)
        yield tuple(shown(path, project.folder) for path in paths)


def _target(files: Sequence[str]) -> str:
    """Return the file that compose takes last, of those that a stack has."""
    last = files[-1]
    name = os.path.basename(last)
    if len(files) > 1 or name not in DEFAULTS:
        return last
    stem = os.path.splitext(name)[0]
    suffix = "yaml" if stem == "compose" else "yml"
    return os.path.join(os.path.dirname(last), f"{stem}.override.{suffix}")


def is_ours(data: bytes) -> bool:
    """Tell whether a compose file is one that init has made."""
    return data.startswith(_HEAD.partition(":")[0].encode())


def whole_file(services: Sequence[Service], folder: str, gid: int | None) -> str:
    """Return the content of a file of its own."""
    head = _HEAD.format(base=os.path.basename(services[0].base))
    lines = [line for one in services for line in _service(one, folder, gid)]
    return head + "services:\n" + "".join(f"  {line}\n" for line in lines)


def _service(one: Service, folder: str, gid: int | None) -> Iterator[str]:
    yield f"{_key(one.name)}:"
    for lines in _parts(one, folder, gid).values():
        yield from (f"  {line}" for line in lines)


def _parts(one: Service, folder: str, gid: int | None) -> dict[str, list[str]]:
    """Return the keys of a service, each with its lines."""
    parts = {
        "environment": ["environment:", *(f"  {name}: {INSIDE}" for name in one.variables)],
        "volumes": [
            "volumes:",
            "  - type: bind",
            f"    source: {_text(folder)}",
            f"    target: {INSIDE}",
        ],
    }
    if gid is not None and one.user is not None:
        parts["group_add"] = ["group_add:", f'  - "{gid}"']
    return parts


def _key(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _text(value: str) -> str:
    """Return a text as YAML, in which compose fills nothing in."""
    return json.dumps(value.replace("$", "$$"), ensure_ascii=False)


def inserted(
    project: Project, file: str, services: Iterable[Service], folder: str, gid: int | None
) -> list[Edit] | Left:
    """Return what gives services the folder in a file that is there: each part behind its key."""
    source = project.source(file)
    found = read_yaml(source) if source is not None else None
    top = found.top.child("services") if found is not None else None
    if source is None or found is None or top is None or not _is_block(top):
        return Left(file, t("Its services are not written as a block of YAML."))
    end = line_end(source.data)
    edits: list[Edit] = []
    for one in services:
        place = top.child(one.name)
        if place is None:
            lines = list(_service(one, folder, gid))
            edits.append(_before(found, top, lines, end))
            continue
        for key, lines in _parts(one, folder, gid).items():
            edit = _part(found, place, key, lines, end)
            if edit is None:
                return _unusual(file, one, folder, gid, key)
            edits.append(edit)
    return _together(edits)


def moved_mounts(source: Source, old: str, new: str) -> list[Edit]:
    """Return what lets the mounts that init wrote into a compose file name another folder.

    They are told by where they lead to, beside the folder.
    """
    wanted = rb"^[ \t]*source: (%b)\r?\n[ \t]*target: %b[ \t]*\r?$"
    pattern = wanted % (re.escape(_text(old).encode()), re.escape(INSIDE.encode()))
    found = re.finditer(pattern, source.data, re.MULTILINE)
    return [Edit(source.file, one.start(1), one.end(1), _text(new)) for one in found]


def _unusual(file: str, one: Service, folder: str, gid: int | None, key: str) -> Left:
    reason = t(
        "{key} of {name} is written in a way that init does not change.", key=key, name=one.name
    )
    return Left(file, reason, "\n".join(_service(one, folder, gid)))


def _part(found: YamlFile, service: Place, key: str, lines: list[str], end: str) -> Edit | None:
    there = service.child(key)
    if there is None:
        return _before(found, service, lines, end) if _is_block(service) else None
    if not _is_block(there):
        return None
    if key == "environment" and isinstance(there.node, SequenceNode):
        rows = [line.strip().replace(": ", "=", 1) for line in lines[1:]]
        return _before(found, there, [f"- {row}" for row in rows], end)
    return _before(found, there, [line.removeprefix("  ") for line in lines[1:]], end)


def _is_block(place: Place) -> bool:
    node = place.node
    filled = isinstance(node, (MappingNode, SequenceNode)) and bool(node.value)
    return filled and not getattr(node, "flow_style", False)


def _before(found: YamlFile, place: Place, lines: list[str], end: str) -> Edit:
    """Return lines that are put before the first key or item of a block."""
    span = found.span(place)
    column = span.column - 1
    gap = end + " " * column
    text = gap.join(lines) + gap
    return Edit(found.source.file, span.start, span.start, text)


def _together(edits: list[Edit]) -> list[Edit]:
    """Return insertions at one byte as one."""
    joined: dict[int, Edit] = {}
    for edit in edits:
        before = joined.get(edit.start)
        text = edit.text if before is None else before.text + edit.text
        joined[edit.start] = Edit(edit.file, edit.start, edit.end, text)
    return list(joined.values())
