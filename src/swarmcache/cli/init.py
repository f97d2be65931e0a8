"""`swarmcache init`: make the one cache folder explicit, wherever the project decides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from swarmcache.cli.asking import somebody_is_there
from swarmcache.cli.init_adopt import adopt_plans, bring_plans, refuse_too_small, show_plans
from swarmcache.cli.options import PLACE, Invocation, common_options
from swarmcache.locale import t, tn

if TYPE_CHECKING:
    from swarmcache.launch.init import SetupPlan
    from swarmcache.plans.adopt import Adopted


@click.command(
    help="\n\n".join(
        [
            t("Make one cache folder explicit for the project in this folder or in PROJECT."),
            t(
                "Writes swarmcache.toml, the start script's exports, cache_dir in the YAML that is"
                " loaded, and the mount for compose: one plan, shown first, taken back by --undo."
            ),
        ]
    ),
    epilog=t("Example: {command}", command="swarmcache init --layout /srv/models/hub --dry-run"),
)
@click.argument("project", required=False, type=PLACE)
@click.option(
    "--layout",
    metavar="project|shared|PATH",
    help=t("The one folder: inside the project, this user's own, or a path. Default: as now."),
)
@click.option(
    "--dir",
    "folder",
    metavar="PATH",
    type=PLACE,
    help=t("The same as --layout PATH."),
)
@click.option(
    "--group",
    metavar="NAME",
    help=t("Make the cache folder one that every member of this group can use and fill."),
)
@click.option("--adopt", is_flag=True, help=t("Bring the models of the old places along."))
@click.option("--undo", is_flag=True, help=t("Take back what init wrote into the project."))
@click.option("-n", "--dry-run", is_flag=True, help=t("Print the plan and change nothing."))
@click.option("-y", "--yes", is_flag=True, help=t("Write without asking."))
@common_options
def command(  # noqa: PLR0913 - one parameter for each option
    invocation: Invocation,
    project: str | None,
    *,
    layout: str | None,
    folder: str | None,
    group: str | None,
    adopt: bool,
    undo: bool,
    dry_run: bool,
    yes: bool,
) -> int:
    """Plan, show, ask once, write; the exit code is 1 when the user says no."""
    from swarmcache.launch.init import plan_init  # noqa: PLC0415 - after usage errors

    home = invocation.environment.absolute(project) if project else invocation.project
    if undo:
        return _undo(invocation, home)
    given = [one for one in (layout, folder, invocation.cache_dir) if one is not None]
    if any(not one.strip() for one in given):
        raise click.BadParameter(t("The path is empty."), param_hint="--layout")
    named = given[0] if given else None
    environment = invocation.environment
    plan = plan_init(home, environment, layout=named, group=group, python=invocation.python)
    adopting = adopt_plans(invocation, plan, home) if adopt else None
    if not invocation.json:
        from swarmcache.report.init_text import plan_lines  # noqa: PLC0415 - for people

        invocation.terminal.lines(plan_lines(invocation.terminal, plan))
        if adopting is not None:
            show_plans(invocation, adopting)
    refuse_too_small(adopting or ())
    does = _changes(plan) or bool(adopting)
    if not (dry_run or yes) and does and not _agreed(invocation, plan):
        return 1
    adopted: list[Adopted] = []
    if not dry_run:
        _write(invocation, plan, home)
        adopted += bring_plans(invocation, adopting or [])
    _report(invocation, plan, adopted, dry_run=dry_run)
    return next((one.error.exit_code for one in adopted if one.error is not None), 0)


def _changes(plan: SetupPlan) -> bool:
    return bool(plan.writes or (plan.sharing is not None and plan.sharing.steps))


def _agreed(invocation: Invocation, plan: SetupPlan) -> bool:
    if not somebody_is_there():
        raise click.UsageError(
            t(
                "Without a terminal nothing can be asked; add --yes to write {path}.",
                path=plan.writes[0].change.path if plan.writes else plan.folder.path,
            )
        )
    agreed = click.confirm(_question(plan))
    if not agreed:
        invocation.terminal.say(t("Nothing was changed."))
    return agreed


def _question(plan: SetupPlan) -> str:
    if plan.writes:
        return tn("Write {n} file?", "Write {n} files?", len(plan.writes))
    if plan.sharing is not None and plan.sharing.steps:
        return t("Open {path} to {group}?", path=plan.sharing.path, group=plan.sharing.group)
    return t("Bring these models?")


def _write(invocation: Invocation, plan: SetupPlan, home: str) -> None:
    from swarmcache.cli.pinning import register_project  # noqa: PLC0415 - only where it is written
    from swarmcache.launch.init import apply_setup  # noqa: PLC0415

    terminal = invocation.terminal
    for write in apply_setup(plan, invocation.environment):
        if not invocation.json:
            terminal.out(f"{terminal.ok} " + t("Wrote {path}.", path=write.change.path))
    register_project(home, invocation.environment)


def _undo(invocation: Invocation, home: str) -> int:
    """Take all of init's changes back; 1 where a file stays as it is, or none was changed."""
    import os  # noqa: PLC0415

    from swarmcache.launch.init import undo_setup  # noqa: PLC0415

    terminal = invocation.terminal
    outcomes = list(undo_setup(os.path.realpath(home), invocation.environment))
    if invocation.json:
        from swarmcache.report.init_json import undo_document  # noqa: PLC0415 - for programs

        terminal.out(undo_document(outcomes))
    else:
        for one in outcomes:
            mark = terminal.warn if one.reason else terminal.ok
            said = one.reason or t("as it was before init")
            terminal.out(f"{mark} {one.path}: {said}")
        if not outcomes:
            terminal.say(t("Nothing that init wrote here is kept."))
    return int(not outcomes or any(one.reason for one in outcomes))


def _report(
    invocation: Invocation, plan: SetupPlan, adopted: list[Adopted], *, dry_run: bool
) -> None:
    terminal = invocation.terminal
    if invocation.json:
        from swarmcache.report.init_json import init_document  # noqa: PLC0415 - for programs

        terminal.out(init_document(plan, adopted, dry_run=dry_run))
        return
    from swarmcache.report.init_text import outcome_lines  # noqa: PLC0415

    terminal.lines(outcome_lines(terminal, plan, dry_run=dry_run))
