"""`adopt`: what another cache holds is brought into this one, without a byte from the network."""

from swarmcache.plans.adopt.applying import apply_adopt, refuse_no_room
from swarmcache.plans.adopt.giving_up import give_up_old, may_give_up
from swarmcache.plans.adopt.planning import plan_adopt
from swarmcache.plans.adopt.values import Adopted, AdoptPlan, Old

__all__ = [
    "AdoptPlan",
    "Adopted",
    "Old",
    "apply_adopt",
    "give_up_old",
    "may_give_up",
    "plan_adopt",
    "refuse_no_room",
]
