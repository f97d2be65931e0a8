"""`lock` for programs: `swarmcache.lock/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.report.json import document, error_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.plans.lock import LockPlan, PlannedPin
    from swarmcache.plans.stale import Stale


def plan_document(plan: LockPlan, action: str, *, written: bool, dry_run: bool) -> str:
    """Return the document for a lock that was, or would be, written; sizes in bytes."""
    return document(
        "lock",
        ok=plan.error is None,
        action=action,
        path=plan.path,
        dry_run=dry_run,
        written=written,
        models=[_pin(pin) for pin in plan.pins],
        problems=[],
    )


def check_document(path: str, stale: Sequence[Stale], *, exists: bool) -> str:
    """Return the document for `lock --check`."""
    return document(
        "lock",
        ok=exists and not any(one.matters for one in stale),
        action="check",
        path=path if exists else None,
        dry_run=True,
        written=False,
        models=[],
        problems=[_problem(one) for one in stale],
    )


def _pin(pin: PlannedPin) -> dict[str, object]:
    return {
        "id": pin.target.id,
        "type": pin.target.type,
        "revision": pin.target.revision,
        "change": pin.change,
        "commit": pin.new.commit if pin.new is not None else None,
        "previous_commit": pin.old.commit if pin.old is not None else None,
        "files": len(pin.new.files) if pin.new is not None else 0,
        "size_bytes": pin.size,
        "new_bytes": pin.new_bytes,
        "added": list(pin.added if pin.change == "moved" else ()),
        "modified": list(pin.modified if pin.change == "moved" else ()),
        "removed": list(pin.removed if pin.change == "moved" else ()),
        "source": pin.source or None,
        "error": error_entry(pin.error),
    }


def _problem(stale: Stale) -> dict[str, object]:
    return {
        "kind": stale.kind,
        "stale": stale.matters,
        "id": stale.target.id,
        "type": stale.target.type,
        "revision": stale.target.revision,
        "locked": stale.locked,
        "cached": stale.cached,
    }
