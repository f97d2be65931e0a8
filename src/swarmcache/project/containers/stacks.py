"""Which compose files are used together, and what their services come to.

1. The files that a script names with `-f`, in that order.
2. In each folder the default file with its override, which `docker compose` takes by itself.
3. Every other compose file for itself; what it only adds to another has no image, and no container.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.roots import inherited
from swarmcache.project.effective.values import Setting, distinct
from swarmcache.project.readers.compose import read_compose
from swarmcache.project.readers.dotenv import read_dotenv
from swarmcache.project.sources import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from swarmcache.project.containers.compose_words import ComposeCall
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.readers.compose.syntax import Compose, Mount, Service
    from swarmcache.project.study import Project

DEFAULTS = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""By precedence: the first that is there is taken."""
_MAX_EXTENDS = 8


@dataclass(frozen=True, slots=True)
class Stack:
    """Compose files that are used together."""

    files: tuple[str, ...]
    """As they are shown."""
    folder: str
    """What relative paths in them are seen from: that of the first file."""
    services: tuple[Service, ...]
    variables: dict[str, Alternatives]
    """What `$NAME` in them is: the user's environment, then `.env`."""
    fleeting: frozenset[str]

    @property
    def name(self) -> str:
        """How people call it."""
        return self.files[0]


def stacks(project: Project, calls: Iterable[ComposeCall]) -> Iterator[Stack]:
    """Yield the stacks of a project, those first that `docker compose` takes by itself."""
    every = set(project.files.of("compose"))
    combined = [_defaults(folder, every) for folder in sorted({os.path.dirname(p) for p in every})]
    for call in calls:
        cwd = call.execution.cwd or project.folder
        paths = tuple(os.path.normpath(os.path.join(cwd, file)) for file in call.files)
        if paths and all(path in every for path in paths):
            combined.append(paths)
    used = {path for paths in combined for path in paths}
    combined += [(path,) for path in sorted(every - used)]
    for paths in dict.fromkeys(combined):
        files = [compose for path in paths if (compose := _read(path, project)) is not None]
        if files:
            yield _stack(files, project)


def _defaults(folder: str, every: set[str]) -> tuple[str, ...]:
    base = next((p for name in DEFAULTS if (p := os.path.join(folder, name)) in every), None)
    if base is None:
        return ()
    stem = os.path.splitext(base)[0]
    over = (
        f"{stem}.override.yml",
        f"{stem}.override.yaml",
        f"{folder}/docker-compose.override.yml",
    )
    found = next((path for path in over if path in every), None)
    return (base,) if found is None else (base, found)


def _read(path: str, project: Project) -> Compose | None:
    source = project.source(path)
    return None if source is None else read_compose(source)


def _stack(files: Sequence[Compose], project: Project) -> Stack:
    folder = os.path.dirname(files[0].source.path)
    variables = _variables(folder, project)
    services: dict[str, Service] = {}
    for file in files:
        for one in file.services:
            full = _extended(one, file, variables, project, 0)
            before = services.get(one.name)
            services[one.name] = full if before is None else merged(before, full)
    fleeting = frozenset(name for file in files for name in file.fleeting)
    names = tuple(shown(file.source.path, project.folder) for file in files)
    return Stack(names, folder, tuple(services.values()), variables, fleeting)


def _variables(folder: str, project: Project) -> dict[str, Alternatives]:
    found = inherited(project.environment, folder)
    source = project.source(os.path.join(folder, ".env"))
    for entry in read_dotenv(source) if source is not None else ():
        if entry.name not in found and entry.value is not None:
            values = expanded(entry.value, found, folder)
            settings = [Setting(v, entry.span, exported=False, way="service") for v in values]
            found[entry.name] = distinct(settings)
    return found


def _extended(
    one: Service, file: Compose, variables: dict[str, Alternatives], project: Project, depth: int
) -> Service:
    """Return a service on top of the one that it extends."""
    if one.extends is None or depth > _MAX_EXTENDS:
        return one
    word, name = one.extends
    if word is not None:
        values = expanded(word, variables, "")
        folder = os.path.dirname(file.source.path)
        path = os.path.normpath(os.path.join(folder, values[0] or "")) if len(values) == 1 else ""
        other = _read(path, project) if os.path.isfile(path) else None
        if other is None:
            return one
        file = other
    base = next((s for s in file.services if s.name == name), None)
    if base is None or base is one:
        return one
    full = merged(_extended(base, file, variables, project, depth + 1), one)
    return replace(full, name=one.name, span=one.span)


def merged(before: Service, after: Service) -> Service:
    """Return a service as a later file changes it, by compose's rules for each key."""
    names = {variable.name for variable in after.environment}
    kept = tuple(variable for variable in before.environment if variable.name not in names)
    given = {
        name: value
        for name in ("image", "entrypoint", "command", "user", "working_dir", "replicas", "restart")
        if (value := getattr(after, name)) is not None
    }
    build = after.build or before.build
    if after.build is not None and before.build is not None:
        build = replace(
            after.build,
            context=after.build.context or before.build.context,
            dockerfile=after.build.dockerfile or before.build.dockerfile,
            target=after.build.target or before.build.target,
            arguments=(*before.build.arguments, *after.build.arguments),
        )
    return replace(
        before,
        build=build,
        environment=(*kept, *after.environment),
        env_files=(*before.env_files, *after.env_files),
        mounts=_mounts(before.mounts, after.mounts),
        **given,
    )


def _mounts(before: Sequence[Mount], after: Sequence[Mount]) -> tuple[Mount, ...]:
    targets = {mount.target.parts for mount in after}
    return (*(mount for mount in before if mount.target.parts not in targets), *after)
