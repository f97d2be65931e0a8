"""`adopt` as values: which revisions come from where, what cannot, and how each came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean import Kept
    from swarmcache.plans.pull import PlannedPull, PullPlan

Old: TypeAlias = Literal["keep", "link", "remove"]
"""What becomes of the old place: it stays, its repos become links to the new ones, or they go."""


class AdoptPlan(NamedTuple):
    """What an `adopt` will bring into a cache."""

    source: str
    """The cache that it comes from, by its real path."""
    pull: PullPlan
    """The revisions, as a pull that has the source's files for its only copies."""
    kept: tuple[Kept, ...]
    """What cannot come, or comes under another name, and why."""

    @property
    def repos(self) -> tuple[RepoName, ...]:
        """The repos that something comes of."""
        return tuple(dict.fromkeys(model.target.name for model in self.pull.models))


class Adopted(NamedTuple):
    """How one revision came out."""

    model: PlannedPull
    linked_bytes: int
    """Bytes that take no room: they were here already, or share it with the old place."""
    copied_bytes: int
    error: SwarmcacheError | None = None
