"""`swarmcache clean`: free space by plan; shown first, then applied."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from swarmcache.cli import clean_menu
from swarmcache.cli.asking import agreed, refuse_unasked, somebody_is_there
from swarmcache.cli.options import age, common_options, size
from swarmcache.cli.pinning import project_pins
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import RepoName, parse_target
from swarmcache.locale import listed, t

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.hubcache.complete.weights import Format
    from swarmcache.plans.clean import Cleaned, CleanPlan, Kept, LeftoverKind, Named, Wishes

_FORMATS: dict[str, Format] = {
    "bin": "pickle",
    "h5": "tensorflow",
    "msgpack": "flax",
    "gguf": "gguf",
    "onnx": "onnx",
    "original": "original",
}
"""Weights formats as one types them."""
_ALL = "all"
_KINDS = "partial, temporary, orphan, payload, manifest, marks, broken, locks, xet, legacy, trash"
"""What `--leftovers` takes, spelled out, so that help need not import the plans."""


def _formats(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> frozenset[Format]:
    del ctx, parameter
    return frozenset(_FORMATS[value] for value in values)


def _globs(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the globs; an empty one, as of a variable that is not set, would spare nothing."""
    if not all(value.strip() for value in values):
        raise click.BadParameter(
            t("An empty GLOB spares nothing; write it like org/*."), ctx, parameter
        )
    return values


def _leftovers(
    ctx: click.Context, parameter: click.Parameter, value: str | None
) -> frozenset[LeftoverKind]:
    """Return the kinds of leftovers that `--leftovers` or `--leftovers=partial,orphan` names."""
    from swarmcache.plans.clean import LEFTOVER_KINDS  # noqa: PLC0415 - after usage errors

    if value is None:
        return frozenset()
    words = [word.strip() for word in value.split(",")]
    known: dict[str, LeftoverKind] = {kind: kind for kind in LEFTOVER_KINDS}
    if value != _ALL and (wrong := [word for word in words if word not in known]):
        raise click.BadParameter(
            t(
                "{text} is no kind of leftover; there are {kinds}.",
                text=wrong[0],
                kinds=listed(known),
            ),
            ctx,
            parameter,
        )
    return frozenset(LEFTOVER_KINDS if value == _ALL else [known[word] for word in words])


@click.command(
    help=t("Remove models and leftovers by plan: nothing in use, nothing foreign; shown first."),
    epilog=t("Example: {command}", command="swarmcache clean --all --older-than 30d --dry-run"),
)
@click.argument("models", nargs=-1, metavar="[MODEL[@REV]]...")
@click.option("--all", "everything", is_flag=True, help=t("Every model of the cache."))
@click.option(
    "--older-than", callback=age, metavar="AGE", help=t("Only what was last used longer ago: 30d.")
)
@click.option("--detached", is_flag=True, help=t("Only revisions that no branch or tag names."))
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(list(_FORMATS)),
    callback=_formats,
    help=t("Of them only weights in this format, where complete safetensors files repeat them."),
)
@click.option(
    "--except",
    "spared",
    multiple=True,
    callback=_globs,
    metavar="GLOB",
    help=t("Not the repos whose id fits."),
)
@click.option(
    "--leftovers",
    is_flag=False,
    flag_value=_ALL,
    callback=_leftovers,
    metavar="[=KIND,...]",
    help=t("Besides, what no revision needs: all of it, or these kinds: {kinds}.", kinds=_KINDS),
)
@click.option(
    "--budget",
    callback=size,
    metavar="SIZE",
    help=t("Only until the cache holds so much, least harm first: 50GB."),
)
@click.option(
    "--free",
    callback=size,
    metavar="SIZE",
    help=t("Only until so much of the disk is free, least harm first: 20GB."),
)
@click.option("--ignore-pins", is_flag=True, help=t("Even what projects and settings pin."))
@click.option("-y", "--yes", is_flag=True, help=t("Ask nothing."))
@click.option("-n", "--dry-run", is_flag=True, help=t("Print the plan and change nothing."))
@common_options
def command(  # noqa: PLR0913 - one parameter for each option
    invocation: Invocation,
    *,
    models: tuple[str, ...],
    everything: bool,
    older_than: float | None,
    detached: bool,
    formats: frozenset[Format],
    spared: tuple[str, ...],
    leftovers: frozenset[LeftoverKind],
    budget: int | None,
    free: int | None,
    ignore_pins: bool,
    yes: bool,
    dry_run: bool,
) -> int:
    """Read the wishes, ask for them where there are none, plan, and carry the plan out."""
    from swarmcache.plans.clean import Wishes, plan_clean  # noqa: PLC0415 - after usage errors

    wishes = Wishes(
        tuple(_named(model) for model in models),
        everything,
        older_than,
        detached,
        formats,
        spared,
        leftovers,
        budget,
        free,
        ignore_pins,
    )
    said_nothing = wishes == Wishes()
    if not (wishes.wants_models or wishes.leftovers or wishes.limited):
        wishes = wishes._replace(budget=invocation.settings.budget)
    in_menu = said_nothing and not yes and somebody_is_there() and not invocation.json
    if not in_menu:
        _refuse_contradictions(wishes)
    cache_exists(invocation.location.path, named=True)
    if in_menu:
        choice = clean_menu.chosen(invocation)
        if choice is None:
            return 1
        wishes = choice
    plan = plan_clean(
        invocation.location.path,
        invocation.environment,
        wishes,
        pins=() if ignore_pins else project_pins(invocation),
        tiers=invocation.settings.tiers,
        python=invocation.python,
    )
    if plan.steps and not (yes or dry_run):
        refuse_unasked()
    with ExitStack() as stack:
        if not dry_run:
            stack.callback(_note_seen_uses, invocation)
        return _done(invocation, plan, wishes, yes=yes, dry_run=dry_run)


def _done(
    invocation: Invocation, plan: CleanPlan, wishes: Wishes, *, yes: bool, dry_run: bool
) -> int:
    """Show the plan, ask, carry it out; the exit code says whether all came out as asked."""
    _show(invocation, plan, wishes)
    cleaned: list[Cleaned] = []
    if plan.steps and not dry_run:
        # The original report's own words in Chinese.
        if not yes and not agreed(t("Remove all this from the model cache?")):
            return 1
        cleaned = _carried_out(invocation, plan)
    _report(invocation, plan, cleaned, wishes, dry_run=dry_run)
    return _exit_code(plan, cleaned)


def _note_seen_uses(invocation: Invocation) -> None:
    """Record what is in use now; last, so that what stays is told with its own reason."""
    from swarmcache.hubcache.use.users import note_seen_uses  # noqa: PLC0415

    tiers = invocation.settings.tiers
    note_seen_uses(invocation.location.path, invocation.environment, tiers)


def _named(text: str) -> Named:
    from swarmcache.plans.clean import Named  # noqa: PLC0415 - after usage errors

    target = parse_target(text)
    return Named(RepoName(target.type, target.id), target.revision if "@" in text else None)


def _refuse_contradictions(wishes: Wishes) -> None:
    """Raise UsageError where nothing, or two things at once, would be selected."""
    if wishes.everything and wishes.models:
        raise click.UsageError(t("--all means every model; name none beside it."))
    narrowed = wishes.older_than is not None or wishes.detached or wishes.formats or wishes.spared
    if narrowed and not (wishes.wants_models or wishes.limited):
        raise click.UsageError(t("What is to be narrowed? Name a MODEL, or add --all."))
    if not (wishes.wants_models or wishes.limited or wishes.leftovers):
        raise click.UsageError(
            t("Name what is to go: a MODEL, --all, --leftovers, --budget or --free.")
        )


def _show(invocation: Invocation, plan: CleanPlan, wishes: Wishes) -> None:
    """Show the selection and the plan, and what stays."""
    from swarmcache.report.clean_text import (  # noqa: PLC0415
        absent_lines,
        doubt_lines,
        kept_lines,
        plan_lines,
        selection_sentence,
    )

    terminal = invocation.terminal
    if invocation.json:
        return
    terminal.out(selection_sentence(wishes))
    terminal.lines(plan_lines(plan))
    terminal.lines(absent_lines(terminal, plan))
    terminal.lines(kept_lines(terminal, plan.kept))
    for line in doubt_lines(terminal, plan):
        terminal.alert(line)


def _carried_out(invocation: Invocation, plan: CleanPlan) -> list[Cleaned]:
    from swarmcache.plans.clean.applying import apply_clean  # noqa: PLC0415

    task, cleaned = t("Removing"), []
    with invocation.terminal.progress() as progress:
        progress.start(task, plan.freed_bytes_expected)
        for one in apply_clean(plan, invocation.environment):
            progress.advance(task, one.group.bytes)
            cleaned.append(one)
        progress.finish(task)
    return cleaned


def _report(
    invocation: Invocation,
    plan: CleanPlan,
    cleaned: Sequence[Cleaned],
    wishes: Wishes,
    *,
    dry_run: bool,
) -> None:
    from swarmcache.report.clean_text import cleaned_lines, selection_sentence  # noqa: PLC0415

    terminal = invocation.terminal
    if invocation.json:
        from swarmcache.report.clean_json import clean_document  # noqa: PLC0415

        terminal.out(clean_document(plan, cleaned, selection_sentence(wishes), dry_run=dry_run))
        return
    terminal.lines(cleaned_lines(terminal, cleaned))


def _exit_code(plan: CleanPlan, cleaned: Sequence[Cleaned]) -> int:
    """Return 3 where the system refused, 6 where what was named is in use, 1 where it stays."""
    kept = [*plan.kept, *(one for group in cleaned for one in group.kept)]
    refused = kept_code(kept)
    if refused:
        return refused
    return 1 if plan.absent or plan.short or any(one.named for one in kept) else 0


def kept_code(kept: Iterable[Kept]) -> int:
    """Return 3 where the system refused a removal, 6 where what was named is in use, else 0."""
    stays = list(kept)
    if any(one.failed for one in stays):
        return 3
    return 6 if any(one.named and one.busy for one in stays) else 0
