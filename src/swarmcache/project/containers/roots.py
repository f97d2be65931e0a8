"""What runs in a container, from its entry point on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.project.effective.builtins import State
from swarmcache.project.effective.executions import Root
from swarmcache.project.effective.values import Setting
from swarmcache.project.effective.walk import Walk
from swarmcache.project.readers.shell import read_script
from swarmcache.project.readers.shell.syntax import Command, Script, Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from swarmcache.project.containers.values import Container
    from swarmcache.project.effective.executions import Execution, Kind
    from swarmcache.project.readers.dockerfile.syntax import Start
    from swarmcache.project.study import Project


def executions_in_containers(
    containers: Iterable[Container], scripts: Mapping[str, Script], project: Project
) -> Iterator[Execution]:
    """Yield what runs when the containers are started."""
    for container in containers:
        script = _script(container, project)
        if script is not None:
            walk = Walk(container_root(container), scripts.get, project.folder)
            here = Setting(container.cwd, None, exported=True, way="image")  # As a shell sets it.
            state = State({**container.variables, "PWD": (here,)}, container.cwd)
            walk.run(script, state, container.cwd or "/")
            yield from walk.executions


def container_root(container: Container) -> Root:
    """Return a container as what is started first."""
    kind: Kind = "image" if container.stack is None else "service"
    kind = "pod" if container.pod is not None else kind
    return Root(
        kind, container.name, container.span, container.home, container.user, container.paths
    )


def _script(container: Container, project: Project) -> Script | None:
    """Return what a container starts as a script: one command, or the text of a shell form."""
    entry, command = container.entrypoint, container.command
    if entry is not None and entry.script is not None:
        return read_script(entry.script)
    if entry is None and command is not None and command.script is not None:
        return read_script(command.script)
    words = (*_words(entry), *_words(command))
    source = project.source(words[0].span.file) if words else None
    if source is None:
        return None
    span = (command or entry).span if entry or command else words[0].span  # type: ignore[union-attr]
    return Script(source, (Command(words, (), (), span),))


def _words(start: Start | None) -> tuple[Word, ...]:
    if start is None:
        return ()
    if start.script is None:
        return start.words
    text = start.script.data.decode("utf-8", "replace").strip()
    return tuple(Word((part,), start.span, quoted=True) for part in ("/bin/sh", "-c", text))
