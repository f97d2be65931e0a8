"""Where a lock has gone stale: what disagrees between lock, project and cache, told offline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from swarmcache.hubcache.layout import is_commit
from swarmcache.hubcache.refs import in_full, read_ref
from swarmcache.plans.lock import target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.lockfile import Lock, LockedModel

StaleKind = Literal["not-locked", "ref-moved", "not-needed"]


@dataclass(frozen=True, slots=True)
class Stale:
    """A point in which lock, project and cache disagree."""

    kind: StaleKind
    target: Target
    locked: str | None = None
    """The locked commit."""
    cached: str | None = None
    """The commit that the cache's ref leads to, where it is another one."""

    @property
    def matters(self) -> bool:
        """Whether the lock is stale for it; a model that is no longer needed does no harm."""
        return self.kind != "not-needed"


def find_stale(
    lock: Lock | None, needed: Sequence[Target], cache: str, *, whole: bool = True
) -> tuple[Stale, ...]:
    """Return where the lock, the needed models and the cache's refs disagree; offline.

    With `whole`, `needed` is all that the project loads, so that the lock may name too much.
    """
    models = lock.models if lock is not None else ()
    needed = [in_full(target, cache) for target in needed]
    absent = [Stale("not-locked", one) for one in needed if lock is None or lock.find(one) is None]
    concerned = [m for m in models if whole or any(_is_of(m, one) for one in needed)]
    moved = [found for model in concerned if (found := _moved_ref(model, cache))]
    unneeded = [
        Stale("not-needed", target_of(model), model.commit)
        for model in (models if whole else ())
        if not any(_is_of(model, one) for one in needed)
    ]
    return (*absent, *moved, *unneeded)


def _is_of(model: LockedModel, target: Target) -> bool:
    same_repo = (model.type, model.id) == (target.type, target.id)
    return same_repo and target.revision in {model.revision, model.commit}


def _moved_ref(model: LockedModel, cache: str) -> Stale | None:
    target = target_of(model)
    held = read_ref(cache, target.name, target.revision)
    if is_commit(target.revision) or held in {None, model.commit}:
        return None
    return Stale("ref-moved", target, model.commit, held)
