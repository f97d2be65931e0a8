"""`swarmcache verify`: are the bytes right? Hashes against the Hub's own names, offline."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import Invocation, common_options
from swarmcache.cli.project_targets import project_targets
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import parse_target
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.verify import Verification
    from swarmcache.report.verify_summary import Summary


@click.command(
    help=t("Tell whether the bytes are right, offline: hashes against the Hub's own names."),
    epilog="Example: swarmcache verify --all --background",
)
@click.argument("models", nargs=-1, metavar="[MODEL[@REV]]...")
@click.option("--all", "whole_cache", is_flag=True, help=t("Verify every revision in the cache."))
@click.option("--fail-fast", is_flag=True, help=t("Stop at the first problem."))
@common_options
def command(
    invocation: Invocation, models: tuple[str, ...], whole_cache: bool, fail_fast: bool
) -> int:
    """Verify `models`, or without any what the project in the working directory loads."""
    from swarmcache.hubcache.verify import verify  # noqa: PLC0415 - after usage errors

    targets = _targets(invocation, models, whole_cache=whole_cache)
    cache = invocation.location.path
    cache_exists(cache, named=True)
    began = time.monotonic()
    with invocation.terminal.progress() as progress:
        run = verify(targets, cache, progress=progress)
        summary = _collect(invocation, run, fail_fast=fail_fast)
    _report(invocation, summary, run, time.monotonic() - began)
    return summary.exit_code


def _targets(
    invocation: Invocation, models: tuple[str, ...], *, whole_cache: bool
) -> Sequence[Target] | None:
    if whole_cache:
        if models:
            raise click.UsageError(t("--all means every model; name none beside it."))
        return None
    return [parse_target(model) for model in models] or project_targets(invocation)


def _collect(invocation: Invocation, run: Verification, *, fail_fast: bool) -> Summary:
    """Return the verdicts counted; each problem is shown as soon as it is known."""
    from swarmcache.report.verify_summary import Summary  # noqa: PLC0415
    from swarmcache.report.verify_text import detail_lines, problem_line  # noqa: PLC0415

    terminal, summary = invocation.terminal, Summary()
    try:
        for verdict in run:
            known = len(summary.problems)
            summary.add(verdict)
            if len(summary.problems) > known:
                if not invocation.json:
                    terminal.out(problem_line(terminal, verdict))
                    for line in detail_lines(verdict):
                        terminal.out(f"    {line}")
                if fail_fast:
                    break
    except KeyboardInterrupt:
        summary.interrupted = True
        terminal.alert(t("Interrupted; what was verified is remembered."))
    return summary


def _report(invocation: Invocation, summary: Summary, run: Verification, seconds: float) -> None:
    from swarmcache.report.verify_json import verify_document  # noqa: PLC0415
    from swarmcache.report.verify_text import summary_lines  # noqa: PLC0415

    terminal = invocation.terminal
    if invocation.json:
        cache = invocation.location.path
        terminal.out(
            verify_document(summary, cache, bytes_hashed=run.bytes_hashed, seconds=seconds)
        )
        return
    for line in summary_lines(terminal, summary, bytes_hashed=run.bytes_hashed, seconds=seconds):
        terminal.out(line)
