"""Which folder is to be the one cache, and what speaks for it and against it.

1. `--layout`: `project` for one inside the project, `shared` for this user's own, or a path
2. what the project's settings name already
3. what all of the project's own programs are told to use, where that is one folder
4. what huggingface_hub uses here, so that nothing moves
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.doctor.sizes import named_size
from swarmcache.errors import ProjectError
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.file_systems import file_system, is_emptied
from swarmcache.hubcache.folder import within
from swarmcache.hubcache.locate import DEFAULT, locate, locate_effective
from swarmcache.hubcache.scan import repo_names
from swarmcache.hubcache.usage import free_bytes, nearest_folder
from swarmcache.launch.init.better import better_places
from swarmcache.launch.init.values import Folder, Reason
from swarmcache.locale import t, tn
from swarmcache.project.commands.deleting import deletions_of
from swarmcache.project.effective.caches import uses
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.file_systems import FileSystem
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.project.study import Project
    from swarmcache.settings import Settings

PROJECT = "project"
SHARED = "shared"
_FATAL = frozenset({"keeps", "room", "writable"})
"""What speaks so much against a folder that others are named."""


def proposed(
    project: Project, settings: Settings, libraries: Libraries, layout: str | None
) -> Folder:
    """Return the folder, with reasons."""
    path, decided_by = _path(project, settings, libraries, layout)
    wanted = _lacking(path, project)
    found = tuple(_reasons(path, project, wanted))
    reasons = tuple(sorted(found, key=lambda one: one.good))
    named = _named(path, project)
    is_bad = any(one.kind in _FATAL and not one.good for one in found)
    better = better_places(path, wanted, project.environment) if is_bad else ()
    exists = os.path.isdir(path)
    return Folder(path, named, decided_by, reasons, better, exists, asked=layout is not None)


def project_cache(project: str) -> str:
    """Return where the cache of the layout `project` is."""
    return os.path.join(project, ".cache", "huggingface", "hub")


def _path(
    project: Project, settings: Settings, libraries: Libraries, layout: str | None
) -> tuple[str, str]:
    environment = project.environment
    if layout == PROJECT:
        return project_cache(project.folder), "--layout"
    if layout == SHARED:
        by_project = settings.origin("cache.dir").decided_by == settings.project_file
        located = locate(environment) if by_project else locate_effective(settings, environment)
        return located.path, "--layout"
    if layout is not None:
        return environment.absolute(environment.expand(layout)), "--layout"
    if settings.cache_dir is None:
        own = _own(project, libraries)
        if own is not None:
            return own
    location = locate_effective(settings, environment)
    return location.path, location.decided_by


def _own(project: Project, libraries: Libraries) -> tuple[str, str] | None:
    """Return the one absolute folder that the project itself names for all of its programs."""
    found: dict[str, str] = {}
    try:
        loaders = [one for one in project.loaders if not one.execution.root.in_container]
    except ProjectError:  # Scripts cannot be read here.
        return None
    for loader in loaders:
        for use in uses(loader.execution, libraries):
            if use.hub is None or use.hub.decided_by == DEFAULT:
                return None
            value = use.settings[use.hub.decided_by].value or ""
            if not value.startswith(("/", "~")):
                return None
            found[use.hub.path] = use.hub.decided_by
    return next(iter(found.items())) if len(found) == 1 else None


def _named(path: str, project: Project) -> str:
    if path == project_cache(project.folder):
        return PROJECT
    home = project.environment.home.rstrip("/") + "/"
    return "~/" + path.removeprefix(home) if path.startswith(home) else path


def _reasons(path: str, project: Project, wanted: int) -> Iterator[Reason]:
    yield _keeps(path, file_system(path))
    yield _room(path, wanted)
    place = nearest_folder(path)
    if not os.access(place, os.W_OK):
        yield Reason("writable", False, t("{path} is not writable for this user.", path=place))
    yield from _shared(path, project.folder, project.environment)
    yield from _deleted(path, project)
    held = sum(1 for _ in repo_names(path)) if os.path.isdir(path) else 0
    if held:
        many = tn("{n} model or dataset is in it.", "{n} models or datasets are in it.", held)
        yield Reason("holds", True, many)


def _keeps(path: str, system: FileSystem) -> Reason:
    if is_emptied(path):
        return Reason("keeps", False, t("Systems empty /tmp and /var/tmp by themselves."))
    told = {
        "memory": t("It lies in memory ({name}), and is gone after a restart.", name=system.name),
        "layer": t("It lies in a container's own layer, and is gone with the container."),
        "windows": t("It lies on a Windows drive: links may be missing, and reading is slow."),
    }.get(system.kind)
    if told is not None:
        return Reason("keeps", False, told)
    if system.kind == "network":
        return Reason("keeps", True, t("It lies on a network share ({name}).", name=system.name))
    return Reason("keeps", True, t("It lies on a disk that keeps it."))


def _lacking(path: str, project: Project) -> int:
    """Return about how many bytes the project needs that are not there, told by names."""
    try:
        targets = project.needs.targets
    except ProjectError:  # A config that cannot be read must not keep a user from init.
        return 0
    missing = (one for one in targets if check(one, path).state in {"missing", "incomplete"})
    return sum(named_size(target.id) for target in missing)


def _room(path: str, wanted: int) -> Reason:
    free = free_bytes(path)
    numbers = {"free": human_bytes(free), "wanted": human_bytes(wanted)}
    if wanted > free:
        return Reason("room", False, t("{free} are free, and about {wanted} lack.", **numbers))
    if not wanted:
        return Reason("room", True, t("{free} are free.", free=human_bytes(free)))
    return Reason("room", True, t("{free} are free; about {wanted} lack.", **numbers))


def _shared(path: str, project: str, environment: Environment) -> Iterator[Reason]:
    if within(path, project):
        alone = t("It serves this checkout alone: each further clone downloads its own copy.")
        yield Reason("shared", False, alone)
        yield Reason("clones", False, t("It is gone when the project is removed or cloned anew."))
        return
    if within(path, environment.home):
        yield Reason("shared", True, t("All projects of this user share it."))
    else:
        yield Reason("shared", True, t("Everybody who may use the folder shares it."))
    yield Reason("clones", True, t("It survives a fresh clone of the project."))


def _deleted(path: str, project: Project) -> Iterator[Reason]:
    """Yield the first command of the project that empties the folder."""
    try:
        executions = project.executions
    except ProjectError:
        return
    for execution in executions:
        if execution.root.in_container:
            continue
        for one in deletions_of(execution):
            if one.empties(path):
                where = f"{one.span.file}:{one.span.line}"
                yield Reason("deleted", False, t("{where} deletes it.", where=where))
                return
