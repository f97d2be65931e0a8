"""What takes the space in a cache, and what may be done about it: before anybody has wished."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from swarmcache.hubcache.usage import free_bytes
from swarmcache.plans.clean.harm import REPETITIONS, held_in
from swarmcache.plans.clean.planning import Planner
from swarmcache.plans.clean.values import LEFTOVER_KINDS, Wishes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.extents import Piece
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean.protection import Pin
    from swarmcache.plans.clean.values import LeftoverKind, Seen
    from swarmcache.plans.plan import Remove

UNUSED_SECONDS = 30 * 86400.0
"""What was not used for so long is offered as such."""

OfferKind: TypeAlias = Literal["leftovers", "repeated", "detached", "unused", "budget", "all"]


class Offer(NamedTuple):
    """One thing that may be done."""

    kind: OfferKind
    wishes: Wishes
    freed_bytes: int
    """Allocated bytes of files whose last name would go."""


class Held(NamedTuple):
    """One repo of the cache."""

    repo: RepoName
    bytes: int
    """Allocated for its files; links, reflinks and shared payloads count in each repo that has
    them."""
    since: float
    """When its newest revision came, in seconds since the epoch; 0 for none."""
    last_used: float
    """Likewise; 0 where nothing tells."""
    kept: str
    """Why it, or a revision of it, would stay; empty when all of it may go."""


class Offers(NamedTuple):
    """What takes the space, and what may go."""

    cache: str
    held_bytes: int
    """Allocated bytes of everything that is known in the cache."""
    free_bytes: int
    repos: tuple[Held, ...]
    """The largest first."""
    leftovers: Mapping[LeftoverKind, int]
    """Allocated bytes that would be freed, by kind."""
    offers: tuple[Offer, ...]
    """Those that would free something."""


def survey(  # noqa: PLR0913 - one keyword for each thing a caller may decide
    cache: str,
    environment: Environment,
    *,
    pins: Iterable[Pin] = (),
    tiers: Sequence[str] = (),
    budget: int | None = None,
    python: str | None = None,
) -> Offers:
    """Return what takes the space of a cache and what may go; nothing on disk is changed.

    `python` is the interpreter whose libraries count.

    Raises as `plan_clean` does.
    """
    planner = Planner(cache, environment, Wishes(everything=True), pins, tiers, python)
    planner.remember()
    seen = [one for name in planner.listing.names if (one := planner.look(name)) is not None]
    everything = planner.plan()
    held = held_in(planner, seen, planner.around(frozenset())).bytes
    leftovers: dict[LeftoverKind, int] = {}
    offers: list[Offer] = []
    for kind, wishes in _wishes(budget if budget is not None and held > budget else None):
        planner.wish(wishes)
        plan = planner.plan()
        if kind == "leftovers":
            leftovers = _by_kind(plan.steps)
        if plan.freed_bytes_expected:
            offers.append(Offer(kind, wishes, plan.freed_bytes_expected))
    reasons = {one.what.partition("@")[0]: one.reason for one in reversed(everything.kept)}
    repos = [_held(planner, one, reasons) for one in seen]
    repos.sort(key=lambda one: (-one.bytes, one.repo.spelled))
    free = free_bytes(planner.cache)
    return Offers(planner.cache, held, free, tuple(repos), leftovers, tuple(offers))


def _wishes(budget: int | None) -> Iterator[tuple[OfferKind, Wishes]]:
    """Yield what is offered, the least harm first."""
    models = Wishes(everything=True)
    yield "leftovers", Wishes(leftovers=frozenset(LEFTOVER_KINDS))
    yield "repeated", models._replace(formats=REPETITIONS)
    yield "detached", models._replace(detached=True)
    yield "unused", models._replace(older_than=UNUSED_SECONDS)
    if budget is not None:
        yield "budget", Wishes(budget=budget)
    yield "all", models._replace(leftovers=frozenset(LEFTOVER_KINDS))


def _held(planner: Planner, seen: Seen, reasons: Mapping[str, str]) -> Held:
    repo = seen.repo
    since = 0.0
    for revision in repo.revisions:
        with suppress(OSError):
            since = max(since, os.stat(revision.path).st_mtime)
    reason = reasons.get(repo.name.spelled, "")
    used = planner.protection.last_used(repo)
    return Held(repo.name, _allocated(planner, seen), since, used, reason)


def _allocated(planner: Planner, seen: Seen) -> int:
    """Return the allocated bytes of a repo's files, and of the shared payloads that it links."""
    sizes: dict[Piece, int] = {blob.inode: blob.physical for blob in seen.repo.blobs.values()}
    for path, found in seen.inventory.files.items():
        sizes.update(planner.holders.pieces(path, found))
    return sum(sizes.values())


def _by_kind(steps: Iterable[Remove]) -> dict[LeftoverKind, int]:
    """Return the bytes of each kind; what else goes with broken repos counts as theirs."""
    known: dict[str, LeftoverKind] = {kind: kind for kind in LEFTOVER_KINDS}
    found: dict[LeftoverKind, int] = {}
    for step in steps:
        kind = known.get(step.kind, "broken")
        found[kind] = found.get(kind, 0) + step.bytes
    return found
