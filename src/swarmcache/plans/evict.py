"""Room for a pull within the cache's budget: what goes for it, and when.

Only commits that swarmcache brought go, of models that nobody needs or uses, the least recently
used first. Where the disk has room for both, they go after the pull is published.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import BudgetExceeded
from swarmcache.hubcache.usage import free_bytes
from swarmcache.hubcache.use.evictable import fetched_commits, is_agreed
from swarmcache.locale import t
from swarmcache.plans.clean import CleanPlan, Wishes, plan_clean
from swarmcache.plans.clean.applying import apply_clean
from swarmcache.plans.pull import apply_pull
from swarmcache.plans.pull.values import not_enough_room, total_bytes
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean import Cleaned, Pin
    from swarmcache.plans.clean.values import Group
    from swarmcache.plans.pull import PlannedPull, Pulled, PullPlan
    from swarmcache.progress import Progress
    from swarmcache.transfer.hub import Hub
    from swarmcache.transfer.listing import RemoteFile

_BLOCK = 4096
_MANIFEST_LINE = 256
"""Bytes, about, that the list of a commit's files has for each of them."""


class Eviction(NamedTuple):
    """What a pull takes away to keep the budget."""

    budget: int
    """Bytes that the cache may hold."""
    plan: CleanPlan
    pins: tuple[Pin, ...]
    first: bool
    """Whether it goes before the pull, since the disk has no room for both."""


def within_budget(pull: PullPlan, budget: int) -> PullPlan:
    """Return the pull without the models that alone are larger; each of them has its error."""
    large = [model for model in pull.models if model.fetch and _whole(model) > budget]
    models = [_refused(one, budget) if one in large else one for one in pull.models]
    return replace(pull, models=tuple(models))


def plan_eviction(
    pull: PullPlan, budget: int, environment: Environment, pins: Sequence[Pin]
) -> Eviction:
    """Return what goes for a pull, perhaps nothing; nothing on disk is changed.

    `pins` are what the project at hand needs. Where too little may go, its plan is `short`. Raises
    DiskFull where even then the disk has no room.
    """
    plan = _planned(pull, budget - _growth(pull), environment, pins, _candidates(pull, environment))
    roomier = replace(pull, free_bytes=pull.free_bytes + plan.freed_bytes_expected)
    if not roomier.fits:
        raise not_enough_room(pull)
    return Eviction(budget, plan, tuple(pins), first=bool(plan.steps) and not pull.fits)


def beyond_budget(pull: PullPlan, eviction: Eviction) -> BudgetExceeded:
    """Return the error for a pull of which the eviction's plan is short."""
    rest = eviction.budget - _growth(pull)
    message = t(
        "The cache {path} may hold {budget} (cache.budget); with what is to be fetched it would"
        " hold {short} more than that after everything went that may go by itself.",
        path=pull.cache,
        budget=human_bytes(eviction.budget),
        short=human_bytes(eviction.plan.short),
    )
    if rest <= 0:
        return BudgetExceeded(message, hint="swarmcache env --explain")
    return BudgetExceeded(message, hint=f"swarmcache clean --budget {rest // 10**6}MB --dry-run")


def refuse_unagreed(eviction: Eviction, environment: Environment) -> None:
    """Raise BudgetExceeded where something would go that nobody has agreed to; none is asked."""
    if not is_agreed(eviction.plan.cache, environment, eviction.budget):
        raise BudgetExceeded(
            t("Other models would have to go to keep cache.budget; `swarmcache pull` asks once."),
            hint="swarmcache pull",
        )


def apply_within(
    pull: PullPlan, eviction: Eviction, hub: Hub, cleaned: list[Cleaned], progress: Progress
) -> Iterator[Pulled]:
    """Carry out a pull and what goes for it; yield how each repo came out, in the plan's order.

    `cleaned` gets what was removed. After the pull only so much goes as the cache is really too
    large, and nothing that the eviction does not name.
    """
    environment = hub.environment
    if eviction.first:
        cleaned += apply_clean(eviction.plan, environment)
        pull = replace(pull, free_bytes=free_bytes(pull.cache))
    yield from apply_pull(pull, hub, progress)
    if eviction.plan.steps:
        pins, candidates = eviction.pins, _candidates(pull, environment)
        now = _planned(pull, eviction.budget, environment, pins, candidates)
        cleaned += apply_clean(_only_shown(now, eviction.plan), environment)


def _planned(
    pull: PullPlan,
    budget: int,
    environment: Environment,
    pins: Iterable[Pin],
    evictable: Mapping[RepoName, frozenset[str]],
) -> CleanPlan:
    if not os.path.isdir(pull.cache):
        return CleanPlan(pull.cache, (), (), short=max(0, -budget))
    linked = frozenset(_linked_here(pull).values())
    wishes = Wishes(budget=budget, evictable=evictable, linked=linked)
    return plan_clean(pull.cache, environment, wishes, pins=pins, tiers=pull.tiers)


def _candidates(pull: PullPlan, environment: Environment) -> dict[RepoName, frozenset[str]]:
    """Return the commits that may go; never one of a repo that is pulled."""
    pulled = {model.target.name for model in pull.models}
    found = fetched_commits(pull.cache, environment)
    return {repo: commits for repo, commits in found.items() if repo not in pulled}


def _linked_here(pull: PullPlan) -> dict[str, str]:
    """Return by etag the files of this very cache that get another name: it holds them already."""
    here = f"{pull.cache}/"
    return {
        etag: model.copies[etag][0]
        for model in pull.models
        for etag in model.linkable.intersection(model.copies)
        if model.copies[etag][0].startswith(here)
    }


def _only_shown(plan: CleanPlan, shown: CleanPlan) -> CleanPlan:
    """Return what of a plan goes by the plan that the user was shown."""
    paths = {step.path for step in shown.steps}

    def is_shown(group: Group) -> bool:
        places = [PurePath(step.path) for step in group.steps]
        return all(paths.intersection(map(str, (one, *one.parents))) for one in places)

    return plan._replace(groups=tuple(filter(is_shown, plan.groups)))


def _growth(pull: PullPlan) -> int:
    """Return the bytes that the cache will allocate for what is fetched."""
    here = _linked_here(pull)
    fetch = [file for model in pull.models for file in model.fetch if file.content not in here]
    lists = sum(_allocated(_MANIFEST_LINE * len(m.listing.files)) for m in pull.models if m.listing)
    return sum(map(_allocated, _sizes(fetch).values())) + lists


def _whole(model: PlannedPull) -> int:
    """Return the bytes of all files of a model that are wanted."""
    left_out = {file.path for file in model.left_out}
    files = model.listing.files if model.listing is not None else ()
    return total_bytes(file for file in files if file.path not in left_out)


def _refused(model: PlannedPull, budget: int) -> PlannedPull:
    message = t(
        "{size} are needed, and the cache may hold {budget} (cache.budget).",
        size=human_bytes(_whole(model)),
        budget=human_bytes(budget),
    )
    error = BudgetExceeded(message, hint="swarmcache env --explain")
    return replace(model, listing=None, fetch=(), again=(), link=(), error=error)


def _sizes(files: Iterable[RemoteFile]) -> dict[str, int]:
    return {file.content: file.size or 0 for file in files}


def _allocated(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
