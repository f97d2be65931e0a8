"""From a project's facts to one plan: which folder, which files, and what is left to a person."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.doctor.case import Case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.doctor.node import Node
from swarmcache.errors import LaunchError, ProjectError, SwarmcacheError
from swarmcache.hubcache.libraries import installed
from swarmcache.launch.group_cache import plan_group
from swarmcache.launch.init import compose, config, starts
from swarmcache.launch.init.folder import proposed
from swarmcache.launch.init.ignores import ignore_writes
from swarmcache.launch.init.old_places import old_places
from swarmcache.launch.init.script import block_edit
from swarmcache.launch.init.settings_file import FILE, settings_content, settings_file
from swarmcache.launch.init.values import Left, SetupPlan, Write
from swarmcache.locale import t
from swarmcache.project.changes import Change, edited_file, path_inside
from swarmcache.project.edits import Unfit, combined
from swarmcache.project.study import Project
from swarmcache.settings import load_settings
from swarmcache.settings.editing import with_cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.launch.group_cache import GroupPlan
    from swarmcache.launch.init.values import Folder
    from swarmcache.project.edits import Edit
    from swarmcache.settings import Settings

SCRIPT = "run_rl_swarm.sh"
"""RL-Swarm's start script, the one that we know by name."""
MENDED = (
    *("SC101", "SC102", "SC103", "SC104", "SC105", "SC106", "SC108", "SC109", "SC110", "SC111"),
    *("SC201", "SC202", "SC308"),
)
"""What must not be found once a plan is carried out; what is found nevertheless is told."""
_SHARED = 0o2070
_NAMES = (b"HF_HUB_CACHE", b"HUGGINGFACE_HUB_CACHE", b"HF_HOME", b"TRANSFORMERS_CACHE")


def plan_init(
    folder: str,
    environment: Environment,
    *,
    layout: str | None = None,
    group: str | None = None,
    python: str | None = None,
) -> SetupPlan:
    """Return what an `init` of the project in a folder will do; changes nothing.

    Raises ProjectError where there is no such project, LaunchError for a folder that cannot be
    named or opened to the group, SettingsError.
    """
    if not os.path.isdir(folder):
        raise ProjectError(t("{path} is not a folder.", path=folder))
    project = Project(os.path.realpath(folder), environment)
    settings = load_settings(folder, environment)
    libraries = installed(environment, python)
    chosen = proposed(project, settings, libraries, layout)
    return _Planner(folder, project, settings, libraries, chosen, group, python).plan()


class _Found(NamedTuple):
    """What the files of the project need."""

    edits: tuple[Edit, ...]
    scripts: tuple[str, ...]
    left: tuple[Left, ...]


class _Planner:
    def __init__(  # noqa: PLR0913, PLR0917 - what a plan is made from
        self,
        place: str,
        project: Project,
        settings: Settings,
        libraries: Libraries,
        folder: Folder,
        group: str | None,
        python: str | None,
    ) -> None:
        self._place = place
        """The project's folder as it was named."""
        self._project = project
        self._settings = settings
        self._libraries = libraries
        self._folder = folder
        self._group = group
        self._python = python
        self._left: list[Left] = []
        self._sharing: GroupPlan | None = None

    def plan(self) -> SetupPlan:
        if self._group is not None:
            path, environment = self._folder.path, self._project.environment
            self._sharing = plan_group(path, self._group, environment)
        starting = self._starting()
        self._left += starting.left
        command = self._command(starting.scripts)
        writes = [
            *ignore_writes(self._project, self._folder.path),
            *self._settings_writes(command),
            *self._edited(starting.edits, t("exports the one cache")),
            *self._configs(),
            *self._containers(),
        ]
        writes = [one for one in writes if one.change.before != one.change.after]
        self._prove(writes)
        existing = settings_file(self._place, self._project.environment)
        return SetupPlan(
            self._project.folder,
            self._folder,
            existing or os.path.join(self._place, FILE),
            tuple(writes),
            tuple(self._made(writes)),
            self._sharing,
            self._group is not None,
            old_places(self._project, self._libraries, self._folder.path),
            tuple(dict.fromkeys(self._left)),
            command or "CMD",
        )

    def _starting(self) -> _Found:
        try:
            return _Found(*starts.start_edits(self._project, self._folder.path, self._libraries))
        except ProjectError as error:
            hint = error.hint or ""
            known = t("{reason} Only the known start script is looked at.", reason=error.message)
            return self._known_script(Left("", known, hint))

    def _known_script(self, why: Left) -> _Found:
        """Return the block for RL-Swarm's script, where nothing in it names a cache yet."""
        source = self._project.source(SCRIPT)
        if source is None:
            return _Found((), (), (why,))
        folder, home = self._folder.path, self._project.environment.home
        edit = block_edit(source, folder, self._project.folder, home, ())
        inside = source.data[edit.start : edit.end] if edit is not None else b""
        rest = source.data.replace(inside, b"") if inside else source.data
        if edit is None or any(name in rest for name in _NAMES):
            told = Left(SCRIPT, t("It names a cache already."))
            return _Found((), (SCRIPT,), (why, told))
        return _Found((edit,), (SCRIPT,), (why,))

    def _command(self, scripts: tuple[str, ...]) -> str | None:
        if self._settings.launch_command:
            return self._settings.launch_command
        if os.path.isfile(os.path.join(self._project.folder, SCRIPT)):
            return f"./{SCRIPT}"
        return f"./{scripts[0]}" if len(scripts) == 1 else None

    def _settings_writes(self, command: str | None) -> Iterator[Write]:
        """Yield the first settings file; of one that is there, the line that names the cache."""
        environment, named = self._project.environment, self._folder.named
        path = settings_file(self._place, environment)
        if path is None:
            path = os.path.join(self._place, FILE)
            content = settings_content(self._place, environment, named, command)
            change = Change(path, FILE, None, content.encode())
            yield Write(change, t("names the one cache for swarmcache"))
            return
        if self._settings.cache_dir == self._folder.path or self._folder.decided_by != "--layout":
            return
        text = with_cache_dir(path, named) if os.path.isfile(path) else None
        if text is None:
            raise LaunchError(
                t("{path} already holds settings, and init cannot change its cache.", path=path),
                hint="swarmcache env --explain",
            )
        with open(path, "rb") as file:
            before = file.read()
        change = Change(os.path.realpath(path), os.path.basename(path), before, text.encode())
        yield Write(change, t("names the one cache for swarmcache"))

    def _edited(self, edits: tuple[Edit, ...], why: str) -> Iterator[Write]:
        for file in dict.fromkeys(edit.file for edit in edits):
            own = [edit for edit in edits if edit.file == file]
            yield from self._edited_file(file, own, why)

    def _edited_file(self, file: str, edits: list[Edit], why: str) -> Iterator[Write]:
        try:
            change = edited_file(self._project.folder, file, combined(edits))
        except (Unfit, OSError) as error:
            self._left.append(Left(file, t("It stays as it is: {reason}.", reason=error)))
        else:
            yield from self._writable(Write(change, why))

    def _writable(self, write: Write) -> Iterator[Write]:
        """Yield a write unless this user cannot replace the file."""
        folder = os.path.dirname(write.change.path)
        if os.access(folder, os.W_OK):
            yield write
        else:
            reason = t("{path} is not writable for this user.", path=folder)
            self._left.append(Left(write.change.file, reason))

    def _configs(self) -> Iterator[Write]:
        try:
            wanted = config.wanted_edits(self._project, self._folder.path)
        except ProjectError:
            return  # Told already: no script tells which configs are loaded.
        for file, edits in wanted.items():
            source = self._project.source(file)
            if source is None or not config.changes_only(source.data, edits):
                told = t("A value of it is used in several places.")
                self._left.append(Left(file, told, t("swarmcache doctor tells which.")))
                continue
            keys = ", ".join(dict.fromkeys(edit.key for edit in edits))
            why = t("lets {keys} follow the one cache", keys=keys)
            yield from self._edited(tuple(config.as_edits(edits)), why)

    def _containers(self) -> Iterator[Write]:
        try:
            found = compose.mounting(self._project, self._folder.path, self._libraries)
        except ProjectError:
            return
        self._left += found.left
        if not found.services:
            return
        try:
            gid = self._opened(strangers=found.strangers)
        except SwarmcacheError as error:
            names = ", ".join(one.name for one in found.services)
            message = f"{names}: {error.message}"
            self._left.append(Left(found.services[0].base, message, error.hint or ""))
            return
        for target in dict.fromkeys(one.target for one in found.services):
            own = [one for one in found.services if one.target == target]
            yield from self._mounted(target, own, gid)

    def _mounted(
        self, target: str, services: list[compose.Service], gid: int | None
    ) -> Iterator[Write]:
        why = t("mounts the one cache into {names}", names=", ".join(s.name for s in services))
        path = os.path.join(self._project.folder, target)
        source = self._project.source(target)
        if source is not None and not compose.is_ours(source.data):
            edits = compose.inserted(self._project, target, services, self._folder.path, gid)
            if isinstance(edits, Left):
                self._left.append(edits)
            else:
                yield from self._edited(tuple(edits), why)
            return
        if source is None and os.path.lexists(path):
            self._left.append(Left(target, t("It cannot be read as text.")))
            return
        text = compose.whole_file(services, self._folder.path, gid)
        before = None if source is None else source.data
        try:
            path = path_inside(self._project.folder, target)
        except Unfit as error:
            self._left.append(Left(target, t("It stays as it is: {reason}.", reason=error)))
            return
        yield from self._writable(Write(Change(path, target, before, text.encode()), why))

    def _opened(self, *, strangers: bool) -> int | None:
        """Return the group that containers' users have to be in; plans to open the folder to it.

        Raises LaunchError where nobody but the user can say which group that may be.
        """
        path = self._folder.path
        if self._sharing is None and strangers:
            try:
                found = os.stat(path)
            except OSError:
                found = None
            if found is not None and found.st_mode & _SHARED == _SHARED:
                return found.st_gid
            self._sharing = plan_group(path, _private_group(), self._project.environment)
        return None if self._sharing is None else self._sharing.gid

    def _made(self, writes: list[Write]) -> Iterator[str]:
        """Yield the folders that are made: only where a container's engine would make them."""
        path = self._folder.path
        if self._sharing is not None:
            yield from self._sharing.above
            yield from (step.path for step in self._sharing.steps if step.made)
        elif not self._folder.exists and any(compose.is_ours(w.change.after) for w in writes):
            missing = [path]
            while not os.path.isdir(os.path.dirname(missing[-1])):
                missing.append(os.path.dirname(missing[-1]))
            yield from reversed(missing)

    def _prove(self, writes: list[Write]) -> None:
        """Tell what doctor would still find; the plan is not made worse by it."""
        after = self._project.changed(write.change for write in writes)
        case = Case(after, Node(self._project.environment, self._python))
        try:
            findings = examined(case, Wanted(only=MENDED))
        except ProjectError:
            return
        told = {left.file for left in self._left}
        for one in findings:
            file = f"{one.span.file}:{one.span.line}" if one.span else ""
            if one.span is None or one.span.file not in told:
                self._left.append(Left(file, f"{one.rule}: {one.message}", one.docs))


def _private_group() -> str:
    """Return this user's own group, where nobody else is in it; LaunchError where that differs."""
    import grp  # noqa: PLC0415 - absent on Windows
    import pwd  # noqa: PLC0415

    gid = os.getegid()
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        group, user = None, ""
    if group is None or group.gr_name != user or set(group.gr_mem) - {user}:
        raise LaunchError(
            t("A container's user could not write into the folder, unless a group may."),
            hint="swarmcache init --group GROUP",
        )
    return user
