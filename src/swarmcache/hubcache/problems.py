"""What in a cache folder is not as the layout says."""

from __future__ import annotations

from typing import Literal, NamedTuple

from swarmcache.locale import t

ProblemKind = Literal[
    "broken-link", "outside-link", "dangling-ref", "bad-ref", "foreign-file", "unreadable"
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


def unreadable(path: str, error: OSError) -> Problem:
    """Return that the system refused to show what is at `path`."""
    reason = error.strerror or str(error)
    message = t("{path} cannot be read: {reason}.", path=path, reason=reason)
    return Problem("unreadable", path, message)
