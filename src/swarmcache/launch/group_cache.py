"""A cache for one group: a plan that can be shown, and what carries it out.

Only the folders that everything else is made in are opened: the cache folder, `.locks`, and our
own state in it. What they hand on (group, setgid, default ACL) makes all that is new right; what
is inside already is told, and left to its owners.
"""

from __future__ import annotations

import os
import re
from stat import S_IMODE, S_ISGID
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import LaunchError
from swarmcache.hubcache.acl import of_mode, write_default
from swarmcache.hubcache.belonging import user_name
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import LOCKS
from swarmcache.hubcache.state import OWN_FOLDER, missing_folders
from swarmcache.hubcache.visitors import Flaw, Visitor, flaws_for, hands_on
from swarmcache.locale import t
from swarmcache.transfer.tokens import token_path

if TYPE_CHECKING:
    from swarmcache.environment import Environment

_OPEN = S_ISGID | 0o770
_LAST_GID = 2**32 - 2
"""The number after it means none (`chown(2)`)."""
_CAN_BE_MADE = r"[a-z_][a-z0-9_-]{0,30}\$?"
"""The names that `groupadd(8)` takes."""


class Step(NamedTuple):
    """What one folder is to become."""

    path: str
    made: bool
    """Whether it is made; else it is there already."""
    mode: int
    """Its permission bits then."""
    acl: bool
    """Whether it then has a default ACL that hands the same on, whatever each user's umask."""


class GroupPlan(NamedTuple):
    """How a cache becomes one for a group."""

    path: str
    """The cache folder, absolute."""
    group: str
    """As it was named."""
    gid: int
    above: tuple[str, ...]
    """Folders that have to be made first, so that the cache has a place."""
    steps: tuple[Step, ...]
    """Empty where everything is as it should be."""
    acls: bool
    """Whether the file system has ACLs; without, each member's umask must be 002."""
    token: str
    """Where this environment keeps the token, if the cache lies in the same folder; else empty."""
    left: tuple[Flaw, ...]
    """What stays wrong for a member who owns nothing there."""


def plan_group(cache: str, group: str, environment: Environment) -> GroupPlan:
    """Return how the folder `cache` (absolute) becomes a cache for a group, named or by number.

    Raises LaunchError for a group that does not exist or that this user is no member of, and for
    a folder that belongs to somebody else, CacheNotFound where a file stands, OSError.
    """
    gid = _gid(group)
    _refuse_stranger(group, gid)
    exists, above = cache_exists(cache), tuple(missing_folders(os.path.dirname(cache)))
    acls = hands_on(cache if exists else os.path.dirname((*above, cache)[0])) is not None
    others = _others(cache)
    folders = (cache, f"{cache}/{LOCKS}", f"{cache}/{LOCKS}/{OWN_FOLDER}")
    steps = [step for path in folders if (step := _step(path, gid, others, acls=acls))]
    _refuse_others_folders(cache, steps, group)
    member = Visitor(None, frozenset({gid}), umask=0o002)  # Without ACLs that is what they need.
    left = flaws_for(cache, member, gid, mended=[step.path for step in steps])
    token = token_path(environment)
    token = token if cache.startswith(os.path.dirname(token) + "/") else ""
    return GroupPlan(cache, group, gid, above, tuple(steps), acls, token, left)


def open_to_group(plan: GroupPlan) -> None:
    """Carry the plan out; raises OSError, after which a rerun goes on."""
    for path in plan.above:
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o755)  # noqa: S103 - whoever uses the cache has to pass through it
    for step in plan.steps:
        if step.made:
            os.makedirs(step.path, exist_ok=True)
        if os.stat(step.path).st_gid != plan.gid:
            os.chown(step.path, -1, plan.gid)
        os.chmod(step.path, step.mode)
        if step.acl:
            write_default(step.path, of_mode(step.mode & ~0o002))


def _gid(group: str) -> int:
    try:
        import grp  # noqa: PLC0415 - absent on Windows
    except ImportError as error:
        raise LaunchError(t("This system knows no groups that could share a cache.")) from error
    if group.isascii() and group.isdecimal() and int(group) <= _LAST_GID:
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except (KeyError, ValueError) as error:
        message = t("There is no group {group} on this machine.", group=group or "''")
        hint = (
            ("sudo", "groupadd", group)
            if re.fullmatch(_CAN_BE_MADE, group)
            else ("getent", "group")
        )
        raise LaunchError(message, hint=hint) from error


def _refuse_stranger(group: str, gid: int) -> None:
    """Raise for a user who may not give folders to the group."""
    if os.geteuid() == 0 or gid in {os.getegid(), *os.getgroups()}:
        return
    user = user_name(os.geteuid())
    if _is_listed(gid, user):
        raise LaunchError(
            t("{user} became a member of {group} after this login.", user=user, group=group),
            hint=("newgrp", group),
        )
    raise LaunchError(
        t("{user} is no member of {group}, and can share nothing with it.", user=user, group=group),
        hint=("sudo", "usermod", "-aG", group, user),
    )


def _is_listed(gid: int, user: str) -> bool:
    import grp  # noqa: PLC0415 - see _gid

    try:
        return user in grp.getgrgid(gid).gr_mem
    except KeyError:
        return False


def _others(cache: str) -> int:
    """Return what users outside the group may do: what they may now, else by this umask."""
    try:
        return os.stat(cache).st_mode & 0o005
    except OSError:
        umask = os.umask(0o077)
        os.umask(umask)
        return 0o005 & ~umask


def _step(path: str, gid: int, others: int, *, acls: bool) -> Step | None:
    """Return what is to be done with a folder; None where it is right already."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return Step(path, True, _OPEN | others, acls)
    mode = S_IMODE(found.st_mode) | _OPEN
    acl = acls and not hands_on(path)
    is_right = found.st_gid == gid and S_IMODE(found.st_mode) == mode and not acl
    return None if is_right else Step(path, False, mode, acl)


def _refuse_others_folders(cache: str, steps: list[Step], group: str) -> None:
    """Raise where only another user, or root, may do what is to be done."""
    for step in steps:
        if step.made or os.geteuid() in {0, os.stat(step.path).st_uid}:
            continue
        owner = user_name(os.stat(step.path).st_uid)
        raise LaunchError(
            t(
                "{path} belongs to {owner}, and only its owner or root can open it to {group}.",
                path=step.path,
                owner=owner,
                group=group,
            ),
            hint=("sudo", "swarmcache", "init", "--group", group, "--dir", cache),
        )
