"""`swarmcache import`: what `export` wrote comes into this project's cache, proven."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from functools import partial
from typing import IO

import click

from swarmcache.cli.adopt import bring
from swarmcache.cli.options import PLACE, Invocation, common_options
from swarmcache.errors import CacheNotFound
from swarmcache.launch.child.interruption import ending_in_order
from swarmcache.locale import t


@click.command(
    name="import",
    help=t("Bring what export wrote into this project's cache: a folder, a tar, or - for a pipe."),
    epilog=t("Example: {command}", command="swarmcache import model.tar"),
)
@click.argument("source", metavar="SRC|-", type=PLACE)
@common_options
@ending_in_order()
def command(invocation: Invocation, source: str) -> int:
    """Read it, prove every byte, and publish it as a pull does."""
    if source == "-":
        if sys.__stdin__ is None or sys.stdin.isatty():
            raise click.UsageError(t("Nothing is piped in; name a file or a folder."))
        return _archive(invocation, sys.stdin.buffer, "-")
    path = invocation.environment.absolute(source)
    if os.path.isdir(path):
        from swarmcache.plans.adopt import plan_adopt  # noqa: PLC0415 - after usage errors

        tiers, symlinked = invocation.settings.tiers, invocation.settings.symlinked_tiers
        cache = invocation.location.path
        with invocation.terminal.progress() as progress:
            plan = plan_adopt(
                path,
                cache,
                tiers=tiers,
                symlinked_tiers=symlinked,
                progress=progress,
                proves=invocation.environment,
            )
        return bring(invocation, plan._replace(partials=False))
    try:
        with open(path, "rb") as file:
            return _archive(invocation, file, path)
    except FileNotFoundError as error:
        raise CacheNotFound(t("{path} does not exist.", path=path)) from error


def _archive(invocation: Invocation, stream: IO[bytes], name: str) -> int:
    from swarmcache.plans.adopt import plan_adopt  # noqa: PLC0415 - after usage errors
    from swarmcache.plans.archive import unpacked  # noqa: PLC0415

    cache, environment = invocation.location.path, invocation.environment
    task = t("Unpacking") if name == "-" else t("Unpacking {path}", path=name)
    # Two bars, one after the other: the unpacking's, and then the adoption's own.
    with ExitStack() as unpacking:
        with invocation.terminal.progress() as progress:
            # A pipe does not tell how much comes, nor does a packed tar.
            progress.start(task, os.path.getsize(name) if name.endswith(".tar") else 0)
            hear = partial(progress.advance, task)
            folder = unpacking.enter_context(unpacked(stream, cache, environment, hear))
            progress.finish(task)
        with invocation.terminal.progress() as progress:
            tiers = invocation.settings.tiers
            plan = plan_adopt(folder, cache, tiers=tiers, progress=progress, proves=environment)
        return bring(invocation, plan._replace(archive=name))
