"""What starts first: the scripts that people call by hand."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.project.effective.builtins import State
from swarmcache.project.effective.executions import Root
from swarmcache.project.effective.values import MAY_BE_SET, Setting
from swarmcache.project.effective.walk import Walk
from swarmcache.project.readers.jobs import LOCAL, local_place, read_job
from swarmcache.project.sources import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from swarmcache.environment import Environment
    from swarmcache.project.effective.executions import Execution, Kind
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.readers.jobs import Job
    from swarmcache.project.readers.shell.syntax import Script

_BUILT = re.compile(r"(?:docker|container|\.devcontainer|\.github|ci|tests?)[\w.-]*", re.IGNORECASE)
"""Folders whose scripts an image or a test runner starts, not a person."""
_ARGUMENTS: dict[str, Alternatives] = {
    str(position): (Setting(None, None, exported=False, way="inherited"), None)
    for position in range(1, 10)
}
"""What whoever calls a script may give it, or not."""
_OWN = frozenset({"HOME", "USER", "PATH", "PWD"})
_USED = re.compile(rb"\$\{?([A-Z][A-Z0-9_]*)")
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
    script = scripts[path]
    job = read_job(script.source)
    kind: Kind = "hand" if job is None else "job"
    root = Root(kind, shown(path, project), None, environment.home, None, job=job)
    walk = Walk(root, scripts.get, project)
    variables = inherited(environment, project)
    if job is not None:
        variables = _of_job(job, script, variables)
    walk.run(script, State({**variables, **_ARGUMENTS}, project))
    return walk


def _of_job(job: Job, script: Script, given: Mapping[str, Alternatives]) -> dict[str, Alternatives]:
    """Return what a job begins with: a cluster sets variables that nobody knows elsewhere."""
    unknown = Setting(None, None, exported=True, way="inherited")
    names = {match[1].decode() for match in _USED.finditer(script.source.data)} - frozenset(
        MAY_BE_SET
    )
    kept = {n: s for n, s in given.items() if not job.alone or n in {"HOME", "USER", "PATH", "PWD"}}
    local = {
        name: (Setting(local_place(name), None, exported=True, way="inherited"),) for name in LOCAL
    }
    return {**dict.fromkeys(sorted(names), (unknown,)), **kept, **local}


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
