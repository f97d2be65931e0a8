"""`swarmcache status`: what is cached, where, why there, how large, complete or not."""

from __future__ import annotations

import click

from swarmcache.cli.options import PLACE, Invocation, common_options
from swarmcache.cli.show_caches import SORTS, show_caches
from swarmcache.locale import t


@click.command(
    help=t("Show what is cached, where and why there, how large, complete or not, last used."),
    epilog=t("Example: {command}", command="swarmcache status --sort used --filter 'Qwen/*'"),
)
@click.argument("caches", nargs=-1, metavar="[CACHE]...", type=PLACE)
@click.option("--filter", "pattern", metavar="GLOB", help=t("Only repos whose id fits."))
@click.option("--sort", type=click.Choice(list(SORTS)), default="size", help=t("What comes first."))
@click.option(
    "--limit",
    type=click.IntRange(0),
    help=t("How many repos to show at most; 0 shows all. On a terminal the default is 30."),
)
@click.option("--users", is_flag=True, help=t("Also who uses which repos now, and how."))
@common_options
def command(  # noqa: PLR0913 - one parameter for each option
    invocation: Invocation,
    caches: tuple[str, ...],
    pattern: str | None,
    sort: str,
    limit: int | None,
    *,
    users: bool,
) -> None:
    """Show the caches in the given folders, else the effective one."""
    show_caches(invocation, caches, pattern, sort, limit, with_users=users)
