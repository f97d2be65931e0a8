"""SC704: what dead downloads, old layouts and switched-off chunk caches have left in the cache.

It is what `swarmcache clean --leftovers` would take: partial files without an owner, content that
no revision needs, chunk caches, folders of old layouts, and soft locks whose owner is proven dead,
for which other programs wait for ever. Kernel lock files are no leftovers, and are never named.

What it cannot know: whether an owner on another machine lives; such a lock is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.caches import caches_here, for_cache
from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.errors import HubCacheError
from swarmcache.locale import listed, t, tn
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.plans.plan import Remove

_LEAST = 2**20
"""Bytes; less is not worth a line."""


def check(case: Case) -> Iterator[Finding]:
    """Find dead locks, then what takes space, in each cache."""
    from swarmcache.plans.clean import LEFTOVER_KINDS, Wishes, plan_clean  # noqa: PLC0415 - slow

    for cache in caches_here(case):
        wishes = Wishes(leftovers=frozenset(LEFTOVER_KINDS))
        try:
            plan = plan_clean(
                cache,
                case.node.environment,
                wishes,
                tiers=case.tiers,
                python=case.node.libraries.python,
            )
        except (HubCacheError, OSError):
            continue  # What cannot be read is for SC702 to tell.
        locks = [step for step in plan.steps if step.kind == "locks"]
        others = [step for step in plan.steps if step.kind != "locks"]
        if locks:
            yield _locks(locks, cache, case)
        if plan.freed_bytes_expected >= _LEAST:
            yield _bytes(others, plan.freed_bytes_expected, cache, case)


def _locks(steps: list[Remove], cache: str, case: Case) -> Finding:
    message = tn(
        "{n} lock in {cache} belongs to a process that is dead: who wants that file waits for"
        " ever. It is {path}.",
        "{n} locks in {cache} belong to processes that are dead: who wants those files waits for"
        " ever. The first is {path}.",
        len(steps),
        cache=cache,
        path=steps[0].path,
    )
    fix = Fix("display", for_cache("swarmcache clean --leftovers=locks", cache, case))
    return RULE.finding(t("locks of dead processes"), message, None, fix=fix, severity="warning")


def _bytes(steps: list[Remove], freed: int, cache: str, case: Case) -> Finding:
    kinds: dict[str, int] = {}
    for step in steps:
        kinds[step.kind] = kinds.get(step.kind, 0) + step.bytes
    most = sorted(kinds, key=lambda kind: -kinds[kind])
    message = t(
        "{size} in {cache} belong to no revision: {kinds}.",
        size=human_bytes(freed),
        cache=cache,
        kinds=listed(f"{kind} {human_bytes(kinds[kind])}" for kind in most if kinds[kind]),
    )
    fix = Fix("display", for_cache("swarmcache clean --leftovers", cache, case))
    return RULE.finding(t("leftovers that nothing needs"), message, None, fix=fix)


RULE = Rule("SC704", "stale-leftovers", "info", "high", check)
