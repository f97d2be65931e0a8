"""Results for programs: one JSON document per command."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.errors import SwarmcacheError


def document(verb: str, /, **fields: object) -> str:
    """Return the document `swarmcache.<verb>/1` with `fields` in the order given.

    One line of ASCII, so that every stream and log carries it; sizes are integers of bytes.
    """
    content = {"schema": f"swarmcache.{verb}/1", **fields}
    return json.dumps(content, ensure_ascii=True, allow_nan=False)


def error_entry(error: SwarmcacheError | None) -> dict[str, str] | None:
    """Return an error's kind, sentence and next step; None where there is none."""
    if error is None:
        return None
    return {"kind": type(error).__name__, "message": error.message, "hint": error.hint}


def utc(timestamp: float | None) -> str | None:
    """Return seconds since the epoch as ISO 8601 in UTC, `2026-11-23T10:00:00Z`; None stays."""
    if timestamp is None:
        return None
    moment = datetime.fromtimestamp(timestamp, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
