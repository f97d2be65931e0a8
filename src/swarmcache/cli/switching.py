"""The switch of a `move`: which files follow, and what the old place is for those that do not."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.locale import listed, t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.cli.options import Invocation
    from swarmcache.launch.init import Following
    from swarmcache.plans.adopt import Old
    from swarmcache.report.terminal import Terminal


class Switch(NamedTuple):
    """How the new place comes to count."""

    settings: str | None
    """The settings file that names the cache, if one does and nothing stronger."""
    following: Following | None
    """What is written; None where only the user can let the new place count."""
    why_not: str
    """Why that settings file stays as it is; a translated sentence, or empty."""
    staying: tuple[str, ...]
    """The projects that keep to the old place."""
    old: Old
    """What becomes of the old place's repos."""


def plan_switch(invocation: Invocation, source: str, cache: str) -> Switch:
    """Return how the cache in `source` is left for `cache`; nothing is changed.

    Raises AccessDenied for an old place in which links would have to stay, and that this user
    cannot write.
    """
    from swarmcache.errors import LaunchError  # noqa: PLC0415 - after usage errors
    from swarmcache.hubcache.state import unwritable  # noqa: PLC0415
    from swarmcache.hubcache.use.roots import roots  # noqa: PLC0415
    from swarmcache.launch.init import plan_following, staying_projects  # noqa: PLC0415
    from swarmcache.plans.adopt import may_give_up  # noqa: PLC0415

    environment, project = invocation.environment, invocation.project
    settings, following, why_not = _settings_file(invocation), None, ""
    if settings is not None:
        used = invocation.location.path
        spelled = [used, source] if os.path.realpath(used) == source else [source]
        old, python = tuple(dict.fromkeys(spelled)), invocation.python
        try:
            following = plan_following(project, environment, old, cache, settings, python=python)
        except LaunchError as error:
            why_not = error.message
    if settings is None or following is None:
        staying = tuple(sorted({root.project for root in roots(source, environment)}))
    else:
        staying = staying_projects(source, environment, project=project, settings=settings)
    looking = following is None or bool(following.looking) or bool(staying)
    becomes: Old = "link" if looking else "remove"
    if not may_give_up(source, environment):
        if following is None:
            raise unwritable(source)
        becomes = "keep"
    return Switch(settings, following, why_not, staying, becomes)


def _settings_file(invocation: Invocation) -> str | None:
    decided_by = invocation.settings.origin("cache.dir").decided_by
    return decided_by if os.path.isabs(decided_by) and os.path.isfile(decided_by) else None


def open_new_place(switch: Switch) -> None:
    """Open the new folder to the group that shares the old one; raises OSError."""
    from swarmcache.launch.group_cache import open_to_group  # noqa: PLC0415 - after usage errors

    if switch.following is not None and switch.following.sharing is not None:
        open_to_group(switch.following.sharing)


def carry_out(switch: Switch, invocation: Invocation) -> None:
    """Let all that follows name the new place; raises ProjectError, OSError."""
    from swarmcache.launch.init import apply_following  # noqa: PLC0415 - after usage errors

    if switch.following is not None:
        apply_following(switch.following, invocation.project, invocation.environment)


def switch_lines(terminal: Terminal, switch: Switch, source: str) -> Iterator[str]:
    """Yield what is told of it before it is done."""
    from swarmcache.report.init_text import left_to_people  # noqa: PLC0415 - for people

    following = switch.following
    if following is None:
        if switch.why_not:
            yield f"{terminal.warn} {switch.why_not}"
            yield t("So links stay in the old place.")
            return
        yield t("No settings file names the cache, so links stay in the old place; see `init`.")
        return
    files = listed(one.change.path for one in following.writes) or str(switch.settings)
    if switch.old == "remove":
        yield t("Then {file} will name the new place, and the old one goes.", file=files)
    elif switch.old == "link":
        yield t("Then {file} will name the new place; links stay in the old one.", file=files)
    else:
        yield t("Then {file} will name the new place.", file=files)
        stays = t("{path} cannot be written by this user, and stays as it is.", path=source)
        yield f"{terminal.warn} {stays}"
    if switch.staying:
        yield t("Other projects use the old place: {names}.", names=listed(switch.staying))
    for one in (*following.looking, *following.closed):
        yield from left_to_people(terminal, one)


def links_line(switch: Switch, source: str, cache: str) -> str:
    """Return what is told of links that were left, with the next step where the user has one."""
    if switch.following is not None:
        return t("Links in {source} lead to the new place.", source=source)
    command = f"export HF_HUB_CACHE={shlex.quote(cache)}"
    return t(
        "Links in {source} lead to the new place. Next: {command}", source=source, command=command
    )
