"""`swarmcache export`: a model with everything it needs, as a cache, a tar, or a plain folder."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.errors import HubCacheError, RepoNotFound
from swarmcache.hubcache.drafts import draft_of, sweep_drafts
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import Target, parse_target
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.scan import Repo, Revision

    Wanted = Sequence[tuple[Repo, Revision]]


@click.command(
    help=t("Write MODELs with all they need to DEST: a cache folder, NAME.tar, or - for a pipe."),
    epilog=t(
        "Example: {command}",
        command="swarmcache export org/name - | ssh node swarmcache import -",
    ),
)
@click.argument("models", nargs=-1, required=True, metavar="MODEL[@REV]...")
@click.argument("dest", metavar="DEST|-")
@click.option("--plain", is_flag=True, help=t("A folder of the files alone, and their hashes."))
@common_options
def command(invocation: Invocation, *, models: tuple[str, ...], dest: str, plain: bool) -> int:
    """Write what is cached; nothing is fetched for it."""
    targets = [parse_target(model) for model in models]
    cache_exists(invocation.location.path, named=True)
    if plain and (len(targets) > 1 or dest == "-"):
        raise click.UsageError(t("--plain makes one folder of one model."))
    place = dest if dest == "-" else invocation.environment.absolute(dest)
    if plain:
        written = _plain(invocation, targets[0], place)
    elif dest == "-" or dest.endswith(".tar"):
        written = _archive(invocation, targets, place)
    else:
        return _cache(invocation, targets, place)
    _report(invocation, targets, place, written)
    return 0


def _wanted(invocation: Invocation, targets: Sequence[Target]) -> Wanted:
    from swarmcache.hubcache.scan import read_repo  # noqa: PLC0415 - after usage errors

    cache, found = invocation.location.path, []
    for target in targets:
        repo = read_repo(cache, target.name, invocation.settings.tiers)
        revision = repo.revision(target.revision) if repo is not None else None
        if repo is None or revision is None:
            message = t("Nothing of {id} is cached in {cache}.", id=target.id, cache=cache)
            raise RepoNotFound(message, hint=("swarmcache", "pull", target.spelled))
        found.append((repo, revision))
    return found


def _plain(invocation: Invocation, target: Target, place: str) -> int:
    from swarmcache.plans.plain_copy import write_plain  # noqa: PLC0415 - one of three ways

    ((repo, revision),) = _wanted(invocation, [target])
    with invocation.terminal.progress() as progress:
        return write_plain(repo, revision, place, progress)


def _archive(invocation: Invocation, targets: Sequence[Target], place: str) -> int:
    from swarmcache.plans.archive import write_archive  # noqa: PLC0415 - one of three ways

    wanted = _wanted(invocation, targets)
    if place == "-":
        if sys.stdout.isatty():
            raise click.UsageError(t("A tar on a terminal helps nobody; pipe it, or name a file."))
        with invocation.terminal.progress() as progress:
            return write_archive(wanted, sys.stdout.buffer, progress)
    sweep_drafts(os.path.dirname(place))
    if os.path.lexists(place):
        raise HubCacheError(t("{path} exists already.", path=place), hint=("ls", "-ld", place))
    with draft_of(place) as staged:
        with open(staged, "xb") as file, invocation.terminal.progress() as progress:
            written = write_archive(wanted, file, progress)
            file.flush()
            os.fsync(file.fileno())
        os.rename(staged, place)
    return written


def _cache(invocation: Invocation, targets: Sequence[Target], place: str) -> int:
    from swarmcache.cli.adopt import bring  # noqa: PLC0415 - one of three ways
    from swarmcache.plans.adopt import plan_adopt  # noqa: PLC0415

    plan = plan_adopt(invocation.location.path, place, targets)
    return bring(invocation, plan._replace(partials=False))


def _report(invocation: Invocation, targets: Sequence[Target], place: str, written: int) -> None:
    from swarmcache.units import human_bytes  # noqa: PLC0415

    terminal = invocation.terminal
    if invocation.json and place != "-":
        from swarmcache.report.json import document  # noqa: PLC0415 - for programs

        models = [{"id": one.id, "type": one.type, "revision": one.revision} for one in targets]
        terminal.out(document("export", models=models, dest=place, bytes=written))
        return
    said = t("Wrote {size} to {path}.", size=human_bytes(written), path=place)
    (terminal.say if place == "-" else terminal.out)(f"{terminal.ok} {said}")
