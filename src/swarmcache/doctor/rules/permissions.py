"""SC702: this user cannot use the cache as it should be used, and the least that would mend it.

A folder above cannot be entered, nothing can be written into it, or what others have put there
cannot be read.

What it cannot know: what a read-only mount or a security module forbids; and the user of a
container that the cache is mounted into.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.doctor.caches import caches_here
from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t, tn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.hubcache.visitors import Flaw

_TELLING = frozenset(
    {"above", "stranger", "closed", "unwritable", "files", "folders", "manifests", "locks"}
)
_SMALL = frozenset({"manifests", "locks"})
"""What keeps nobody from starting."""


def check(case: Case) -> Iterator[Finding]:
    """Find the first flaw of each kind in each cache that the project's programs use."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return
    from swarmcache.hubcache.visitors import Visitor, flaws_for  # noqa: PLC0415 - not for root

    umask = os.umask(0)
    os.umask(umask)
    visitor = Visitor(os.geteuid(), frozenset((*os.getgroups(), os.getegid())), umask)
    for cache in caches_here(case):
        for flaw in flaws_for(cache, visitor):
            if flaw.kind in _TELLING:
                yield _found(flaw, cache)


def _found(flaw: Flaw, cache: str) -> Finding:
    fix = Fix("display", flaw.fix) if flaw.fix else None
    severity: Severity = "warning" if flaw.kind in _SMALL else "error"
    title = t("the cache is not open to this user")
    return RULE.finding(title, _message(flaw, cache), None, fix=fix, severity=severity)


def _message(flaw: Flaw, cache: str) -> str:
    if flaw.kind == "above":
        return t(
            "{path} cannot be entered, so {cache} is out of reach.", path=flaw.path, cache=cache
        )
    if flaw.kind == "stranger":
        from swarmcache.hubcache.visitors import group_name  # noqa: PLC0415 - as above

        return t(
            "{cache} is of the group {group}, which this user is not in: join it and log in again,"
            " or have a cache of your own with this one as a tier.",
            cache=cache,
            group=group_name(os.stat(cache).st_gid),
        )
    if flaw.kind == "closed":
        return t("{cache} cannot be listed.", cache=cache)
    if flaw.kind == "unwritable":
        return t("Nothing can be downloaded into {cache}: it is not writable.", cache=cache)
    return tn(
        "{n} file or folder of {cache} is closed to this user; the first is {path}.",
        "{n} files or folders of {cache} are closed to this user; the first is {path}.",
        flaw.number,
        cache=cache,
        path=flaw.path,
    )


RULE = Rule("SC702", "permissions", "error", "high", check)
