"""`clean` for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from swarmcache.report.json import document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmcache.plans.clean import Cleaned, CleanPlan, Kept
    from swarmcache.plans.plan import Remove

Removal: TypeAlias = "dict[str, object]"
"""What goes and what stays, as the documents of `clean` and `pull` tell it."""


def clean_document(
    plan: CleanPlan, cleaned: Sequence[Cleaned], selection: str, *, dry_run: bool
) -> str:
    """Return the document that `schemas/clean.json` describes; sizes in bytes.

    `actions` are the plan's in a dry run, else those that were carried out.
    """
    return document(
        "clean",
        dry_run=dry_run,
        cache=plan.cache,
        selection=selection,
        **removal(plan, cleaned, dry_run=dry_run),
        absent=[
            {"id": one.repo.id, "type": one.repo.type, "revision": one.revision}
            for one in plan.absent
        ],
        uninspected_processes=plan.uninspected,
        short_bytes=plan.short,
        shared_bytes=plan.shared,
    )


def removal(plan: CleanPlan, cleaned: Sequence[Cleaned], *, dry_run: bool) -> Removal:
    """Return what goes, or in a real run has gone, and what stays; sizes in bytes."""
    steps = plan.steps if dry_run else [step for one in cleaned for step in one.done]
    kept = [*plan.kept, *(reason for one in cleaned for reason in one.kept)]
    return {
        "actions": [_action(step) for step in steps],
        "kept": [_kept(one) for one in _once(kept)],
        "freed_bytes_expected": plan.freed_bytes_expected,
        "freed_bytes": sum(one.freed_bytes for one in cleaned),
    }


def _action(step: Remove) -> dict[str, object]:
    return {
        "kind": step.kind,
        "path": step.path,
        "repo": step.repo.id if step.repo is not None else None,
        "type": step.repo.type if step.repo is not None else None,
        "commit": step.commit,
        "bytes": step.bytes,
    }


def _kept(one: Kept) -> dict[str, object]:
    return {"what": one.what, "reason": one.reason, "busy": one.busy}


def _once(kept: Iterable[Kept]) -> list[Kept]:
    return list(dict.fromkeys(kept))
