"""What in a cache folder is not as the layout says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from swarmcache.errors import os_reason
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.hubcache.folder import Lost

ProblemKind = Literal[
    "broken-link",
    "lost-tier",
    "outside-link",
    "dangling-ref",
    "bad-ref",
    "foreign-file",
    "unreadable",
]


class Problem(NamedTuple):
    """Something in a cache that is not as the layout says."""

    kind: ProblemKind
    path: str
    message: str


def foreign(path: str) -> Problem:
    """Return that no client of the Hub puts anything at `path`."""
    message = t("{path} is not of the Hub's layout and is left alone.", path=path)
    return Problem("foreign-file", path, message)


def lost_tier(path: str, tier: str, lost: Lost) -> Problem:
    """Return that a link leads into a tier that gives nothing now."""
    message = t(
        "{path} leads into the tier {tier}, which is not there: mount it, or `swarmcache pull`.",
        path=path,
        tier=tier,
    )
    if lost == "closed":
        message = t(
            "{path} leads into the tier {tier}, which this user cannot read.", path=path, tier=tier
        )
    return Problem("lost-tier", path, message)


def unreadable(path: str, error: OSError) -> Problem:
    """Return that the system refused to show what is at `path`."""
    reason = os_reason(error)
    message = t("{path} cannot be read: {reason}.", path=path, reason=reason)
    return Problem("unreadable", path, message)
