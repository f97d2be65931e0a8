"""`swarmcache verify`: are the bytes right? Hashes against the Hub's own names, offline."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import age, common_options, rate
from swarmcache.cli.project_targets import project_targets
from swarmcache.cli.repairing import Repairing, refuse_alone, repair_options
from swarmcache.cli.unsafe import Pickles, unsafe_option
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import parse_target
from swarmcache.locale import t

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.hubcache.intact.crew import How
    from swarmcache.hubcache.intact.expectations import Locked
    from swarmcache.hubcache.intact.verdicts import FileVerdict
    from swarmcache.hubcache.intact.verify import Verification
    from swarmcache.hubcache.layout import Target
    from swarmcache.lockfile import Lock
    from swarmcache.report.verify_summary import Summary


@click.command(
    help=t("Tell whether the bytes are right, offline: hashes against the Hub's own names."),
    epilog=t("Example: {command}", command="swarmcache verify --all --background"),
)
@click.argument("models", nargs=-1, metavar="[MODEL[@REV]]...")
@click.option("--all", "whole_cache", is_flag=True, help=t("Verify every revision in the cache."))
@click.option("--recheck", is_flag=True, help=t("Hash again what was verified before."))
@click.option(
    "--older-than",
    callback=age,
    metavar="AGE",
    help=t("Hash again what was verified longer ago than this, such as 30d."),
)
@click.option("--fail-fast", is_flag=True, help=t("Stop at the first problem."))
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help=t("Hash so many files at a time; one for each core unless given."),
)
@click.option(
    "--max-rate", callback=rate, metavar="RATE", help=t("Read at most so much a second: 50MB.")
)
@click.option("--background", is_flag=True, help=t("Let all other work on this machine go first."))
@unsafe_option
@repair_options
@common_options
def command(  # noqa: PLR0913 - one parameter for each option
    invocation: Invocation,
    *,
    models: tuple[str, ...],
    whole_cache: bool,
    recheck: bool,
    older_than: float | None,
    fail_fast: bool,
    jobs: int | None,
    max_rate: int | None,
    background: bool,
    unsafe: bool,
    repair: bool,
    nearby: tuple[str, ...],
    dry_run: bool,
) -> int:
    """Verify `models`, or without any what the project in the working directory loads."""
    from swarmcache.hubcache.intact.cores import usable_cores  # noqa: PLC0415
    from swarmcache.hubcache.intact.crew import How  # noqa: PLC0415 - after usage errors
    from swarmcache.hubcache.intact.pace import step_back  # noqa: PLC0415
    from swarmcache.lockfile import read_lock  # noqa: PLC0415

    refuse_alone(repair=repair, nearby=nearby, dry_run=dry_run, fail_fast=fail_fast)
    lock = read_lock(invocation.project)
    targets = _targets(invocation, models, whole_cache=whole_cache)
    asked = None if targets is None else _at_commits(targets, invocation.location.path, lock)
    cache_exists(invocation.location.path, named=True)
    invocation.note_cache()
    how = How(jobs or usable_cores(), max_rate, background, recheck, older_than)
    pickles = Pickles(invocation, look_inside=unsafe)
    began = time.monotonic()
    with _held(invocation, asked):
        run, summary = _run(invocation, asked, how, lock, pickles, fail_fast=fail_fast)
        repairing = None
        if repair and not summary.interrupted:
            if background:
                step_back()  # Repairs are hashed and copied here, and fetched by a child.
            repairing = Repairing(invocation, asked, _locked(lock), nearby, dry_run)
            again = How(how.jobs, max_rate, background)
            summary = repairing.run(
                summary, lambda: _run(invocation, asked, again, lock, pickles, show=False)[1]
            )
        seconds = time.monotonic() - began
        if not summary.interrupted:
            pickles.scan()
    _report(invocation, targets, summary, run, seconds, repairing, pickles)
    code = repairing.exit_code(summary) if repairing is not None else summary.exit_code
    return pickles.exit_code(code)


def _held(
    invocation: Invocation, asked: Sequence[Target] | None
) -> contextlib.AbstractContextManager[object]:
    """Let nobody remove what is being verified: it would be told as missing."""
    from swarmcache.hubcache.scan import repo_names  # noqa: PLC0415
    from swarmcache.hubcache.use.leases import lease  # noqa: PLC0415 - after usage errors

    cache = invocation.location.path
    repos = repo_names(cache) if asked is None else [target.name for target in asked]
    return lease(cache, invocation.environment, repos)


def _targets(
    invocation: Invocation, models: tuple[str, ...], *, whole_cache: bool
) -> Sequence[Target] | None:
    """Return what is meant, as it is named; None for the whole cache."""
    if whole_cache and models:
        raise click.UsageError(t("--all means every model; name none beside it."))
    if whole_cache:
        return None
    return [parse_target(model) for model in models] or project_targets(invocation)


def _at_commits(targets: Sequence[Target], cache: str, lock: Lock | None) -> list[Target]:
    """Return the targets at the commits that the lock pins."""
    from swarmcache.hubcache.complete.pins import pinned  # noqa: PLC0415 - after usage errors
    from swarmcache.hubcache.refs import in_full  # noqa: PLC0415

    return [pinned(in_full(target, cache), lock) for target in targets]


def _run(  # noqa: PLR0913 - once with the user's wishes, and again after each repair
    invocation: Invocation,
    asked: Sequence[Target] | None,
    how: How,
    lock: Lock | None,
    pickles: Pickles,
    *,
    fail_fast: bool = False,
    show: bool = True,
) -> tuple[Verification, Summary]:
    """Return the finished run and its verdicts counted; each problem is shown once known."""
    from swarmcache.hubcache.intact.verify import verify  # noqa: PLC0415
    from swarmcache.hubcache.state import state_folder  # noqa: PLC0415
    from swarmcache.report.verify_summary import Summary  # noqa: PLC0415

    cache, summary = invocation.location.path, Summary()
    with invocation.terminal.progress() as progress:
        run = verify(
            asked,
            cache,
            state=state_folder(cache, invocation.environment),
            how=how,
            locked=_locked(lock),
            tiers=invocation.settings.tiers,
            progress=progress,
        )
        try:
            with closing(iter(run)) as verdicts:
                for verdict in verdicts:
                    pickles.hear(verdict)
                    if summary.add(verdict) and show and not invocation.json:
                        _show(invocation, verdict)
                    if fail_fast and summary.problems:
                        break
        except KeyboardInterrupt:
            summary.interrupted = True
    return run, summary


def _locked(lock: Lock | None) -> Locked:
    from swarmcache.hubcache.intact.expectations import nothing_locked  # noqa: PLC0415

    return lock.files_at if lock is not None else nothing_locked


def _show(invocation: Invocation, verdict: FileVerdict) -> None:
    from swarmcache.report.verify_text import detail_lines, problem_line  # noqa: PLC0415

    terminal = invocation.terminal
    terminal.out(problem_line(terminal, verdict))
    for line in detail_lines(verdict):
        terminal.out(f"    {line}")


def _report(  # noqa: PLR0913, PLR0917 - all that a run came to
    invocation: Invocation,
    targets: Sequence[Target] | None,
    summary: Summary,
    run: Verification,
    seconds: float,
    repairing: Repairing | None,
    pickles: Pickles,
) -> None:
    from swarmcache.report.verify_json import verify_document  # noqa: PLC0415
    from swarmcache.report.verify_text import (  # noqa: PLC0415
        forgetful_line,
        next_step,
        summary_lines,
        unverifiable_lines,
    )

    terminal, hashed = invocation.terminal, run.bytes_hashed
    if summary.interrupted:
        terminal.alert(t("Interrupted; what was verified is remembered."))
    if run.forgetful is not None and hashed:
        terminal.alert(forgetful_line(terminal, run.forgetful))
    if invocation.json:
        cache = invocation.location.path
        more = {**pickles.fields(), **(repairing.fields() if repairing is not None else {})}
        terminal.out(
            verify_document(
                summary, cache, bytes_hashed=hashed, seconds=seconds, safe=pickles.safe, more=more
            )
        )
        return
    for line in unverifiable_lines(summary):
        terminal.detail(line)
    for line in summary_lines(terminal, summary, bytes_hashed=hashed, seconds=run.seconds):
        terminal.out(line)
    if repairing is None and (step := next_step(summary, targets)):
        terminal.say(terminal.next_step(step))
    pickles.report()
