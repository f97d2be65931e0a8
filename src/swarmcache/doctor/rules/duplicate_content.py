"""SC705: equal bytes stored several times: in several caches, or as another format.

Across all caches known on this machine blobs are compared by the hash in their name, as `swarmcache
dedupe` does; nothing is read. In the project's own caches weights are named that repeat complete
safetensors (`pytorch_model.bin` and its kind).

What it cannot know: content under names that are no hashes; and whether somebody needs the other
format.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from swarmcache.doctor.caches import caches_here, for_cache
from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.errors import HubCacheError
from swarmcache.locale import listed, t
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding

_LEAST = 10 * 2**20
"""Bytes; less is not worth a line."""


def check(case: Case) -> Iterator[Finding]:
    """Find what a dedupe would share, then the other formats of each cache."""
    here = caches_here(case)
    yield from _shared(case, here)
    for cache in here:
        yield from _formats(case, cache)


def _shared(case: Case, here: tuple[str, ...]) -> Iterator[Finding]:
    here = tuple(cache for cache in here if os.access(cache, os.R_OK | os.X_OK))
    if not here:
        return  # What cannot be read is for SC702 to tell.
    from swarmcache.plans.dedupe import known_to_share, plan_dedupe  # noqa: PLC0415 - slow

    environment = case.node.environment
    known = known_to_share(environment, case.tiers)
    caches = list(dict.fromkeys((*here, *known.caches)))
    try:
        plan = plan_dedupe(caches, environment, case.tiers)
    except (HubCacheError, OSError):
        return
    if plan.freed_bytes_expected < _LEAST:
        return
    sharing = list(dict.fromkeys(copy.cache for group in plan.groups for copy in group.copies))
    repos = dict.fromkeys(copy.repo.id for group in plan.groups for copy in group.copies)
    message = t(
        "{size} are stored more than once in {caches}: {repos}.",
        size=human_bytes(plan.freed_bytes_expected),
        caches=listed(sharing),
        repos=listed(list(repos)[:4]),
    )
    fix = Fix("display", _command(here, sharing))
    yield RULE.finding(t("equal content stored several times"), message, None, fix=fix)


def _command(here: Sequence[str], sharing: Sequence[str]) -> str:
    """Return the dedupe of these caches: the project's by name, which nothing else may know."""
    mine = [cache for cache in here if os.path.realpath(cache) in sharing]
    others = set(sharing).difference(map(os.path.realpath, mine))
    return shlex.join(["swarmcache", "dedupe", *mine, *(["--all-known"] if others else [])])


def _formats(case: Case, cache: str) -> Iterator[Finding]:
    from swarmcache.plans.clean import Wishes, plan_clean  # noqa: PLC0415 - slow

    wishes = Wishes(everything=True, formats=frozenset({"pickle", "tensorflow", "flax"}))
    try:
        plan = plan_clean(cache, case.node.environment, wishes, tiers=case.tiers)
    except (HubCacheError, OSError):
        return
    if plan.freed_bytes_expected < _LEAST:
        return
    repos = [group.repo.id for group in plan.groups if group.repo is not None]
    message = t(
        "{size} in {cache} are weights in other formats beside complete safetensors: {repos}.",
        size=human_bytes(plan.freed_bytes_expected),
        cache=cache,
        repos=listed(repos[:4]),
    )
    formats = "--format bin --format h5 --format msgpack"
    fix = Fix("display", for_cache(f"swarmcache clean --all {formats}", cache, case))
    yield RULE.finding(t("weights in several formats"), message, None, fix=fix)


RULE = Rule("SC705", "duplicate-content", "info", "high", check)
