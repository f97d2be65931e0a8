"""`swarmcache export`: a model with everything it needs, as a cache, a tar, or a plain folder."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import PLACE, Invocation, common_options
from swarmcache.errors import HubCacheError, TransferError, WrongBytes
from swarmcache.hubcache.complete.integrity import Unknown
from swarmcache.hubcache.drafts import draft_of, sweep_drafts
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import parse_target
from swarmcache.launch.child.interruption import ending_in_order
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.plans.adopt import AdoptPlan
    from swarmcache.plans.exportable import Exportable

_TAR = ".tar"
_PACKERS = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}
"""What writes a packed tar, by the last part of its name."""
_SHORT = {".tgz": "gz", ".tbz": "bz2", ".tbz2": "bz2", ".txz": "xz", ".tzst": "zst"}
"""Names of packed tars that leave `.tar` out."""


@click.command(
    help=t("Write MODELs with all they need to DEST: a cache folder, NAME.tar, or - for a pipe."),
    epilog=t(
        "Example: {command}",
        command="swarmcache export org/name - | ssh node swarmcache import -",
    ),
)
@click.argument("models", nargs=-1, metavar="MODEL[@REV]...")
@click.argument("dest", metavar="DEST|-", type=PLACE)
@click.option("--plain", is_flag=True, help=t("A folder of the files alone, and their hashes."))
@common_options
@ending_in_order()
def command(invocation: Invocation, *, models: tuple[str, ...], dest: str, plain: bool) -> int:
    """Write what is cached; nothing is fetched for it."""
    _refuse_misuse(models, dest, plain=plain)
    _refuse_packed(invocation, models, dest)
    targets = [parse_target(model) for model in models]
    cache_exists(invocation.location.path, named=True)
    wanted = _wanted(invocation, targets)
    if dest == "-":
        written = _piped(invocation, wanted)
        place = dest
    else:
        place = invocation.environment.absolute(dest)
        if plain:
            written = _plain(invocation, wanted[0], place)
        elif _is_tar(dest):
            written = _archive(invocation, wanted, place)
        else:
            return _cache(invocation, wanted, place)
    _report(invocation, targets, place, written)
    return 0


def _refuse_misuse(models: Sequence[str], dest: str, *, plain: bool) -> None:
    """Raise a usage error for words that do not fit together, before anything is read."""
    if not models:
        # The only word is DEST for click; whoever forgot DEST has named a model.
        name = "MODEL" if dest == "-" or _is_tar(dest) else "DEST"
        raise click.UsageError(t("{name} is missing: swarmcache export MODEL DEST", name=name))
    if plain and (len(models) > 1 or dest == "-"):
        raise click.UsageError(t("--plain makes one folder of one model."))
    if plain and _is_tar(dest):
        raise click.UsageError(t("--plain makes a folder; {path} is named as a tar.", path=dest))
    if dest == "-" and sys.__stdout__ is None:
        raise click.UsageError(t("Standard output is closed; pipe it, or name a file."))
    if dest == "-" and sys.stdout.isatty():
        raise click.UsageError(t("A tar on a terminal helps nobody; pipe it, or name a file."))


def _is_tar(dest: str) -> bool:
    return dest.lower().endswith(_TAR)


def _refuse_packed(invocation: Invocation, models: Sequence[str], dest: str) -> None:
    """Raise a usage error for the name of a packed tar, which would be a folder's."""
    start, end = os.path.splitext(dest.lower())
    packer = _PACKERS.get(end.removeprefix(".") if _is_tar(start) else _SHORT.get(end, ""))
    if packer is None:
        return
    import shlex  # noqa: PLC0415 - only for what is refused

    from swarmcache.report.proposed import proposed  # noqa: PLC0415

    export = shlex.join(("swarmcache", "export", *models, "-"))
    command = f"{proposed(export, invocation.cache_dir)} | {packer} > {shlex.quote(dest)}"
    raise click.UsageError(
        t(
            "{path} is a packed tar's name, and a pipe makes one: {command}",
            path=dest,
            command=command,
        )
    )


def _wanted(invocation: Invocation, targets: Sequence[Target]) -> list[Exportable]:
    """Return what is to be written; one that may be incomplete is told."""
    from swarmcache.plans.exportable import exportable  # noqa: PLC0415 - after usage errors
    from swarmcache.report.check_text import describe  # noqa: PLC0415

    cache, tiers = invocation.location.path, invocation.settings.tiers
    wanted = [exportable(target, cache, tiers) for target in targets]
    for one in wanted:
        if isinstance(one.outcome, Unknown):
            invocation.terminal.say(describe(invocation.terminal, one.target, one.outcome))
    return wanted


def _plain(invocation: Invocation, model: Exportable, place: str) -> int:
    from swarmcache.hubcache.intact.ledger import Ledger  # noqa: PLC0415 - one of three ways
    from swarmcache.hubcache.state import state_folder  # noqa: PLC0415
    from swarmcache.plans.plain_copy import write_plain  # noqa: PLC0415

    ledger = Ledger(state_folder(invocation.location.path, invocation.environment))
    with invocation.terminal.progress() as progress:
        return write_plain(model, place, ledger, progress)


def _piped(invocation: Invocation, wanted: Sequence[Exportable]) -> int:
    from swarmcache.plans.archive import write_archive  # noqa: PLC0415 - one of three ways

    try:
        with invocation.terminal.progress() as progress:
            written = write_archive(wanted, sys.stdout.buffer, progress)
            sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise TransferError(t("The reader of the pipe went away before the end.")) from error
    return written


def _archive(invocation: Invocation, wanted: Sequence[Exportable], place: str) -> int:
    from swarmcache.hubcache.publishing import folder_made, sync_folders  # noqa: PLC0415 - as above
    from swarmcache.plans.archive import write_archive  # noqa: PLC0415

    folder = os.path.dirname(place)
    sweep_drafts(folder)
    if os.path.lexists(place):
        raise HubCacheError(t("{path} exists already.", path=place), hint=("ls", "-ld", place))
    with folder_made(folder), draft_of(place) as staged:
        with open(staged, "xb") as file, invocation.terminal.progress() as progress:
            written = write_archive(wanted, file, progress)
            file.flush()
            os.fsync(file.fileno())
        os.rename(staged, place)
    sync_folders([folder])
    return written


def _cache(invocation: Invocation, wanted: Sequence[Exportable], place: str) -> int:
    from swarmcache.cli.adopt import bring  # noqa: PLC0415 - one of three ways
    from swarmcache.plans.adopt import plan_adopt  # noqa: PLC0415

    targets = [one.target for one in wanted]
    # What is exported stands by itself: what a tier has comes as a file, too.
    tiers = invocation.settings.tiers
    with invocation.terminal.progress() as progress:
        plan = plan_adopt(
            invocation.location.path,
            place,
            targets,
            tiers=tiers,
            progress=progress,
            proves=invocation.environment,
        )
    for one in wanted:
        _refuse_part(plan, one, place)
    return bring(invocation, plan._replace(partials=False))


def _refuse_part(plan: AdoptPlan, wanted: Exportable, place: str) -> None:
    """Raise WrongBytes where a cache would get less of a model than there is."""
    repo, commit = wanted.repo.name, wanted.revision.commit
    listings = [model.listing for model in plan.pull.models if model.target.name == repo]
    come = {file.path for one in listings if one and one.commit == commit for file in one.files}
    if all(file.path in come for file in wanted.files):
        return
    name = wanted.target.spelled
    reason = next((kept.reason for kept in plan.kept if kept.what == repo.at(commit)), "")
    raise WrongBytes(
        t("{name} would not be whole in {path}: {reason}", name=name, path=place, reason=reason),
        hint=("swarmcache", "export", name, f"{place}{_TAR}"),
    )


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
