"""`swarmcache pull`: download what is missing, before it is needed."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from swarmcache.cli.evicting import fitted, is_wanted, say_eviction, say_removed
from swarmcache.cli.odd_tiers import tell_odd_tiers
from swarmcache.cli.options import Invocation, common_options, rate
from swarmcache.cli.pinning import register, using
from swarmcache.cli.project_targets import project_targets
from swarmcache.cli.pulling import Work
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import Target, check_revision, parse_target
from swarmcache.locale import t
from swarmcache.report.pull_text import say_plan, summarise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from swarmcache.plans.pull import Pulled, PullPlan
    from swarmcache.project.needs.draws import PoolOption


@click.command(
    help=t("Download what is missing of MODELs, or of what this project would load."),
    epilog=t(
        "Example: {command}", command="swarmcache pull Gensyn/Qwen2.5-0.5B-Instruct --dry-run"
    ),
)
@click.argument("models", nargs=-1, metavar="[MODEL[@REV]]...")
@click.option(
    "-f",
    "--file",
    "lists",
    multiple=True,
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help=t("Read MODELs from this file too, one a line; - is standard input."),
)
@click.option(
    "--dataset", "datasets", multiple=True, metavar="ID", help=t("Download this dataset, whole.")
)
@click.option(
    "--pool",
    type=click.Choice(["auto", "small", "large", "all"]),
    default="auto",
    show_default=True,
    help=t("RL-Swarm's model pool: the one that this machine's GPU selects, or one you name."),
)
@click.option("--revision", metavar="REV", help=t("The branch, tag or commit of every MODEL."))
@click.option(
    "--include", multiple=True, metavar="GLOB", help=t("Only files whose path matches this.")
)
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help=t("No files whose path matches this.")
)
@click.option(
    "--all-files", is_flag=True, help=t("Download every file, instead of one weights format.")
)
@click.option("--refresh", is_flag=True, help=t("Ask for a newer commit of complete models too."))
@click.option(
    "--max-rate",
    metavar="RATE",
    callback=rate,
    help=t("Take at most so much of the line in a second, such as 5MB."),
)
@click.option(
    "-y", "--yes", is_flag=True, help=t("Let other models go to keep the budget, without asking.")
)
@click.option("-n", "--dry-run", is_flag=True, help=t("Print the plan and change nothing."))
@click.option("--json-events", is_flag=True, help=t("Print one JSON document a line as it goes."))
@common_options
def command(  # noqa: PLR0913, PLR0917 - one parameter for each option
    invocation: Invocation,
    models: tuple[str, ...],
    lists: tuple[TextIO, ...],
    datasets: tuple[str, ...],
    pool: PoolOption,
    revision: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    all_files: bool,
    refresh: bool,
    max_rate: int | None,
    yes: bool,
    dry_run: bool,
    json_events: bool,
) -> int:
    """Plan, say the plan, carry it out; the exit code is that of the first failure."""
    if json_events and invocation.json:
        raise click.UsageError(t("--json and --json-events are two ways to print the same."))
    named = [*models, *(line for file in lists for line in _lines(file))]
    targets: Sequence[Target] = _targets(named, datasets, revision, lists=bool(lists))
    in_project = not targets
    targets = targets or project_targets(invocation, pool=pool, explain=True)
    cache_exists(invocation.location.path)
    tell_odd_tiers(invocation)
    from swarmcache.plans.pull import plan_pull  # noqa: PLC0415 - after usage errors
    from swarmcache.plans.pull.wishes import Wishes  # noqa: PLC0415
    from swarmcache.transfer.hub import Hub  # noqa: PLC0415

    settings = invocation.settings
    with (
        nullcontext() if dry_run else using(invocation, targets),
        Hub(settings.endpoints, invocation.environment, max_rate=max_rate) as hub,
    ):
        plan = plan_pull(
            targets,
            invocation.location.path,
            hub,
            lock=invocation.lock,
            wishes=Wishes(all_files, refresh, include, exclude),
            tiers=settings.tiers,
            symlinked_tiers=settings.symlinked_tiers,
        )
        if refresh:
            _say_pins(invocation, plan)
        plan, eviction = fitted(invocation, plan)
        as_result = dry_run and not (invocation.json or json_events)
        if not json_events:
            say_plan(invocation.terminal, plan, as_result=as_result)
        if eviction is not None:
            say_eviction(invocation, eviction, as_result=as_result)
            if not (dry_run or is_wanted(invocation, eviction, yes=yes)):
                return 1
        work = Work(plan, eviction, hub)
        if json_events:
            results = work.as_events(invocation, dry_run=dry_run)
        else:
            results = work.foretold() if dry_run else work.carried_out(invocation)
        _register(invocation, targets, wanted=in_project and not dry_run)
    if invocation.json:
        from swarmcache.report.pull_json import pull_document  # noqa: PLC0415

        removal = work.removal(dry_run=dry_run)
        invocation.terminal.out(pull_document(plan, results, removal, dry_run=dry_run))
    elif not json_events:
        summarise(invocation.terminal, results)
        say_removed(invocation, work.cleaned)
    return _exit_code(results)


def _register(invocation: Invocation, targets: Sequence[Target], *, wanted: bool) -> None:
    """Record that the project here needs what was pulled for it."""
    if wanted:
        register(invocation, targets)


def _exit_code(results: Sequence[Pulled]) -> int:
    return next((result.error.exit_code for result in results if result.error), 0)


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the models that a file names, one a line; `#` begins a comment."""
    try:
        for line in file:
            if name := line.partition("#")[0].strip():
                yield name
    except UnicodeDecodeError:
        raise click.UsageError(t("{path} is not UTF-8 text.", path=file.name)) from None


def _say_pins(invocation: Invocation, plan: PullPlan) -> None:
    """Say which models `--refresh` does not concern."""
    from swarmcache.locale import listed  # noqa: PLC0415 - few calls say this

    pins = [model.pin.id for model in plan.models if model.pin is not None]
    if pins:
        invocation.terminal.say(
            t(
                "swarmcache.lock pins {models}; `swarmcache lock --upgrade` moves pins.",
                models=listed(pins),
            )
        )


def _targets(
    models: Sequence[str], datasets: Sequence[str], revision: str | None, *, lists: bool
) -> list[Target]:
    """Return the repos named by the user, with `--revision` where they have none of their own."""
    if lists and not (models or datasets):
        raise click.UsageError(t("The list names no model."))
    if revision is not None and not (models or datasets):
        raise click.UsageError(t("--revision needs a MODEL; settings pin the project's own."))
    texts = [(text, parse_target(text)) for text in models]
    texts += [(text, parse_target(text, default_type="dataset")) for text in datasets]
    if revision is None:
        return [target for _, target in texts]
    check_revision(revision)
    return [target if "@" in text else target._replace(revision=revision) for text, target in texts]
