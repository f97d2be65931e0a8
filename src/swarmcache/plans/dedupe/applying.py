"""Carrying a dedupe out: one copy proven right, the others replaced by it, each by one rename."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.errors import AccessDenied, CacheBusy
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.state import state_folder
from swarmcache.plans.dedupe.proving import Prover
from swarmcache.plans.dedupe.replacing import shared
from swarmcache.plans.dedupe.twins import share_twins
from swarmcache.plans.dedupe.values import Group, Left, Shared
from swarmcache.plans.staging import has_leftovers, staging
from swarmcache.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.plans.dedupe.values import Copy, DedupePlan
    from swarmcache.progress import Progress


def apply_dedupe(
    plan: DedupePlan, environment: Environment, progress: Progress | None = None
) -> Iterator[Shared | Left]:
    """Carry the plan out, and yield how each file came out.

    Killed at any instant, or after a power cut, each blob is the old or the new file with the same
    content, so that no folder need be synced. A copy whose bytes are wrong is replaced and never
    kept; what changed since the plan was made stays. What could not lead to the copy that is kept
    may lead to another one, and what found the disk full has another try when something was freed.
    """
    applying = _Applying(plan, environment, progress or Silent())
    groups: Sequence[Group] = plan.groups
    stayed: dict[str, Left] = {}
    while True:
        now: dict[str, Left] = {}
        freed_bytes = 0
        for one in applying.carry_out(groups):
            if isinstance(one, Left) and one.again is not None:
                now[one.path] = one
                continue
            stayed.pop(one.path, None)
            freed_bytes += one.freed_bytes if isinstance(one, Shared) else 0
            yield one
        stayed |= now
        groups = list(_again(groups, applying.kept, now, is_room=freed_bytes > 0))
        if not groups:
            break
    yield from stayed.values()
    yield from share_twins(plan.twins)


class _Applying:
    """Carries out what one plan, or a part of it, asks for."""

    def __init__(self, plan: DedupePlan, environment: Environment, progress: Progress) -> None:
        self._caches = plan.caches
        self._environment = environment
        self._progress = progress
        self._states = {cache: state_folder(cache, environment) for cache in plan.caches}
        self._ledgers = {cache: Ledger(state) for cache, state in self._states.items()}
        self._prover = Prover(self._states, self._ledgers)

    @property
    def kept(self) -> Mapping[str, Copy]:
        """By the key of a group, the copy that is kept."""
        return self._prover.kept

    def carry_out(self, groups: Sequence[Group]) -> Iterator[Shared | Left]:
        """Prove a copy of each content, and let the others lead to it, cache by cache."""
        yield from self._prover.prove(groups, self._progress)
        for cache in self._caches:
            work = [(group, copy) for group in groups for copy in self._others(group, cache)]
            if not (work or self._is_to_sweep(cache)):
                continue
            try:
                with staging(cache, self._environment, cramped=True) as place:
                    for group, copy in work:
                        keeper, staged = self.kept[group.key], place.new_name()
                        yield shared(group, copy, keeper, staged, self._ledgers)
            except (CacheBusy, AccessDenied) as error:
                yield Left(cache, error.message, isinstance(error, CacheBusy), failed=True)
            finally:
                for ledger in self._ledgers.values():
                    ledger.flush()

    def _is_to_sweep(self, cache: str) -> bool:
        return self._states[cache].is_beside and has_leftovers(cache, self._environment)

    def _others(self, group: Group, cache: str) -> Iterator[Copy]:
        """Return the copies in one cache that are to lead to the one that is kept."""
        keeper = self.kept.get(group.key)
        others = group.others(keeper) if keeper is not None else ()
        return (copy for copy in others if copy.cache == cache)


def _again(
    groups: Sequence[Group], kept: Mapping[str, Copy], left: Mapping[str, Left], *, is_room: bool
) -> Iterator[Group]:
    """Yield what may come out better the next time, each time fewer copies."""
    for group in groups:
        waiting = [copy for copy in group.copies if _may(copy, left, "room")]
        if waiting and is_room:
            copies = (kept[group.key], *waiting)
            yield group._replace(copies=copies, shared=frozenset())
        apart = [copy for copy in group.copies if _may(copy, left, "keeper")]
        if len({copy.node for copy in apart}) > 1:
            yield group._replace(copies=tuple(apart), shared=frozenset())


def _may(copy: Copy, left: Mapping[str, Left], what: str) -> bool:
    return copy.path in left and left[copy.path].again == what
