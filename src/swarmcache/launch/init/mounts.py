"""The files that mount the one folder into containers, and who has to be let into it for that."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import LaunchError, ProjectError, SwarmcacheError
from swarmcache.launch.group_cache import plan_group
from swarmcache.launch.init import compose
from swarmcache.launch.init.values import Left
from swarmcache.launch.init.writing import edited_writes, whole_write
from swarmcache.locale import listed, t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.launch.group_cache import GroupPlan
    from swarmcache.launch.init.writing import Outcome
    from swarmcache.project.study import Project

_SHARED = 0o2070
"""What a folder is for a group that may fill it."""


class Mounts(NamedTuple):
    """What containers need."""

    outcomes: tuple[Outcome, ...]
    sharing: GroupPlan | None
    """How the folder is opened, for the group that was asked for or for the containers' users."""


def mounts(project: Project, folder: str, libraries: Libraries, asked: GroupPlan | None) -> Mounts:
    """Return how containers come to the folder; nothing where scripts cannot be read."""
    try:
        found = compose.mounting(project, folder, libraries)
    except ProjectError:
        return Mounts((), asked)
    if not found.services:
        return Mounts(found.left, asked)
    try:
        gid, sharing = _opened(folder, project.environment, asked, strangers=found.strangers)
    except SwarmcacheError as error:
        names = ", ".join(one.name for one in found.services)
        why = Left(found.services[0].base, f"{names}: {error.message}", error.hint or "")
        return Mounts((*found.left, why), asked)
    outcomes: list[Outcome] = list(found.left)
    for target in dict.fromkeys(one.target for one in found.services):
        own = [one for one in found.services if one.target == target]
        outcomes += _mounted(project, target, own, folder, gid)
    return Mounts(tuple(outcomes), sharing)


def _mounted(
    project: Project, target: str, services: list[compose.Service], folder: str, gid: int | None
) -> Iterator[Outcome]:
    why = t("mounts the one cache into {names}", names=listed(one.name for one in services))
    source = project.source(target)
    if source is None and os.path.lexists(os.path.join(project.folder, target)):
        yield Left(target, t("It cannot be read as text."))
    elif source is None or compose.is_ours(source.data):
        before = None if source is None else source.data
        text = compose.whole_file(services, folder, gid)
        if before != text.encode():
            yield whole_write(project.folder, target, before, text, why)
    else:
        edits = compose.inserted(project, target, services, folder, gid)
        if isinstance(edits, Left):
            yield edits
        else:
            yield from edited_writes(project.folder, edits, why)


def _opened(
    folder: str, environment: Environment, asked: GroupPlan | None, *, strangers: bool
) -> tuple[int | None, GroupPlan | None]:
    """Return the group that the containers' users have to be in, and how it is let in.

    Raises LaunchError where only a person can say which group that may be.
    """
    if asked is not None or not strangers:
        return (None if asked is None else asked.gid), asked
    try:
        found = os.stat(folder)
    except OSError:
        found = None
    if found is not None and found.st_mode & _SHARED == _SHARED:
        return found.st_gid, None
    sharing = plan_group(folder, _private_group(), environment)
    return sharing.gid, sharing


def _private_group() -> str:
    """Return this user's own group, where nobody else is in it; LaunchError where that differs."""
    import grp  # noqa: PLC0415 - absent on Windows
    import pwd  # noqa: PLC0415

    try:
        group, user = grp.getgrgid(os.getegid()), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        group, user = None, ""
    if group is None or group.gr_name != user or set(group.gr_mem) - {user}:
        raise LaunchError(
            t("A container's user could not write into the folder, unless a group may."),
            hint="swarmcache init --group GROUP",
        )
    return user
