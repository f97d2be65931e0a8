"""`dedupe` for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.report.json import document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.plans.dedupe import DedupePlan, Left, Shared


def dedupe_document(
    plan: DedupePlan, shared: Sequence[Shared], left: Sequence[Left], *, dry_run: bool
) -> str:
    """Return the document that `schemas/dedupe.json` describes; sizes in bytes.

    `actions` are the plan's in a dry run, else those that were carried out.
    """
    freed = sum(one.freed_bytes for one in shared)
    expected = plan.freed_bytes_expected
    return document(
        "dedupe",
        dry_run=dry_run,
        caches=list(plan.caches),
        actions=_planned(plan) if dry_run else [_action(one) for one in shared],
        kept=[
            {"what": one.path, "reason": one.reason, "busy": one.busy, "wrong": one.wrong}
            for one in left
        ],
        beside=[{"kind": one.kind, "path": one.path, "bytes": one.physical} for one in plan.twins],
        layered_bytes=plan.layered_bytes,
        fixed_bytes=sum(plan.fixed_bytes.values()),
        logical_bytes=plan.logical_bytes,
        physical_bytes_before=plan.physical_bytes,
        physical_bytes_after=plan.physical_bytes - (expected if dry_run else freed),
        freed_bytes_expected=expected,
        freed_bytes=freed,
    )


def _planned(plan: DedupePlan) -> list[dict[str, object]]:
    return [
        {"kind": "share", "from": step.keeper, "to": step.location, "bytes": step.bytes}
        for step in plan.steps
    ]


def _action(one: Shared) -> dict[str, object]:
    return {"kind": one.way, "from": one.keeper, "to": one.path, "bytes": one.freed_bytes}
