"""`clean`: what is known, unused and recoverable goes, by a plan that is shown first.

`plans.clean.applying` carries a plan out; planning alone must not pay for its imports.
"""

from swarmcache.plans.clean.planning import plan_clean
from swarmcache.plans.clean.protection import Pin
from swarmcache.plans.clean.values import (
    LEFTOVER_KINDS,
    Cleaned,
    CleanPlan,
    Kept,
    LeftoverKind,
    Named,
    Wishes,
)

__all__ = [
    "LEFTOVER_KINDS",
    "CleanPlan",
    "Cleaned",
    "Kept",
    "LeftoverKind",
    "Named",
    "Pin",
    "Wishes",
    "plan_clean",
]
