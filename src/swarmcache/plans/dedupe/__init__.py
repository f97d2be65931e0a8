"""`dedupe`: equal content of one file system is stored once, within a cache and across caches."""

from swarmcache.plans.dedupe.applying import apply_dedupe
from swarmcache.plans.dedupe.planning import plan_dedupe
from swarmcache.plans.dedupe.values import DedupePlan, Left, Shared

__all__ = ["DedupePlan", "Left", "Shared", "apply_dedupe", "plan_dedupe"]
