"""`swarmcache status`: what is cached, where, why there, how large, complete or not."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.locate import Location
from swarmcache.hubcache.usage import CacheUsage, empty_cache, measure_cache
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.usage import RepoUsage

_ON_A_TERMINAL = 30
"""Repos shown unless `--limit` says otherwise; a pipe gets all."""

SORTS: dict[str, Callable[[RepoUsage], object]] = {
    "size": lambda repo: (-repo.size, repo.name.id),
    "name": lambda repo: repo.name.id.lower(),
    "used": lambda repo: -repo.last_used,
    "state": lambda repo: (repo.state == "complete", repo.state, repo.name.id),
}


@click.command(
    help=t("Show what is cached, where and why there, how large, complete or not, last used."),
    epilog=t("Example: swarmcache status --sort used --filter 'Qwen/*'"),
)
@click.argument("caches", nargs=-1, metavar="[CACHE]...", type=click.Path(readable=False))
@click.option("--filter", "pattern", metavar="GLOB", help=t("Only repos whose id fits."))
@click.option("--sort", type=click.Choice(list(SORTS)), default="size", help=t("What comes first."))
@click.option(
    "--limit",
    type=click.IntRange(0),
    help=t("How many repos to show at most; 0 shows all. On a terminal the default is 30."),
)
@common_options
def command(
    invocation: Invocation,
    caches: tuple[str, ...],
    pattern: str | None,
    sort: str,
    limit: int | None,
) -> None:
    """Show the caches in the given folders, else the effective one."""
    locations = [_named(invocation, path) for path in caches] or [invocation.location]
    named = bool(caches) or invocation.cache_dir is not None
    usages = [_measure(location.path, pattern, named=named) for location in locations]
    usages = [usage._replace(repos=tuple(sorted(usage.repos, key=SORTS[sort]))) for usage in usages]  # type: ignore[arg-type]
    if invocation.json:
        from swarmcache.report.status_json import status_document  # noqa: PLC0415

        invocation.terminal.out(status_document(locations, usages))
        return
    from swarmcache.report.status_text import status_lines  # noqa: PLC0415

    if limit is None:
        limit = _ON_A_TERMINAL if invocation.terminal.stdout.terminal else 0
    for location, usage in zip(locations, usages, strict=True):
        for line in status_lines(invocation.terminal, location, usage, limit):
            invocation.terminal.out(line)
    if len(usages) > 1:
        from swarmcache.report.status_text import total_line  # noqa: PLC0415

        invocation.terminal.out(total_line(usages))


def _named(invocation: Invocation, path: str) -> Location:
    return Location(invocation.environment.absolute(path), t("argument"))


def _measure(path: str, pattern: str | None, *, named: bool) -> CacheUsage:
    if not cache_exists(path, named=named):
        return empty_cache(path)
    return measure_cache(path, wanted=_accepts(pattern) if pattern else None)


def _accepts(pattern: str) -> Callable[[RepoName], bool]:
    folded = pattern.lower()
    return lambda name: fnmatchcase(name.id.lower(), folded)
