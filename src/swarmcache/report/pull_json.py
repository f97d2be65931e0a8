"""What `swarmcache pull` tells programs: one document, or a line for each thing that happens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from swarmcache.report.json import document, error_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.plans.pull import PlannedPull, Pulled, PullPlan
    from swarmcache.report.clean_json import Removal
    from swarmcache.report.terminal import Terminal

_PAUSE = 0.5
"""Seconds at least between two lines of one task."""


def pull_document(
    plan: PullPlan, results: Sequence[Pulled], removal: Removal | None = None, *, dry_run: bool
) -> str:
    """Return the document that `schemas/pull.json` describes; `removal` is what goes for it."""
    return document(
        "pull",
        ok=all(result.ok for result in results),
        dry_run=dry_run,
        **_forecast(plan),
        eviction=removal,
        models=[entry(model, one) for model, one in zip(plan.models, results, strict=True)],
    )


class PullEvents:
    """Prints the lines that `schemas/pull-event.json` describes; a Progress."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._said: dict[str, float] = {}

    def planned(self, plan: PullPlan, removal: Removal | None, *, dry_run: bool) -> None:
        """Tell what will be done."""
        repos = [
            {"id": model.target.id, "type": model.target.type, "revision": model.target.revision}
            | {"plan": _plan(model), "error": error_entry(model.error), **_teller(model)}
            for model in plan.models
        ]
        self._say("plan", dry_run=dry_run, **_forecast(plan), eviction=removal, models=repos)

    def pulled(self, model: PlannedPull, result: Pulled) -> None:
        """Tell how one repo came out."""
        self._say("model", **entry(model, result))

    def ended(self, results: Sequence[Pulled], removal: Removal | None) -> None:
        """Tell how the whole came out: always the last line."""
        self._say("end", ok=all(result.ok for result in results), eviction=removal)

    def start(self, task: str, total: int) -> None:
        """Tell that a task begins."""
        self._totals[task], self._done[task], self._said[task] = total, 0, time.monotonic()
        self._say("start", task=task, total_bytes=total)

    def advance(self, task: str, count: int) -> None:
        """Tell how far a task is, now and then."""
        self._done[task] = self._done.get(task, 0) + count
        now = time.monotonic()
        if now - self._said.get(task, now) >= _PAUSE:
            self._said[task] = now
            self._say("progress", task=task, **self._state(task))

    def finish(self, task: str) -> None:
        """Tell that a task is over."""
        self._say("finish", task=task, **self._state(task))

    def _state(self, task: str) -> dict[str, object]:
        done, total = self._done.get(task, 0), self._totals.get(task, 0)
        return {"done_bytes": max(0, done), "total_bytes": total}

    def _say(self, event: str, **fields: object) -> None:
        self._terminal.out(document("pull-event", event=event, **fields))


def entry(model: PlannedPull, result: Pulled) -> dict[str, object]:
    """Return what the document says of one repo."""
    return {
        "id": result.target.id,
        "type": result.target.type,
        "revision": result.target.revision,
        "commit": result.commit,
        "state": result.state,
        "size_bytes": result.size,
        "files": result.files,
        "downloaded_bytes": result.downloaded_bytes,
        "resumed_bytes": result.resumed_bytes,
        "linked_bytes": result.linked_bytes,
        "copied_bytes": result.copied_bytes,
        "skipped_bytes": result.skipped_bytes,
        "source": result.source or None,
        "plan": _plan(model),
        "error": error_entry(result.error),
        **_teller(model),
    }


def _forecast(plan: PullPlan) -> dict[str, object]:
    return {
        "cache": plan.cache,
        "free_bytes": plan.free_bytes,
        "fetch_bytes": plan.fetch_bytes,
        "needed_bytes": plan.needed_bytes,
        "reserved_bytes": plan.reserved_bytes,
    }


def _plan(model: PlannedPull) -> dict[str, object]:
    return {
        "fetch": [file.path for file in model.fetch],
        "fetch_bytes": model.fetch_bytes,
        "nearby_bytes": model.nearby_bytes,
        "linkable_bytes": model.linkable_bytes,
        "resumable_bytes": model.resumable_bytes,
        "sources": list(model.sources),
        "skip": [file.path for file in (*model.left_out, *model.absent)],
    }


def _teller(model: PlannedPull) -> dict[str, object]:
    """Return who told which commit it is, and why that is a cache next door where it is one."""
    return {
        "told_by": model.listing.endpoint if model.listing is not None else None,
        "unanswered": error_entry(model.unanswered),
        "elsewhere": list(model.elsewhere),
    }
