"""Every value that a program or a container of the project finds in one variable."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.effective.values import Setting, Variables
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project


class SeenSetting(NamedTuple):
    """A value, where it is set, and what else is set beside it."""

    name: str
    span: Span
    value: str
    way: str
    """As in `Setting`."""
    variables: Variables


def settings_seen(project: Project, *names: str) -> Iterator[SeenSetting]:
    """Yield the known values of variables that the project itself sets, each place once.

    Those of programs that load models, and those of all containers: what an image starts that is
    not the project's own may load models too.
    """
    found: set[tuple[str, Span, str]] = set()
    environments = [loader.execution.environment() for loader in project.loaders]
    environments += [container.variables for container in project.containers]
    for variables in environments:
        for name in names:
            for setting in variables.get(name, ()):
                seen = _seen(name, setting, variables)
                if seen is not None and (key := (seen.name, seen.span, seen.value)) not in found:
                    found.add(key)
                    yield seen


def _seen(name: str, setting: Setting | None, variables: Variables) -> SeenSetting | None:
    if setting is None or setting.value is None or setting.span is None:
        return None
    return SeenSetting(name, setting.span, setting.value, setting.way, variables)
