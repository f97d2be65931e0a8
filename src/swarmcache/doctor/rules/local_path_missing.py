"""SC307: a load site names a folder, and the folder is not there.

Then transformers takes the path for the name of a repo and asks the Hub, or refuses it.

What it cannot know: folders that something outside of the project makes before the start.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.mentions import mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.loads.values import Load
    from swarmcache.project.study import Project

_STARTS = ("/", "./", "../", "~/")
_PLACEHOLDERS = ("path/to", "/path", "your", "<", "…", "xxx", "{", "$")


def check(case: Case) -> Iterator[Finding]:
    """Find paths in loaded configs and on command lines that lead nowhere."""
    project = case.project
    folders = {one.load.span: one.config.loader.execution.cwd for one in project.loads_in_configs}
    for load in project.loads:
        name = load.name.value if load.name is not None else None
        if load.way != "config" or not isinstance(name, str) or not name.startswith(_STARTS):
            continue
        if any(word in name.lower() for word in _PLACEHOLDERS):
            continue
        home = project.environment.home
        path = os.path.expanduser(name) if not name.startswith("~/") else f"{home}{name[1:]}"
        path = os.path.normpath(os.path.join(folders.get(load.span) or project.folder, path))
        if not os.path.exists(path) and not _is_made(name, project):
            yield _found(load, name, path)


def _is_made(name: str, project: Project) -> bool:
    """Tell whether something else in the project knows the folder, and may make it."""
    last = os.path.basename(os.path.normpath(name))
    return sum(1 for _ in mentions(project, last)) > 1


def _found(load: Load, name: str, path: str) -> Finding:
    message = t(
        "{name} is a folder by its spelling, and {path} is not there: the program stops, or asks"
        " the Hub for a repo of that name.",
        name=name,
        path=path,
    )
    fix = Fix("display", f"hf download <repo> --local-dir {path}")
    return RULE.finding(t("a local model that is missing"), message, load.span, fix=fix)


RULE = Rule("SC307", "local-path-missing", "error", "medium", check)
