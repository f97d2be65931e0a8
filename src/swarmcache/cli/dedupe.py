"""`swarmcache dedupe`: equal content is stored once, within a cache and across caches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from swarmcache.cli.options import PLACE, Invocation, common_options
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.plans.dedupe import DedupePlan, Left, Shared


@click.command(
    help=t("Store equal content once: within a cache, and across caches of one file system."),
    epilog=t("Example: {command}", command="swarmcache dedupe --all-known --dry-run"),
)
@click.argument("caches", nargs=-1, metavar="[CACHE]...", type=PLACE)
@click.option("--all-known", is_flag=True, help=t("Besides, every cache known on this machine."))
@click.option("-n", "--dry-run", is_flag=True, help=t("Print the plan and change nothing."))
@common_options
def command(
    invocation: Invocation, caches: tuple[str, ...], *, all_known: bool, dry_run: bool
) -> int:
    """Plan, show the plan, carry it out; the exit code tells what could not be shared, and why."""
    named = _named(invocation, caches, all_known=all_known)
    from swarmcache.plans.dedupe import known_to_share, plan_dedupe  # noqa: PLC0415 - slow
    from swarmcache.plans.nearby import refuse_no_cache  # noqa: PLC0415

    for folder in named:
        refuse_no_cache(folder, "swarmcache", "dedupe")
    tiers = invocation.settings.tiers
    left: list[Left] = []
    folders = list(named)
    if all_known:
        known = known_to_share(invocation.environment, tiers)
        folders += known.caches
        left += known.closed
    plan = plan_dedupe(folders, invocation.environment, tiers)
    _note(invocation, plan, named)
    if not invocation.json:
        _show(invocation, plan)
    shared: list[Shared] = []
    if not dry_run:
        _carry_out(invocation, plan, shared, left)
        left += _refused(plan, named)
    _report(invocation, plan, shared, left, dry_run=dry_run)
    return _exit_code(left)


def _named(invocation: Invocation, caches: Sequence[str], *, all_known: bool) -> list[str]:
    """Return the folders that were named; where none was, the cache that counts.

    Beside all that are known it need not be there: a home has none where projects have their own.
    """
    if caches:
        return [invocation.environment.absolute(cache) for cache in caches]
    mine = invocation.location.path
    return [] if all_known and not os.path.lexists(mine) else [mine]


def _note(invocation: Invocation, plan: DedupePlan, named: Sequence[str]) -> None:
    """Let other projects of this user know what was named, and holds repos."""
    from swarmcache.hubcache.scan import repo_names  # noqa: PLC0415 - after usage errors

    real = set(map(os.path.realpath, named)) & set(plan.caches)
    invocation.note_caches(cache for cache in sorted(real) if repo_names(cache))


def _show(invocation: Invocation, plan: DedupePlan) -> None:
    from swarmcache.report.dedupe_text import plan_lines  # noqa: PLC0415 - for people

    invocation.terminal.lines(plan_lines(plan, verbose=invocation.verbose))


def _carry_out(
    invocation: Invocation, plan: DedupePlan, shared: list[Shared], left: list[Left]
) -> None:
    from swarmcache.plans.dedupe import Left  # noqa: PLC0415
    from swarmcache.plans.dedupe.applying import apply_dedupe  # noqa: PLC0415

    with invocation.terminal.progress() as progress:
        for one in apply_dedupe(plan, invocation.environment, progress):
            if isinstance(one, Left):
                left.append(one)
            else:
                shared.append(one)


def _refused(plan: DedupePlan, named: Sequence[str]) -> Iterator[Left]:
    """Yield the caches that were named and hold what this user cannot replace."""
    from swarmcache.plans.dedupe import Left  # noqa: PLC0415

    real = set(map(os.path.realpath, named))
    for cache in plan.fixed_bytes:
        if cache in real:
            yield Left(cache, t("this user cannot write it"), failed=True)


def _report(
    invocation: Invocation,
    plan: DedupePlan,
    shared: Sequence[Shared],
    left: Sequence[Left],
    *,
    dry_run: bool,
) -> None:
    terminal = invocation.terminal
    if invocation.json:
        from swarmcache.report.dedupe_json import dedupe_document  # noqa: PLC0415 - for programs

        terminal.out(dedupe_document(plan, shared, left, dry_run=dry_run))
        return
    from swarmcache.report.dedupe_text import left_lines, shared_line  # noqa: PLC0415

    terminal.lines(left_lines(terminal, left))
    if (plan.steps or shared) and not dry_run:
        terminal.out(shared_line(terminal, plan, shared))


def _exit_code(left: Sequence[Left]) -> int:
    """Return 5 where bytes are wrong, 3 where the system refused, 6 where others were at work."""
    if any(one.wrong for one in left):
        return 5
    if any(one.failed and not one.busy for one in left):
        return 3
    return 6 if any(one.busy for one in left) else 0
