"""Which copies next door should take no further room: the forecast of what the linker then does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.hubcache.linking import may_link
from swarmcache.hubcache.tier_links import tier_link
from swarmcache.hubcache.usage import nearest_folder

if TYPE_CHECKING:
    from swarmcache.plans.pull.values import PlannedPull, PullPlan


def with_room(model: PlannedPull, plan: PullPlan) -> PlannedPull:
    """Return a repo's plan with what is told of its copies: the first of each is looked at."""
    place = nearest_folder(plan.cache)
    linkable: set[str] = set()
    unsafe: dict[str, str] = {}
    for etag, copies in model.copies.items():
        link = tier_link(copies[0], plan.cache, plan.symlinked_tiers)
        if link is not None and not link.is_safe:
            unsafe[etag] = link.tier
        if (link is not None and link.is_safe) or may_link(copies[0], place):
            linkable.add(etag)
    return replace(model, linkable=frozenset(linkable), unsafe_tiers=unsafe)
