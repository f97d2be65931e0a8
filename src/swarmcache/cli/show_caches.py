"""What `status` does, whoever has read its words: click, or `plain_call`, which needs no click."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.leftovers.homes import with_home
from swarmcache.hubcache.locate import Location
from swarmcache.hubcache.usage import CacheUsage, empty_cache, measure_cache
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.usage import RepoUsage
    from swarmcache.hubcache.use.users import Users

_ON_A_TERMINAL = 30
"""Repos shown unless `--limit` says otherwise; a pipe gets all."""

SORTS: dict[str, Callable[[RepoUsage], object]] = {
    "size": lambda repo: (-repo.size, repo.name.id),
    "name": lambda repo: repo.name.id.lower(),
    "used": lambda repo: -repo.last_used,
    "state": lambda repo: (repo.state == "complete", repo.state, repo.name.id),
}


def show_caches(  # noqa: PLR0913 - one parameter for each option
    invocation: Invocation,
    caches: Sequence[str] = (),
    pattern: str | None = None,
    sort: str = "size",
    limit: int | None = None,
    *,
    with_users: bool = False,
) -> None:
    """Print the caches in the given folders, else the effective one; `command` says the rest."""
    locations = [_named(invocation, path) for path in caches] or [invocation.location]
    named = bool(caches) or invocation.cache_dir is not None
    invocation.note_cache()
    wanted = _accepts(pattern) if pattern else None
    usages = [_measure(invocation, location.path, wanted, named=named) for location in locations]
    if pattern is None:
        here, ask = invocation.environment, lambda: invocation.libraries
        usages = [with_home(usage, here, ask) for usage in usages]
    usages = [usage._replace(repos=tuple(sorted(usage.repos, key=SORTS[sort]))) for usage in usages]  # type: ignore[arg-type]
    users = [_users(invocation, usage.path, wanted) for usage in usages] if with_users else []
    if invocation.settings.tiers:
        from swarmcache.cli.odd_tiers import tell_odd_tiers  # noqa: PLC0415 - few have tiers

        tell_odd_tiers(invocation)
    if invocation.json:
        from swarmcache.hubcache.soft_locks import count_dead  # noqa: PLC0415
        from swarmcache.report.status_json import status_document  # noqa: PLC0415

        stale = [count_dead(location.path, wanted=wanted) for location in locations]
        invocation.terminal.out(status_document(locations, usages, stale, users))
        return
    from swarmcache.report.status_text import status_lines  # noqa: PLC0415

    if limit is None:
        limit = _ON_A_TERMINAL if invocation.terminal.stdout.terminal else 0
    for location, usage, found in zip_longest(locations, usages, users):
        invocation.terminal.lines(status_lines(invocation.terminal, location, usage, limit))
        if found is not None:
            from swarmcache.report.users_text import users_lines  # noqa: PLC0415 - when asked

            invocation.terminal.lines(users_lines(invocation.terminal, found, usage.path))
    if len(usages) > 1:
        from swarmcache.report.status_text import total_line  # noqa: PLC0415

        invocation.terminal.out(total_line(usages))


def _named(invocation: Invocation, path: str) -> Location:
    return Location(invocation.environment.absolute(path), t("argument"))


def _measure(
    invocation: Invocation,
    path: str,
    wanted: Callable[[RepoName], bool] | None,
    *,
    named: bool,
) -> CacheUsage:
    if not cache_exists(path, named=named):
        return empty_cache(path)
    tiers = invocation.settings.tiers
    return measure_cache(path, invocation.environment, wanted=wanted, tiers=tiers)


def _users(invocation: Invocation, path: str, wanted: Callable[[RepoName], bool] | None) -> Users:
    from swarmcache.hubcache.use.users import Users, cache_users  # noqa: PLC0415 - when asked

    if not cache_exists(path):
        return Users((), 0, visible=True)
    tiers = invocation.settings.tiers
    return cache_users(path, invocation.environment, wanted=wanted, tiers=tiers)


def _accepts(pattern: str) -> Callable[[RepoName], bool]:
    from fnmatch import fnmatchcase  # noqa: PLC0415 - most calls show every repo

    folded = pattern.lower()
    return lambda name: fnmatchcase(name.id.lower(), folded)
