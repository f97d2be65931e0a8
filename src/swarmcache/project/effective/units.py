"""What systemd, supervisor and cron start: with what they set, and with nothing of a shell's.

A program of supervisor has what supervisord has as well, which is not known.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.project.containers.checkouts import checkout_paths
from swarmcache.project.effective.builtins import State
from swarmcache.project.effective.executions import Root
from swarmcache.project.effective.expansion import expanded
from swarmcache.project.effective.values import Setting, distinct, unsure
from swarmcache.project.effective.walk import Walk
from swarmcache.project.readers.crontab import read_crontab
from swarmcache.project.readers.dotenv import read_dotenv
from swarmcache.project.readers.shell.reading import read_script
from swarmcache.project.readers.shell.syntax import Command, Script
from swarmcache.project.readers.supervisor import read_programs
from swarmcache.project.readers.systemd import read_unit
from swarmcache.project.readers.units import filled_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from swarmcache.project.effective.executions import Execution, Kind
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.files import FileKind
    from swarmcache.project.readers.units import Unit
    from swarmcache.project.sources import Source
    from swarmcache.project.study import Project

_KINDS: tuple[FileKind, ...] = ("unit", "conf", "cron")
_NAME = re.compile(r"[a-z_][\w-]*\$?")


def units(project: Project) -> Iterator[Unit]:
    """Yield what starts programs by itself: files of the project, then what its scripts write."""
    for kind in _KINDS:
        for source in project.sources(kind):
            yield from _read(source)
    for written in project.written:
        for unit in _read(written.content):
            yield filled_in(unit, written.filled) if written.expands else unit
    yield from _echoed(project)


def _read(source: Source) -> Iterator[Unit]:
    """Yield the units of one file, by its name and by what stands in it."""
    name, folder = os.path.basename(source.path), os.path.basename(os.path.dirname(source.path))
    if name.endswith(".service"):
        unit = read_unit(source)
        yield from () if unit is None else (unit,)
    elif b"[program:" in source.data and name.endswith((".conf", ".ini")):
        yield from read_programs(source)
    elif folder.startswith("cron.") or "cron" in name:
        yield from read_crontab(source)


def _echoed(project: Project) -> Iterator[Unit]:
    """Yield the entries that scripts hand to `crontab` by `echo`."""
    executions = project.executions_by_hand
    taking = [e for e in executions if e.program.name == "crontab" and "-l" not in e.program.words]
    files = {one.span.file for one in taking}
    seen = set()
    for execution in executions:
        if execution.program.name != "echo" or execution.span.file not in files:
            continue
        source = project.source(execution.span.file)
        for word in execution.words()[1:]:
            if len(word.known) == 1 and source is not None and word.span not in seen:
                seen.add(word.span)
                yield from read_crontab(source.quoted(word.known[0], word.span))


def executions_of_units(
    found: Iterable[Unit], scripts: Mapping[str, Script], project: Project
) -> Iterator[Execution]:
    """Yield what is run when units are started."""
    for unit in found:
        home = _home(unit, project)
        variables = _variables(unit, home, project)
        cwd = _cwd(unit, variables, home)
        kind: Kind = "cron" if unit.manager == "cron" else "unit"
        text = unit.source.text if unit.script is None else unit.script.text
        folder = None if unit.manager == "cron" else cwd
        paths = checkout_paths(text, folder, home, project.folder)
        root = Root(kind, unit.name, unit.span, home, unit.user or None, paths)
        walk = Walk(root, scripts.get, project.folder)
        walk.run(_script(unit), State(variables, cwd or "/"), cwd or "/")
        yield from walk.executions


def _script(unit: Unit) -> Script:
    if unit.script is not None:
        return read_script(unit.script)
    commands = [Command(words, (), (), words[0].span) for words in unit.commands if words]
    return Script(unit.source, tuple(commands))


def _cwd(unit: Unit, variables: Mapping[str, Alternatives], home: str | None) -> str | None:
    if unit.manager == "cron":
        return home
    if unit.working_dir is None:
        return None
    values = expanded(unit.working_dir, variables, "")
    return values[0].lstrip("-") if len(values) == 1 and values[0] else None


def _home(unit: Unit, project: Project) -> str | None:
    """Return the home of who runs a unit: root's for the system's, the user's own for a user's.

    supervisor changes the user and leaves HOME as it is.
    """
    ours = project.environment.home
    if unit.manager == "supervisor":
        return None
    if unit.user:
        if not _NAME.fullmatch(unit.user):
            return None
        return "/root" if unit.user == "root" else _home_of(unit.user, ours)
    if unit.manager == "cron" or "default.target" in unit.wanted_by:
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
    if unit.manager == "supervisor":
        found = unsure(found, "unit")
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
            found = unsure(found, "unit")
    return found
