"""Variables that the project sets for the Hub, and that a container of its own never gets.

1. `.env` beside a compose file fills `${NAME}` in that file, and reaches no container by itself.
2. What a script exports before `docker compose` or `docker run` reaches that program alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from swarmcache.project.readers.dotenv import read_dotenv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.containers.values import Container
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

Where: TypeAlias = Literal["dotenv", "script"]


class LeftBehind(NamedTuple):
    """A variable that is set, and a container that does not get it."""

    name: str
    value: str
    where: Where
    span: Span
    container: Container


def left_behind(project: Project, *names: str) -> Iterator[LeftBehind]:
    """Yield what does not arrive in containers that load models, each place once."""
    seen: set[Span] = set()
    loading = {loader.execution.root.span for loader in project.loaders}
    containers = [one for one in project.containers if one.span in loading]
    for one in containers:
        lost = (*_dotenv(one, names, project), *_scripts(one, names, project))
        for found in lost:
            if found.span not in seen and not _arrives(one, found.name, project):
                seen.add(found.span)
                yield found


def _arrives(container: Container, name: str, project: Project) -> bool:
    """Tell whether a container has the variable from elsewhere, or may load it itself."""
    if name in container.variables:
        return True
    if container.stack is not None and any(
        name.encode() in source.data
        for file in container.stack.files
        if (source := project.source(file)) is not None
    ):
        return True  # It fills something in.
    return any(write.name in {name, ""} for module in project.modules for write in module.writes)


def _dotenv(container: Container, names: Iterable[str], project: Project) -> Iterator[LeftBehind]:
    if container.stack is None:
        return
    source = project.source(os.path.join(container.stack.folder, ".env"))
    for entry in read_dotenv(source) if source is not None else ():
        value = entry.value.literal if entry.value is not None else None
        if entry.name in names and value:
            yield LeftBehind(entry.name, value, "dotenv", entry.span, container)


def _scripts(container: Container, names: Iterable[str], project: Project) -> Iterator[LeftBehind]:
    if container.run is not None:
        starting: list[Execution] = [container.run.execution]
    elif container.stack is not None:
        starting = [
            call.execution
            for call in project.compose_calls
            if call.verb in {"up", "run"} and (not call.services or container.name in call.services)
        ]
    else:
        return
    for execution in starting:
        for name in names:
            for setting in execution.variable(name):
                own = setting is not None and setting.span is not None and setting.value
                if own and setting is not None and setting.span is not None:
                    yield LeftBehind(name, setting.value or "", "script", setting.span, container)
