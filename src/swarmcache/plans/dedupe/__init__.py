"""`dedupe`: equal content of one file system is stored once, within a cache and across caches.

`plans.dedupe.applying` carries a plan out; planning alone must not pay for its imports.
"""

from swarmcache.plans.dedupe.places import known_to_share
from swarmcache.plans.dedupe.planning import plan_dedupe
from swarmcache.plans.dedupe.values import DedupePlan, Left, Shared

__all__ = ["DedupePlan", "Left", "Shared", "known_to_share", "plan_dedupe"]
