"""What starts first: the scripts that people call by hand."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.project.effective.builtins import State
from swarmcache.project.effective.executions import Root
from swarmcache.project.effective.values import Setting
from swarmcache.project.effective.walk import Walk
from swarmcache.project.sources import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from swarmcache.environment import Environment
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.readers.shell.syntax import Script

_BUILT = re.compile(r"(?:docker|container|\.devcontainer|\.github|ci|tests?)[\w.-]*", re.IGNORECASE)
"""Folders whose scripts an image or a test runner starts, not a person."""
_ARGUMENTS: dict[str, Alternatives] = {
    str(position): (Setting(None, None, exported=False, way="inherited"), None)
    for position in range(1, 10)
}
"""What whoever calls a script may give it, or not."""
_ENTRY = re.compile(r"(?:docker[-_]?)?entry[-_]?point.*", re.IGNORECASE)


def executions_by_hand(
    scripts: Mapping[str, Script],
    callable_ones: Iterable[str],
    project: str,
    environment: Environment,
) -> Iterator[Execution]:
    """Yield what runs when somebody calls each of some scripts that no other script starts.

    `scripts` has all that may be started or sourced on the way, by absolute path.
    """
    walks = {path: _walked(path, scripts, project, environment) for path in callable_ones}
    inner = {path for own, walk in walks.items() for path in walk.started if path != own}
    for path, walk in walks.items():
        if path not in inner and _is_called_by_hand(path, project):
            yield from walk.executions


def _walked(
    path: str, scripts: Mapping[str, Script], project: str, environment: Environment
) -> Walk:
    """Go through a script that is called from the project's folder, or from its own."""
    root = Root("hand", shown(path, project), None, environment.home, None)
    walk = Walk(root, scripts.get, project)
    walk.run(scripts[path], State({**inherited(environment, project), **_ARGUMENTS}, project))
    return walk


def inherited(environment: Environment, cwd: str) -> dict[str, Alternatives]:
    """Return a user's environment as the variables that a script begins with."""
    variables = {**environment.variables, "PWD": cwd, "HOME": environment.home}
    return {
        name: (Setting(value, None, exported=True, way="inherited"),)
        for name, value in variables.items()
    }


def _is_called_by_hand(path: str, project: str) -> bool:
    relative = os.path.relpath(path, project)
    folders = relative.split(os.sep)[:-1]
    return not any(map(_BUILT.fullmatch, folders)) and not _ENTRY.fullmatch(os.path.basename(path))
