"""From a project's facts to one plan: which folder, which files, and what is left to a person."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.doctor.case import Case
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.doctor.node import Node
from swarmcache.errors import ProjectError
from swarmcache.hubcache.libraries import installed
from swarmcache.hubcache.state import missing_folders
from swarmcache.launch.group_cache import plan_group
from swarmcache.launch.init import config
from swarmcache.launch.init.folder import proposed
from swarmcache.launch.init.ignores import ignore_writes
from swarmcache.launch.init.mounts import mounts
from swarmcache.launch.init.old_places import old_places
from swarmcache.launch.init.settings_file import FILE, followed, settings_content, settings_file
from swarmcache.launch.init.starts import known_script, start_edits
from swarmcache.launch.init.values import Left, SetupPlan, Write
from swarmcache.launch.init.writing import edited_writes
from swarmcache.locale import t
from swarmcache.project.changes import Change
from swarmcache.project.files import kind_of
from swarmcache.project.needs.configs import START_SCRIPT
from swarmcache.project.study import Project
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.launch.group_cache import GroupPlan
    from swarmcache.launch.init.starts import StartEdits
    from swarmcache.launch.init.values import Folder
    from swarmcache.launch.init.writing import Outcome
    from swarmcache.settings import Settings

_NAME = "HF_HUB_CACHE"
MENDED = (
    *("SC101", "SC102", "SC103", "SC104", "SC105", "SC106", "SC108", "SC109", "SC110", "SC111"),
    *("SC201", "SC202", "SC308"),
)
"""What must not be found once a plan is carried out; what is found nevertheless is told."""


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

    def plan(self) -> SetupPlan:
        path, environment = self._folder.path, self._project.environment
        asked = None if self._group is None else plan_group(path, self._group, environment)
        starting = self._starting()
        command = self._command(starting.scripts)
        mounting = mounts(self._project, path, self._libraries, asked)
        exports = t("exports the one cache")
        outcomes = (
            *ignore_writes(self._project, path),
            *self._settings_writes(command),
            *edited_writes(self._project.folder, starting.edits, exports),
            *starting.left,
            *self._configs(),
            *mounting.outcomes,
            *self._shadowed(),
        )
        writes = tuple(self._writes(outcomes))
        self._prove(writes)
        existing = settings_file(self._place, environment)
        return SetupPlan(
            self._project.folder,
            self._folder,
            existing or os.path.join(self._place, FILE),
            writes,
            tuple(self._made(writes, mounting.sharing)),
            mounting.sharing,
            self._group is not None,
            old_places(self._project, self._libraries, path),
            tuple(dict.fromkeys(self._left)),
            command or "CMD",
        )

    def _writes(self, outcomes: Iterable[Outcome]) -> Iterator[Write]:
        """Yield each file once, a link and what it leads to are one; keep what is left."""
        seen: set[str] = set()
        for one in outcomes:
            if isinstance(one, Left):
                self._left.append(one)
            elif one.change.path not in seen:
                seen.add(one.change.path)
                yield one

    def _starting(self) -> StartEdits:
        project, path = self._project, self._folder.path
        try:
            return start_edits(project, path, self._libraries)
        except ProjectError as error:
            known = t("{reason} Only the known start script is looked at.", reason=error.message)
            return known_script(project, path, START_SCRIPT, Left("", known, error.hint or ""))

    def _command(self, scripts: tuple[str, ...]) -> str | None:
        if self._settings.launch_command:
            return self._settings.launch_command
        if os.path.isfile(os.path.join(self._project.folder, START_SCRIPT)):
            return f"./{START_SCRIPT}"
        return f"./{scripts[0]}" if len(scripts) == 1 else None

    def _settings_writes(self, command: str | None) -> Iterator[Write]:
        """Yield the first settings file; of one that is there, the line that names the cache."""
        environment, named = self._project.environment, self._folder.named
        path = settings_file(self._place, environment)
        why = t("names the one cache for swarmcache")
        if path is None:
            content = settings_content(self._place, environment, named, command)
            change = Change(os.path.join(self._place, FILE), FILE, None, content.encode())
            yield Write(change, why)
        elif self._settings.cache_dir != self._folder.path and self._folder.asked:
            yield Write(followed(path, named), why)

    def _configs(self) -> Iterator[Outcome]:
        try:
            wanted = config.wanted_edits(self._project, self._folder.path)
        except ProjectError:
            return  # Told already: no script tells which configs are loaded.
        for file, edits in wanted.items():
            source = self._project.source(file)
            if source is None or not config.changes_only(source.data, edits):
                told = t("A value of it is used in several places.")
                yield Left(file, told, t("swarmcache doctor tells which."))
                continue
            keys = ", ".join(dict.fromkeys(edit.key for edit in edits))
            why = t("lets {keys} follow the one cache", keys=keys)
            yield from edited_writes(self._project.folder, config.as_edits(edits), why)

    def _shadowed(self) -> Iterator[Left]:
        """Yield what this user's own shell says, which comes before the block in a script."""
        environment = self._project.environment
        value = environment.get(_NAME)
        if value and environment.absolute(environment.expand(value)) != self._folder.path:
            told = t("{name}={value} of this shell comes first.", name=_NAME, value=value)
            yield Left("", told, f"unset {_NAME}")

    def _made(self, writes: Iterable[Write], sharing: GroupPlan | None) -> Iterator[str]:
        """Yield the folders that are made: only where a container's engine would make them."""
        path = self._folder.path
        if sharing is not None:
            yield from sharing.above
            yield from (step.path for step in sharing.steps if step.made)
        elif not self._folder.exists and any(is_compose(write) for write in writes):
            yield from missing_folders(path)

    def _prove(self, writes: Iterable[Write]) -> None:
        """Tell what doctor would still find."""
        after = self._project.changed(write.change for write in writes)
        node = Node(self._project.environment, self._python, lambda: after.pins)
        case = Case(after, node, self._settings.tiers)
        try:
            findings = examined(case, Wanted(only=MENDED))
        except ProjectError:
            return
        told = {left.file for left in self._left}
        for one in findings:
            file = f"{one.span.file}:{one.span.line}" if one.span else ""
            if one.span is None or one.span.file not in told:
                self._left.append(Left(file, f"{one.rule}: {one.message}", one.docs))


def is_compose(write: Write) -> bool:
    """Tell whether a write is one of a compose file."""
    return kind_of(write.change.path) == "compose"
