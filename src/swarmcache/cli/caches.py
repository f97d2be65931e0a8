"""`swarmcache caches`: the caches known on this machine."""

from __future__ import annotations

import os

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.locale import t


@click.command(
    help=t("List the caches known on this machine: what lies in them is not fetched again."),
    epilog=t("Example: {command}", command="swarmcache caches"),
)
@common_options
def command(invocation: Invocation) -> None:
    """Print the registry, the last used cache first; what is gone is not listed."""
    from swarmcache.hubcache.registry import known_caches  # noqa: PLC0415 - after usage errors

    mine = invocation.location.path
    caches = known_caches(invocation.environment)
    if os.path.isdir(mine) and os.path.realpath(mine) not in map(os.path.realpath, caches):
        caches.insert(0, mine)
    if invocation.json:
        from swarmcache.report.json import document  # noqa: PLC0415 - for programs

        entries = [{"path": path, "in_use": _is(path, mine)} for path in caches]
        invocation.terminal.out(document("caches", caches=entries))
        return
    terminal = invocation.terminal
    if not caches:
        terminal.out(t("No cache is known on this machine yet."))
    terminal.lines(f"{terminal.ok if _is(path, mine) else ' '} {path}" for path in caches)


def _is(path: str, mine: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(mine)
