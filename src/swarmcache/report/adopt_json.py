"""`adopt` for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.report.json import document, error_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.plans.adopt import Adopted, AdoptPlan
    from swarmcache.plans.adopt.unfinished import Unfinished
    from swarmcache.plans.clean import Cleaned
    from swarmcache.plans.pull import PlannedPull


def adopt_document(
    plan: AdoptPlan,
    adopted: Sequence[Adopted],
    cleaned: Sequence[Cleaned],
    *,
    dry_run: bool,
    shared: bool = False,
) -> str:
    """Return the document that `schemas/adopt.json` describes; sizes in bytes.

    `old` is what was removed of the old place; of what is `shared` with the new one nobody knows
    what it frees.
    """
    outcomes = {id(one.model): one for one in adopted}
    return document(
        "adopt",
        ok=plan.is_whole and all(one.error is None for one in adopted),
        dry_run=dry_run,
        source=plan.named,
        cache=plan.pull.cache,
        models=[_entry(model, outcomes.get(id(model))) for model in plan.pull.models],
        kept=[{"what": one.what, "reason": one.reason} for one in plan.kept],
        unfinished=[_unfinished(one, plan) for one in plan.unfinished],
        needed_bytes=plan.pull.needed_bytes,
        old=_old(cleaned, shared=shared),
    )


def _entry(model: PlannedPull, one: Adopted | None) -> dict[str, object]:
    return {
        "id": model.target.id,
        "type": model.target.type,
        "revision": model.target.revision,
        "commit": (model.listing.commit or None) if model.listing else None,
        "files": len(model.fetch) + len(model.link),
        "plain": len(model.plain),
        "bytes": model.fetch_bytes,
        "linked_bytes": one.linked_bytes if one is not None else 0,
        "copied_bytes": one.copied_bytes if one is not None else 0,
        "state": one.found.state if one is not None and one.found is not None else None,
        "error": error_entry(one.error if one is not None else None),
    }


def _unfinished(one: Unfinished, plan: AdoptPlan) -> dict[str, object]:
    return {
        "id": one.repo.id,
        "type": one.repo.type,
        "path": one.path,
        "bytes": one.size,
        "comes": plan.partials and one.goes_on,
    }


def _old(cleaned: Sequence[Cleaned], *, shared: bool) -> dict[str, object]:
    """Return what was removed: its blocks are what it frees at most, reflinks being in no count."""
    steps = [step for one in cleaned for step in one.done]
    kept = [reason for one in cleaned for reason in one.kept]
    freed = sum(one.freed_bytes for one in cleaned)
    return {
        "removed": [step.path for step in steps],
        "kept": [{"what": one.what, "reason": one.reason} for one in kept],
        "freed_bytes": None if shared and freed else freed,
    }
