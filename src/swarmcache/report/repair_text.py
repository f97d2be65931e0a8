"""Repairs for people: the plan before it is applied, then one line for each problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t, tn
from swarmcache.plans.repair import Repaired
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from swarmcache.plans.plan import PutContent
    from swarmcache.plans.repair import Repair, RepairPlan, Unrepaired
    from swarmcache.report.terminal import Terminal


def plan_lines(plan: RepairPlan) -> list[str]:
    """Return what a plan will do: each repair with its bytes and their source, then the sums."""
    lines = [_planned(repair) for repair in plan.repairs if repair.steps]
    for source, size in plan.bytes_by_source.items():
        lines.append(t("{size} come from {source}.", size=human_bytes(size), source=source))
    return lines + [_other_names(step) for step in plan.contents if step.names > 1]


def _other_names(step: PutContent) -> str:
    return tn(
        "{path} has {n} more name, which keeps the old bytes.",
        "{path} has {n} more names, which keep the old bytes.",
        step.names - 1,
        path=step.location,
    )


def _planned(repair: Repair) -> str:
    size = human_bytes(sum(step.size for step in repair.contents))
    return t("To repair: {what} ({kind}), {size}", what=place(repair), kind=repair.kind, size=size)


def outcome_line(terminal: Terminal, outcome: Repaired | Unrepaired) -> str:
    """Return the line for a problem that was repaired, or why it was not."""
    what = place(outcome.repair)
    if not isinstance(outcome, Repaired):
        mark = terminal.warn if outcome.repair.optional else terminal.bad
        reason = outcome.error.message
        return f"{mark} " + t("Not repaired: {what}: {reason}", what=what, reason=reason)
    if not outcome.sources:
        return f"{terminal.ok} " + t("Repaired: {what}", what=what)
    return f"{terminal.ok} " + t(
        "Repaired: {what}, {size} from {source}",
        what=what,
        size=human_bytes(outcome.bytes_brought),
        source=", ".join(outcome.sources),
    )


def place(repair: Repair) -> str:
    """Return where a problem is: `org/name@0123456789ab path`."""
    return f"{repair.repo.at(repair.commit)} {repair.path}".rstrip()
