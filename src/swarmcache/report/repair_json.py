"""Repairs for programs: the fields that `--repair` adds to `swarmcache.verify/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.plans.repair.values import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.plans.repair import Repair, Repaired, RepairPlan, Unrepaired


def repair_fields(
    plans: Iterable[RepairPlan],
    repaired: Iterable[Repaired],
    unrepaired: Iterable[Unrepaired],
    *,
    dry_run: bool,
) -> dict[str, object]:
    """Return what was planned, and how it came out; sizes in bytes."""
    return {
        "dry_run": dry_run,
        "plan": [_planned(repair) for plan in plans for repair in plan.repairs if repair.steps],
        "repaired": [_repaired(outcome) for outcome in repaired],
        "unrepaired": [_unrepaired(outcome) for outcome in unrepaired],
    }


def _planned(repair: Repair) -> dict[str, object]:
    sources = dict.fromkeys(origin_of(step.source) for step in repair.contents)
    return {
        **_where(repair),
        "bytes": sum(step.size for step in repair.contents),
        "sources": list(sources),
    }


def _repaired(outcome: Repaired) -> dict[str, object]:
    return {
        **_where(outcome.repair),
        "bytes": outcome.bytes_brought,
        "sources": list(outcome.sources),
    }


def _unrepaired(outcome: Unrepaired) -> dict[str, object]:
    return {
        **_where(outcome.repair),
        "error": type(outcome.error).__name__,
        "reason": outcome.error.message,
        "hint": outcome.error.hint,
    }


def _where(repair: Repair) -> dict[str, object]:
    return {
        "repo": repair.repo.id,
        "type": repair.repo.type,
        "commit": repair.commit,
        "path": repair.path,
        "kind": repair.kind,
    }
