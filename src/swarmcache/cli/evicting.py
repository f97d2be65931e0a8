"""A pull within the cache's budget: what goes for it is shown, and asked for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.cli.pinning import project_pins
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.plans.clean import Cleaned
    from swarmcache.plans.evict import Eviction
    from swarmcache.plans.pull import Pulled, PullPlan
    from swarmcache.progress import Progress
    from swarmcache.transfer.hub import Hub


def fitted(invocation: Invocation, plan: PullPlan) -> tuple[PullPlan, Eviction | None]:
    """Return a pull as the budget allows it, and what goes for it; None for nothing.

    Raises BudgetExceeded, after naming what stays and why, when too little may go.
    """
    budget = invocation.settings.budget
    if budget is None or not plan.fetch_bytes:
        return plan, None
    from swarmcache.plans.evict import beyond_budget, plan_eviction, within_budget  # noqa: PLC0415
    from swarmcache.report.clean_text import kept_lines  # noqa: PLC0415 - few pulls need room

    plan = within_budget(plan, budget)
    eviction = plan_eviction(plan, budget, invocation.environment, project_pins(invocation))
    if eviction.plan.short:
        for line in kept_lines(invocation.terminal, eviction.plan.kept):
            invocation.terminal.alert(line)
        raise beyond_budget(plan, eviction)
    return plan, eviction if eviction.plan.steps else None


def say_eviction(invocation: Invocation, eviction: Eviction, *, as_result: bool) -> None:
    """Show what goes."""
    from swarmcache.report.clean_text import plan_lines  # noqa: PLC0415 - see above
    from swarmcache.units import human_bytes  # noqa: PLC0415

    terminal = invocation.terminal
    budget = human_bytes(eviction.budget)
    say = terminal.out if as_result else terminal.say
    if eviction.first:
        say(t("To keep the cache within {budget}, before anything is fetched:", budget=budget))
    else:
        say(t("To keep the cache within {budget}, once all is fetched:", budget=budget))
    for line in plan_lines(eviction.plan):
        say(f"    {line}")


def is_wanted(invocation: Invocation, eviction: Eviction, *, yes: bool) -> bool:
    """Tell whether the user lets it go: asked once for a budget, and for each smaller one."""
    from swarmcache.cli.asking import agreed, refuse_unasked  # noqa: PLC0415 - see above
    from swarmcache.hubcache.use.evictable import agree, is_agreed  # noqa: PLC0415

    cache, environment = eviction.plan.cache, invocation.environment
    if is_agreed(cache, environment, eviction.budget):
        return True
    if not yes:
        refuse_unasked()
        if not agreed(t("Remove this now, and later models likewise to keep the budget?")):
            return False
    agree(cache, environment, eviction.budget)
    return True


def refuse_unagreed(invocation: Invocation, eviction: Eviction | None) -> None:
    """Raise BudgetExceeded where something would go that nobody has agreed to; none is asked."""
    from swarmcache.plans.evict import refuse_unagreed as refuse  # noqa: PLC0415 - see above

    if eviction is not None:
        refuse(eviction, invocation.environment)


def say_removed(invocation: Invocation, cleaned: Sequence[Cleaned]) -> None:
    """Say what has gone, and what stayed after all."""
    if not cleaned:
        return
    from swarmcache.report.clean_text import cleaned_lines  # noqa: PLC0415 - see above

    for line in cleaned_lines(invocation.terminal, cleaned):
        invocation.terminal.say(line)


def pulls(
    plan: PullPlan,
    eviction: Eviction | None,
    hub: Hub,
    cleaned: list[Cleaned],
    progress: Progress,
) -> Iterator[Pulled]:
    """Carry out a pull and what goes for it; `cleaned` gets what was removed."""
    if eviction is not None:
        from swarmcache.plans.evict import apply_within  # noqa: PLC0415 - see above

        return apply_within(plan, eviction, hub, cleaned, progress)
    from swarmcache.plans.pull import apply_pull  # noqa: PLC0415

    return apply_pull(plan, hub, progress)
