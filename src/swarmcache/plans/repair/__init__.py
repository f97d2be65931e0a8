"""`verify --repair`: only what was proven wrong, fetched, verified, and renamed into place."""

from swarmcache.plans.repair.applying import apply_repair
from swarmcache.plans.repair.planning import plan_repair
from swarmcache.plans.repair.values import Repair, Repaired, RepairPlan, Unrepaired

__all__ = ["Repair", "RepairPlan", "Repaired", "Unrepaired", "apply_repair", "plan_repair"]
