"""What units of systemd start: with what they set, and with nothing of anybody's shell."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.project.effective.builtins import State
from swarmcache.project.effective.executions import Root
from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.values import Setting, distinct
from swarmcache.project.effective.walk import Walk
from swarmcache.project.readers.dotenv import read_dotenv
from swarmcache.project.readers.shell.syntax import Command, Script
from swarmcache.project.readers.systemd import read_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.readers.systemd import Unit
    from swarmcache.project.study import Project

_NAME = re.compile(r"[a-z_][\w-]*\$?")


def executions_of_units(
    units: Iterable[Unit], scripts: Mapping[str, Script], project: Project
) -> Iterator[Execution]:
    """Yield what is run when units are started."""
    for unit in units:
        home = _home(unit, project)
        variables = _variables(unit, home, project)
        cwd = None
        if unit.working_dir is not None:
            values = expanded(unit.working_dir, variables, "")
            cwd = values[0].lstrip("-") if len(values) == 1 and values[0] else None
        name = os.path.basename(unit.source.path)
        top = unit.source.span(0, 0)
        root = Root("unit", name, top, home, unit.user or None)
        commands = [Command(words, (), (), words[0].span) for words in unit.commands if words]
        walk = Walk(root, scripts.get, project.folder)
        walk.run(Script(unit.source, tuple(commands)), State(variables, cwd or "/"))
        yield from walk.executions


def read_units(project: Project) -> Iterator[Unit]:
    """Yield the units among a project's files."""
    for source in project.sources("unit"):
        unit = read_unit(source)
        if unit is not None:
            yield unit


def _home(unit: Unit, project: Project) -> str | None:
    """Return the home of who runs a unit: root's for the system's, the user's own for a user's."""
    ours = project.environment.home
    if unit.user:
        if not _NAME.fullmatch(unit.user):
            return None
        return "/root" if unit.user == "root" else _home_of(unit.user, ours)
    if "default.target" in unit.wanted_by:
        return ours
    return "/root" if "multi-user.target" in unit.wanted_by else None


def _home_of(user: str, ours: str) -> str | None:
    if os.path.basename(ours) == user:
        return ours
    try:
        import pwd  # noqa: PLC0415 - not on Windows

        return pwd.getpwnam(user).pw_dir
    except (ImportError, KeyError):
        return None


def _variables(unit: Unit, home: str | None, project: Project) -> dict[str, Alternatives]:
    """Return what a unit's programs find; what its files of variables hold comes last."""
    found: dict[str, Alternatives] = {}
    if home is not None:
        found["HOME"] = (Setting(home, None, exported=True, way="unit"),)
    for one in unit.environment:
        values = expanded(one.value, found, "")
        found[one.name] = distinct(
            [Setting(v, one.span, exported=True, way="unit") for v in values]
        )
    for word in unit.env_files:
        values = expanded(word, found, "")
        path = values[0] if len(values) == 1 else None
        source = project.source(path) if path is not None and path.startswith("/") else None
        for entry in read_dotenv(source) if source is not None else ():
            value = entry.value.literal if entry.value is not None else None
            found[entry.name] = (Setting(value, entry.span, exported=True, way="unit"),)
        if source is None:  # It may set anything.
            for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
                unknown = Setting(None, None, exported=True, way="unit")
                found[name] = distinct([*found.get(name, (None,)), unknown])
    return found
