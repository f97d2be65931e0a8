"""What init wrote of a cache that moves: the same lines with its new place.

Only lines that are exactly as init writes them of the old place are changed. Then the readers go
over the project as it will be, and whoever still looks in the old place is told: for those, links
have to stay there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import LaunchError, ProjectError
from swarmcache.hubcache.folder import within
from swarmcache.hubcache.libraries import installed
from swarmcache.hubcache.locate import locate
from swarmcache.launch.group_cache import plan_group
from swarmcache.launch.init.compose import moved_mounts
from swarmcache.launch.init.config import PLACES
from swarmcache.launch.init.dotenv import dotenv_edit
from swarmcache.launch.init.script import also_exported, block_edit, renewed
from swarmcache.launch.init.settings_file import followed
from swarmcache.launch.init.values import Left, Write
from swarmcache.launch.init.writing import allowed, edited_writes
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches
from swarmcache.project.effective.caches import uses
from swarmcache.project.study import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.launch.group_cache import GroupPlan
    from swarmcache.launch.init.writing import Outcome
    from swarmcache.project.edits import Edit
    from swarmcache.project.files import FileKind

_SHARED = 0o2070
"""What a folder is for a group that may fill it."""


class Following(NamedTuple):
    """What lets a project follow its cache; nothing of it is done yet."""

    writes: tuple[Write, ...]
    """In the order of writing; the settings last, by which a rerun knows the old place."""
    sharing: GroupPlan | None
    """How the new folder is opened to the group that the old one is open to."""
    looking: tuple[Left, ...]
    """What will still look in the old place, so that links have to stay there."""
    closed: tuple[Left, ...]
    """Why the new place is not opened as the old one is."""


def plan_following(  # noqa: PLR0913 - both places, and who names them
    folder: str,
    environment: Environment,
    old: Sequence[str],
    new: str,
    settings: str,
    *,
    python: str | None = None,
) -> Following:
    """Return how the project in a folder follows its cache from `old` to `new`; changes nothing.

    `old` are the spellings of one folder, its real path the last; `settings` is the file that names
    it. Raises LaunchError for settings that only their user can change, SettingsError, OSError.
    """
    project = Project(os.path.realpath(folder), environment)
    named = allowed(Write(followed(settings, new), t("names the one cache for swarmcache")))
    if isinstance(named, Left):
        raise LaunchError(named.reason, hint=named.fix)
    outcomes = list(_renewed(project, old, new))
    writes = tuple(one for one in outcomes if isinstance(one, Write))
    looking = [one for one in outcomes if isinstance(one, Left)]
    if os.path.realpath(os.path.dirname(settings)) == project.folder:
        after = project.changed(one.change for one in writes)
        looking += _still_there(after, old[-1], installed(environment, python))
    sharing, closed = _shared(old[-1], new, environment)
    kept = () if named.change.before == named.change.after else (named,)
    return Following((*writes, *kept), sharing, tuple(dict.fromkeys(looking)), closed)


def names_it(project: str, environment: Environment, old: Sequence[str]) -> bool:
    """Tell whether lines of init in a project name a folder, by any of its spellings."""
    return any(_edits(Project(os.path.realpath(project), environment), old, "/"))


def _renewed(project: Project, old: Sequence[str], new: str) -> Iterator[Outcome]:
    edits = list(_edits(project, old, new))
    yield from edited_writes(project.folder, edits, t("names the new place of the cache"))


def _edits(project: Project, old: Sequence[str], new: str) -> Iterator[Edit]:
    """Yield what is to be changed of init's own lines."""
    for path in old:
        for kind in ("compose", "yaml"):
            for source in project.sources(kind):
                yield from moved_mounts(source, path, new)
        for source in project.sources("dotenv"):
            was, then = (dotenv_edit(source, one) for one in (path, new))
            if edit := renewed(was, then, source.data):
                yield edit
        for source in project.sources("shell"):
            also, home = also_exported(source.data), project.environment.home
            was, then = (block_edit(source, one, project.folder, home, also) for one in (path, new))
            if edit := renewed(was, then, source.data):
                yield edit


def _still_there(project: Project, old: str, libraries: Libraries) -> Iterator[Left]:
    """Yield what of a project, as it will be, still looks in the old place."""
    looks = t("It still looks in the old place.")
    try:
        for loader in project.loaders:
            if loader.execution.root.in_container:
                continue
            places = [
                one.path
                for use in uses(loader.execution, libraries)
                for one in (use.hub, use.transformers)
                if one is not None
            ]
            if any(os.path.realpath(path) == old for path in places):
                yield Left(loader.execution.span.file, looks, "swarmcache init")
        for site in project.loads_in_configs:
            options = (site.load.options.get(key) for key in PLACES)
            for option in (one for one in options if one is not None):
                if old in {os.path.realpath(one) for one in option.values if isinstance(one, str)}:
                    yield Left(option.span.file, looks, "swarmcache init")
        yield from _mounted(project, old, libraries)
    except ProjectError as error:  # Scripts cannot be read here: then their words have to do.
        if found := _mentioned(project, old):
            yield Left(found, t("It may still look in the old place."))
        elif os.path.realpath(locate(project.environment).path) == old:
            yield Left("", error.message, error.hint or "")


def _mentioned(project: Project, old: str) -> str:
    """Return the first script or config that names a folder, in full or from the home on."""
    home = project.environment.home
    words = [old, os.path.relpath(old, home)] if within(old, home) else [old]
    kinds: tuple[FileKind, ...] = ("shell", "dotenv", "yaml", "python")
    sources = (source for kind in kinds for source in project.sources(kind))
    named = (one.file for one in sources if any(word.encode() in one.data for word in words))
    return next(named, "")


def _mounted(project: Project, old: str, libraries: Libraries) -> Iterator[Left]:
    """Yield the containers that still mount the old place, in which links lead nowhere."""
    for cache in container_caches(project, libraries):
        mount = cache.mount
        if mount is None or mount.kind != "bind" or mount.source is None:
            continue
        below = os.path.relpath(cache.path, mount.target)
        if os.path.realpath(os.path.join(project.folder, mount.source, below)) == old:
            told = t(
                "{name} mounts the old place, where links help nobody.", name=cache.container.name
            )
            yield Left(mount.span.file, told)


def _shared(
    old: str, new: str, environment: Environment
) -> tuple[GroupPlan | None, tuple[Left, ...]]:
    """Return how the new folder is opened as the old one is, or why only a person can do that."""
    found = os.stat(old)
    if found.st_mode & _SHARED != _SHARED:
        return None, ()
    try:
        return plan_group(new, str(found.st_gid), environment), ()
    except LaunchError as error:
        return None, (Left("", error.message, error.hint or ""),)
