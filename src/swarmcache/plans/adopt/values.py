"""`adopt` as values: which revisions come from where, what cannot, and how each came out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.leftovers.flat_records import FlatFile
    from swarmcache.plans.adopt.unfinished import Unfinished
    from swarmcache.plans.clean import Kept
    from swarmcache.plans.pull import PlannedPull, PullPlan

Old: TypeAlias = Literal["keep", "link", "remove"]
"""What becomes of the old place: it stays, its repos become links to the new ones, or they go."""


class AdoptPlan(NamedTuple):
    """What an `adopt` will bring into a cache."""

    source: str
    """The cache that it comes from, by its real path."""
    pull: PullPlan
    """The revisions, as a pull that has the source's files for its only copies; where a listing's
    commit is empty, only blobs come."""
    kept: tuple[Kept, ...]
    """What cannot come, or comes under another name, and why; `named` are contents of what was
    asked for."""

    repos: tuple[RepoName, ...] = ()
    """The repos of the other cache that something comes of."""
    flat: tuple[FlatFile, ...] = ()
    """The flat files of old transformers that come."""
    unfinished: tuple[Unfinished, ...] = ()
    """Unfinished downloads of the Hub's clients in those repos."""
    partials: bool = True
    """Whether unfinished downloads leave the other cache for this one."""
    archive: str | None = None
    """The tar that `source` was unpacked from and whose copy goes at once; `-` for a pipe."""

    @property
    def named(self) -> str:
        """Where it comes from, as its user knows it."""
        return self.archive or self.source

    @property
    def told(self) -> str:
        """The same inside a sentence."""
        return t("the pipe") if self.archive == "-" else self.named

    @property
    def is_whole(self) -> bool:
        """Whether all that was asked for can come."""
        return not any(one.named for one in self.kept)


class Adopted(NamedTuple):
    """How one revision came out."""

    model: PlannedPull
    linked_bytes: int
    """Bytes that take no room: they were here already, or share it with the old place."""
    copied_bytes: int
    error: SwarmcacheError | None = None
    found: Outcome | None = None
    """What the cache has of it now, as `check` tells it; None where only blobs or nothing came."""
