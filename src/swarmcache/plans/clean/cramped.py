"""The trash of a disk without one free block: what goes is renamed in a folder that is there."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.drafts import draft_name
from swarmcache.hubcache.layout import LOCKS, is_commit
from swarmcache.hubcache.mounts import mounted_in, mounts_below
from swarmcache.plans.clean.asides import WHOLE, new_aside, strangers_at
from swarmcache.plans.clean.trash import Trash, refuse_odd_trash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.plans.clean.asides import Aside
    from swarmcache.plans.clean.holders import Holders
    from swarmcache.plans.plan import Remove

_NAMES = frozenset({"repo", "ref", "revision", "file"})
"""Kinds of removals after which nothing names what the others take."""


class CrampedTrash(Trash):
    """The trash of a disk so full that no folder can be made: each thing becomes an aside.

    A rename takes no room there but that of a name, so that contents go one by one.
    """

    def __init__(
        self, folder: str, cache: str, holders: Holders, tiers: Sequence[str] = ()
    ) -> None:
        """As Trash, but the folder may not exist."""
        super().__init__(folder, cache, holders, tiers)
        self._own: dict[str, Aside] = {}
        """By the path where it stood."""

    def take(self, path: str, group: str) -> None:
        """As Trash; a snapshot of links and files stays, since its manifest goes before it."""
        one = self._own.setdefault(path, new_aside(self._cache, path, group))
        part = one.part
        if part != WHOLE and strangers_at(path, group, part, self._cache, self._tiers):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        super().take(path, group)
        self._asides.append(one)

    def strangers(self, group: str) -> tuple[str, ...]:
        """As Trash."""
        found = []
        for path, one in self._standing(group):
            inside = one.strangers(self._cache, self._tiers)
            found += [f"{path}{name.removeprefix(one.path)}" for name in inside]
        return tuple(found)

    def mounted(self, group: str) -> str | None:
        """As Trash."""
        mounts = mounts_below(self._cache)
        points = [mounted_in(one.path, mounts) for _, one in self._standing(group)]
        return next((point for point in points if point is not None), None)

    def batches(self, steps: Sequence[Remove]) -> list[Sequence[Remove]]:
        """Return first what names contents, together; then each other one, for want of room."""
        names = [step for step in steps if step.kind in _NAMES]
        return [names, *([step] for step in steps if step.kind not in _NAMES)]

    def settle(self, paths: Sequence[str]) -> None:
        """Delete all but snapshots, which tell what a killed clean had begun."""
        for path in paths:
            one = self._own.get(path)
            if one is not None and not (one.part == WHOLE or is_commit(one.part)):
                self._delete(one.path, one.group, one.part)

    def _standing(self, group: str) -> list[tuple[str, Aside]]:
        """Return what of a group was taken and not deleted, by where it stood."""
        own = [(path, one) for path, one in self._own.items() if one.group == group]
        return [(path, one) for path, one in own if os.path.lexists(one.path)]

    def _refuse_odd(self, folder: str, cache: str) -> None:
        for one in (f"{cache}/{LOCKS}", folder):
            if os.path.lexists(one):
                refuse_odd_trash(one, cache)

    def _scratch(self, name: str) -> str:
        return draft_name(f"{self._cache}/{LOCKS}/{os.path.basename(name)}")

    def _place(self, path: str, group: str) -> str:
        del group
        return self._own[path].path if path in self._own else ""
