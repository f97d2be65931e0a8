"""`pull`: what will be fetched, left out and kept, as a value; and carrying it out."""

from swarmcache.plans.pull.applying import apply_pull
from swarmcache.plans.pull.planning import plan_pull
from swarmcache.plans.pull.values import PlannedPull, Pulled, PullPlan

__all__ = ["PlannedPull", "PullPlan", "Pulled", "apply_pull", "plan_pull"]
