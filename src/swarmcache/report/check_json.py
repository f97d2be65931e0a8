"""One model of `check` for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target


def model_entry(target: Target, outcome: Outcome) -> dict[str, object]:
    """Return what a document says of one model."""
    return {
        "id": target.id,
        "type": target.type,
        "revision": target.revision,
        "commit": outcome.commit,
        "state": outcome.state,
        "missing": list(outcome.missing),
        "damaged": list(outcome.damaged),
        "reason": outcome.reason,
        "size_bytes": outcome.size,
        "snapshot": outcome.snapshot,
    }
