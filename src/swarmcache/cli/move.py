"""`swarmcache move`: the whole cache to another place: copied, proven, switched, removed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from swarmcache.cli.adopt import bring_all, report, stays_code
from swarmcache.cli.asking import agreed, refuse_unasked
from swarmcache.cli.options import PLACE, Invocation, common_options
from swarmcache.cli.switching import (
    carry_out,
    links_line,
    open_new_place,
    plan_switch,
    switch_lines,
)
from swarmcache.locale import listed, t, tn

if TYPE_CHECKING:
    from swarmcache.cli.switching import Switch
    from swarmcache.plans.adopt import Adopted
    from swarmcache.plans.clean import Cleaned
    from swarmcache.plans.move import MovePlan


@click.command(
    help=t("Move the whole cache to DEST: copy, prove, switch the settings, remove the old place."),
    epilog=t("Example: {command}", command="swarmcache move /mnt/big/hub"),
)
@click.argument("dest", metavar="DEST", type=PLACE)
@click.option("-y", "--yes", is_flag=True, help=t("Ask nothing."))
@click.option("-n", "--dry-run", is_flag=True, help=t("Print the plan and change nothing."))
@common_options
def command(invocation: Invocation, dest: str, *, yes: bool, dry_run: bool) -> int:
    """Plan, ask, bring everything, switch, and only then give up the old place."""
    from swarmcache.plans.adopt import refuse_no_room  # noqa: PLC0415 - after usage errors
    from swarmcache.plans.adopt.places import is_same_folder  # noqa: PLC0415
    from swarmcache.plans.move import (  # noqa: PLC0415
        end_move,
        is_all_over,
        plan_move,
        take_along,
        unfinished_move,
    )

    environment = invocation.environment
    place, cache = environment.absolute(dest), invocation.location.path
    unfinished = unfinished_move(place, cache, environment)
    if unfinished is not None and is_all_over(unfinished):
        if not dry_run:
            take_along(unfinished, place, environment)
            end_move(unfinished, place, environment, invocation.settings.tiers)
        return _told(invocation, t("The move to {path} is finished.", path=place))
    if unfinished is None and is_same_folder(place, cache):
        return _told(invocation, t("{path} is this cache itself.", path=place))
    tiers, symlinked = invocation.settings.tiers, invocation.settings.symlinked_tiers
    with invocation.terminal.progress() as progress:
        plan = plan_move(
            unfinished or cache,
            place,
            environment,
            tiers=tiers,
            symlinked_tiers=symlinked,
            progress=progress,
        )
    switch = plan_switch(invocation, plan.adopt.source, plan.adopt.pull.cache)
    if not invocation.json:
        invocation.terminal.lines(_lines(invocation, plan, switch))
    refuse_no_room(plan.adopt)
    if not (yes or dry_run):
        refuse_unasked(
            t(
                "Without a terminal nothing can be asked; add --yes to move everything, "
                "or --dry-run."
            )
        )
        if not agreed(t("Move all this?")):
            return 1
    adopted: list[Adopted] = []
    cleaned: list[Cleaned] = []
    code = 0
    if not dry_run:
        code = _moved(invocation, plan, switch, adopted, cleaned)
    report(invocation, plan.adopt, adopted, cleaned, dry_run=dry_run)
    return code


def _told(invocation: Invocation, sentence: str) -> int:
    """Say that there is nothing to move any more; programs get the document of that."""
    from swarmcache.plans.move import nothing_to_move  # noqa: PLC0415 - the rare case

    if invocation.json:
        plan = nothing_to_move(invocation.location.path)
        report(invocation, plan, [], [], dry_run=False)
    else:
        invocation.terminal.out(f"{invocation.terminal.ok} {sentence}")
    return 0


def _moved(
    invocation: Invocation,
    plan: MovePlan,
    switch: Switch,
    adopted: list[Adopted],
    cleaned: list[Cleaned],
) -> int:
    """Do it, and return the exit code; whatever fails before the switch, the old place counts."""
    from swarmcache.plans.adopt import give_up_old  # noqa: PLC0415
    from swarmcache.plans.move import begin_move, end_move, take_along  # noqa: PLC0415

    environment = invocation.environment
    source, cache = plan.adopt.source, plan.adopt.pull.cache
    open_new_place(switch)
    begin_move(plan, environment)
    bring_all(invocation, plan.adopt, adopted)
    failed = next((one.error for one in adopted if one.error is not None), None)
    if failed is not None or not plan.adopt.is_whole:
        invocation.terminal.alert(t("The old place stays in use: not everything came over."))
        return failed.exit_code if failed is not None else 1
    carry_out(switch, invocation)
    take_along(source, cache, environment, switch.staying)
    if switch.old != "keep":
        links = switch.old == "link"
        cleaned += give_up_old(plan.adopt, adopted, environment, switch.old, needed=links)
    code = stays_code(cleaned)
    if not code and plan.adopt.kept:
        _tell_of_conflicts(invocation, plan)
        end_move(source, cache, environment, plan.adopt.pull.tiers)
        code = 1
    elif code:
        command = invocation.terminal.command(shlex.join(["swarmcache", "move", cache]))
        told = t("What stays in the old place goes later. Next: {command}", command=command)
        invocation.terminal.alert(told)
    else:
        end_move(source, cache, environment, plan.adopt.pull.tiers)
    if switch.old == "link":
        invocation.terminal.alert(links_line(switch, source, cache))
    return code


def _tell_of_conflicts(invocation: Invocation, plan: MovePlan) -> None:
    """Say which models stay in the old place too: here their branches are other commits."""
    names = dict.fromkeys(one.what.partition("@")[0] for one in plan.adopt.kept)
    words = ["swarmcache", "clean", *names, "--cache-dir", plan.adopt.source]
    told = t(
        "{names}: the old place keeps its own commits, which are here, too, under no branch. "
        "Next: {command}",
        names=listed(names),
        command=shlex.join(words),
    )
    invocation.terminal.alert(f"{invocation.terminal.warn} {told}")


def _lines(invocation: Invocation, plan: MovePlan, switch: Switch) -> list[str]:
    from swarmcache.report.adopt_text import plan_lines  # noqa: PLC0415 - for people

    terminal = invocation.terminal
    lines = [*plan_lines(terminal, plan.adopt), *switch_lines(terminal, switch, plan.adopt.source)]
    if plan.flat:
        adopt = ("swarmcache", "adopt", plan.adopt.source)
        told = tn(
            "{n} file of old transformers stays; {command} brings it.",
            "{n} files of old transformers stay; {command} brings them.",
            plan.flat,
            command=shlex.join([*adopt, "--cache-dir", plan.adopt.pull.cache]),
        )
        lines.append(f"{terminal.warn} {told}")
    return [*lines, *(f"{terminal.warn} {problem.message}" for problem in plan.foreign)]
