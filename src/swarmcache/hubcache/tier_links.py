"""Symbolic links into tiers: which content they may lead to.

Clients of the Hub up to 1.31 take the end of all links for a revision's blob, and remove that when
they prune or delete the revision. So a link is made only where this user can remove nothing:
another account's folder, a read-only mount. What they remove of an image's layer is gone in one
container alone, and stays in the image.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.folder import lies_in, stays_inside
from swarmcache.hubcache.layers import is_layered

if TYPE_CHECKING:
    from collections.abc import Sequence


class TierLink(NamedTuple):
    """How a cache may lead to a content that lies in a tier."""

    tier: str
    target: str
    """What the link says, absolute: below the tier as the settings name it, which may be a link to
    the newest of several folders."""
    is_safe: bool
    """Whether no client that this user runs can remove the content through it."""


def tier_link(source: str, cache: str, tiers: Sequence[str]) -> TierLink | None:
    """Return how a cache may lead to a file; None for one that lies in none of the tiers.

    Nor does what lies in the cache itself, whatever folder a tier names: a link there would break
    when the repo goes that it leads to.
    """
    real = os.path.realpath(source)
    tier = lies_in(real, tiers)
    if tier is None or stays_inside(real, cache):
        return None
    is_safe = not os.access(os.path.dirname(real), os.W_OK) or is_layered(real)
    below = os.path.relpath(real, os.path.realpath(tier))
    return TierLink(tier, os.path.join(tier, below), is_safe)
