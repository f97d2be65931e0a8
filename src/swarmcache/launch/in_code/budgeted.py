"""A pull within the cache's budget where nobody can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.plans.pull import apply_pull
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from swarmcache.environment import Environment
    from swarmcache.plans.clean import Cleaned
    from swarmcache.plans.pull import Pulled, PullPlan
    from swarmcache.settings import Settings
    from swarmcache.transfer.hub import Hub


def pull_within_budget(
    plan: PullPlan, hub: Hub, settings: Settings, environment: Environment
) -> list[Pulled]:
    """Carry out a pull for the project in the working directory, and return how it came out.

    Other models go for it only as the user has agreed once (`swarmcache pull`). Raises
    BudgetExceeded where more would have to go, DiskFull where the disk has no room.
    """
    budget = settings.budget
    if budget is None or not plan.fetch_bytes:
        return list(apply_pull(plan, hub))
    from swarmcache.launch.project_pins import project_pins  # noqa: PLC0415 - few have a budget
    from swarmcache.plans import evict  # noqa: PLC0415

    plan = evict.within_budget(plan, budget)
    pins = project_pins(environment.cwd, environment, settings, plan.lock)
    eviction = evict.plan_eviction(plan, budget, environment, pins)
    if eviction.plan.short:
        raise evict.beyond_budget(plan, eviction)
    if not eviction.plan.steps:
        return list(apply_pull(plan, hub))
    evict.refuse_unagreed(eviction, environment)
    cleaned: list[Cleaned] = []
    return list(evict.apply_within(plan, eviction, hub, cleaned, Silent()))
