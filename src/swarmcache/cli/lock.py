"""`swarmcache lock`: pin each model's commit and file hashes in `swarmcache.lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from swarmcache.cli.asking import somebody_is_there
from swarmcache.cli.options import Invocation, common_options
from swarmcache.cli.pinning import register_locked
from swarmcache.cli.project_targets import project_targets
from swarmcache.hubcache.layout import parse_target
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.plans.lock import LockPlan
    from swarmcache.project.needs.draws import PoolOption


@click.command(
    help=t("Pin MODELs, or all that this project would load, in swarmcache.lock."),
    epilog=t("Example: {command}", command="swarmcache lock && git add swarmcache.lock"),
)
@click.argument("models", nargs=-1, metavar="[MODEL[@REV]]...")
@click.option("--upgrade", is_flag=True, help=t("Move pins to what their revisions are now."))
@click.option("--check", is_flag=True, help=t("Tell, offline, whether the lock is stale."))
@click.option(
    "--pool",
    type=click.Choice(["auto", "small", "large", "all"]),
    default="all",
    show_default=True,
    help=t("RL-Swarm's model pool: all, so that the lock holds on every machine, or one of them."),
)
@click.option("-n", "--dry-run", is_flag=True, help=t("Print what would be pinned; write nothing."))
@click.option("-y", "--yes", is_flag=True, help=t("Move pins without asking."))
@common_options
def command(  # noqa: PLR0913, PLR0917 - one parameter for each option
    invocation: Invocation,
    models: tuple[str, ...],
    upgrade: bool,
    check: bool,
    pool: PoolOption,
    dry_run: bool,
    yes: bool,
) -> int:
    """Plan, show, ask where pins move, write; or only look, with `--check`."""
    if check and (upgrade or dry_run or yes):
        raise click.UsageError(t("--check only looks; use it without the other options."))
    named = [parse_target(model) for model in models]
    if check:
        return _check(invocation, named, pool)
    plan = _planned(invocation, named, pool, upgrade=upgrade)
    written = False
    if plan.error is None and not dry_run:
        written = _written(invocation, plan, asks=upgrade and not yes)
        if written:
            register_locked(invocation, plan.lock.models)
        if not written and not plan.is_idle:
            return 1
    else:
        _show(invocation, plan)
    _report(invocation, plan, upgrade=upgrade, written=written, dry_run=dry_run)
    return 0 if plan.error is None else plan.error.exit_code


def _planned(
    invocation: Invocation, named: Sequence[Target], pool: PoolOption, *, upgrade: bool
) -> LockPlan:
    from swarmcache.plans.lock import plan_lock, plan_upgrade, target_of  # noqa: PLC0415
    from swarmcache.transfer.hub import Hub  # noqa: PLC0415 - after usage errors

    lock, endpoints = invocation.lock, invocation.settings.endpoints
    place = (invocation.location.path, invocation.project, lock)
    if not upgrade:
        targets = named or project_targets(invocation, pool=pool)
        with Hub(endpoints, invocation.environment) as hub:
            return plan_lock(targets, *place, hub, tiers=invocation.settings.tiers)
    if lock is None:
        raise click.UsageError(t("There is no swarmcache.lock here to upgrade: swarmcache lock"))
    targets = named or [target_of(model) for model in lock.models]
    with Hub(endpoints[:1], invocation.environment) as hub:  # Only the first may move a pin.
        return plan_upgrade(targets, *place, hub)


def _written(invocation: Invocation, plan: LockPlan, *, asks: bool) -> bool:
    """Show the plan, ask where that is wanted, and return whether the lock was written."""
    from swarmcache.plans.lock import apply_lock  # noqa: PLC0415

    if asks and not plan.is_idle:
        if not somebody_is_there():
            raise click.UsageError(
                t(
                    "Without a terminal nothing can be asked; add --yes to write {path}.",
                    path=plan.path,
                )
            )
        _show(invocation, plan)
        if not click.confirm(t("Write {path}?", path=plan.path), err=True):
            return False
    else:
        _show(invocation, plan)
    return apply_lock(plan)


def _show(invocation: Invocation, plan: LockPlan) -> None:
    from swarmcache.report.lock_text import plan_lines  # noqa: PLC0415

    if not invocation.json:
        for line in plan_lines(invocation.terminal, plan):
            invocation.terminal.out(line)


def _report(
    invocation: Invocation, plan: LockPlan, *, upgrade: bool, written: bool, dry_run: bool
) -> None:
    terminal = invocation.terminal
    if invocation.json:
        from swarmcache.report.lock_json import plan_document  # noqa: PLC0415

        action = "upgrade" if upgrade else "lock"
        terminal.out(plan_document(plan, action, written=written, dry_run=dry_run))
    elif plan.error is not None:
        terminal.alert(t("Nothing was written: {path} is as it was.", path=plan.path))
        if plan.error.hint:
            terminal.alert(terminal.next_step(plan.error.hint))
    elif written:
        terminal.say(t("Wrote {path}.", path=plan.path))
        if upgrade:
            terminal.say(terminal.next_step("swarmcache pull"))


def _check(invocation: Invocation, named: Sequence[Target], pool: PoolOption) -> int:
    from swarmcache.plans.stale import find_stale  # noqa: PLC0415

    lock, terminal = invocation.lock, invocation.terminal
    needed = named or _needed(invocation, pool)
    stale = find_stale(lock, needed, invocation.location.path, whole=not named)
    ok = lock is not None and not any(one.matters for one in stale)
    if invocation.json:
        from swarmcache.report.lock_json import check_document  # noqa: PLC0415

        path = lock.path if lock is not None else ""
        terminal.out(check_document(path, stale, exists=lock is not None))
        return 0 if ok else 1
    from swarmcache.report.lock_text import stale_lines  # noqa: PLC0415

    if lock is None:
        terminal.out(
            f"{terminal.warn} "
            + t("There is no swarmcache.lock in {folder}.", folder=invocation.project)
        )
    for line in stale_lines(terminal, stale):
        terminal.out(line)
    if ok:
        terminal.out(f"{terminal.ok} " + t("{path} is up to date.", path=lock.path if lock else ""))
    return 0 if ok else 1


def _needed(invocation: Invocation, pool: PoolOption) -> Sequence[Target]:
    """Return what the project loads, which may be nothing: a lock can also stand by itself."""
    from swarmcache.project.needs.models import needed_models  # noqa: PLC0415 - reads YAML

    return needed_models(
        invocation.project,
        invocation.environment,
        pool=pool,
        settings_models=invocation.settings.models,
    ).targets
