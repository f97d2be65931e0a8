"""`init --json`: the plan, or what was taken back, as a document."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from swarmcache.report.json import document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.launch.group_cache import GroupPlan
    from swarmcache.launch.init import SetupPlan, Write
    from swarmcache.plans.adopt import Adopted
    from swarmcache.project.undo import Undone


def init_document(plan: SetupPlan, adopted: Sequence[Adopted], *, dry_run: bool) -> str:
    """Return the document of a plan that was carried out, or shown."""
    content = [w.change.after for w in plan.writes if w.change.path == plan.settings]
    return document(
        "init",
        dry_run=dry_run,
        path=plan.settings,
        content=content[0].decode() if content else None,
        cache_dir=plan.folder.named,
        folder=asdict(plan.folder),
        command=plan.command,
        lines=list(plan.lines),
        changes=[_change(write) for write in plan.writes],
        made=list(plan.made),
        left=[asdict(left) for left in plan.left],
        group=None if plan.sharing is None else _group(plan.sharing),
        adopted=[_adopted(one) for one in adopted],
        undone=None,
    )


def _adopted(one: Adopted) -> dict[str, object]:
    target = one.model.target
    error = None if one.error is None else one.error.message
    return {"id": target.id, "revision": target.revision, "error": error}


def undo_document(outcomes: Sequence[Undone]) -> str:
    """Return the document of an undo."""
    return document("init", undone=[one._asdict() for one in outcomes])


def _change(write: Write) -> dict[str, object]:
    change = write.change
    return {
        "path": change.path,
        "file": change.file,
        "kind": "create" if change.before is None else "edit",
        "why": write.why,
        "diff": "\n".join(change.diff()),
    }


def _group(plan: GroupPlan) -> dict[str, object]:
    return {
        **plan._asdict(),
        "steps": [step._asdict() for step in plan.steps],
        "left": [flaw._asdict() for flaw in plan.left],
    }
