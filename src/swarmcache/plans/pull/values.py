"""A pull as values: per repo what is to be done, and how it came out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swarmcache.errors import DiskFull
from swarmcache.locale import listed, t
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.complete.integrity import Outcome, State
    from swarmcache.hubcache.layout import Target
    from swarmcache.lockfile import Lock, LockedModel
    from swarmcache.transfer.listing import RemoteFile, RepoListing


@dataclass(frozen=True, slots=True)
class PlannedPull:
    """What is to be done for one repo."""

    target: Target
    found: Outcome
    """What the cache holds of it now."""
    listing: RepoListing | None = None
    """What the endpoint or a cache next door says; None for a repo that is complete, or of which
    nobody told anything."""
    fetch: tuple[RemoteFile, ...] = ()
    """Files whose bytes must be brought."""
    again: tuple[RemoteFile, ...] = ()
    """Those of `fetch` that are cached wrong and must be replaced."""
    link: tuple[RemoteFile, ...] = ()
    """Files whose bytes are cached, under another commit or name."""
    left_out: tuple[RemoteFile, ...] = ()
    """The same weights in other formats, and what `--include` and `--exclude` leave away."""
    marks: tuple[str, ...] = ()
    """Paths that the commit has not, as caches here know it, where nothing lists all of it."""
    absent: tuple[RemoteFile, ...] = ()
    """What no cache here has and loading does not need, where no endpoint answers."""
    kept_weights: tuple[str, ...] = ()
    """The weights that are fetched or cached instead."""
    copies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By etag: files of other caches on this machine that should hold the bytes."""
    plain: Mapping[str, str] = field(default_factory=dict)
    """By path: files of another cache that nothing names a hash of, and that come as they are."""
    linkable: frozenset[str] = frozenset()
    """The etags of those that should take no further room: by a reflink or a link."""
    unsafe_tiers: Mapping[str, str] = field(default_factory=dict)
    """By etag: the tier that no link leads to its content in, since this user can write there."""
    resumable: Mapping[str, int] = field(default_factory=dict)
    """By etag: bytes that an earlier, broken download has left."""
    pin: LockedModel | None = None
    """What the project's lock says of it."""
    unlocked: tuple[RemoteFile, ...] = ()
    """Files of the commit that the lock does not name: they are not fetched."""
    named: bool = False
    """Whether files were chosen by name, so that loading does not decide what is complete."""
    unanswered: SwarmcacheError | None = None
    """Why no endpoint was heard, and the listing's cache is taken at its word instead."""
    elsewhere: tuple[str, ...] = ()
    """Caches that have the revision at another commit: fetched earlier, or not complete here."""
    error: SwarmcacheError | None = None
    """Why nothing can be planned."""

    @property
    def fetch_bytes(self) -> int:
        """Bytes that must be brought; equal files once."""
        return total_bytes(self.fetch)

    @property
    def nearby_bytes(self) -> int:
        """Those of them that are copied from other caches on this machine."""
        return total_bytes(file for file in self.fetch if file.content in self.copies)

    @property
    def linkable_bytes(self) -> int:
        """Those that should take no further room."""
        return total_bytes(file for file in self.fetch if file.content in self.linkable)

    @property
    def resumable_bytes(self) -> int:
        """Those of them that an earlier, broken download has left."""
        contents = {file.content for file in self.fetch}
        return sum(count for etag, count in self.resumable.items() if etag in contents)

    @property
    def left_out_bytes(self) -> int:
        """Bytes saved by leaving files out."""
        return total_bytes(self.left_out)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to fetch or to link."""
        return not (self.fetch or self.link)

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the bytes will come from, in order: other caches' files, then the endpoint."""
        folders = dict.fromkeys(copies[0] for copies in self.copies.values())
        travels = any(file.content not in self.copies for file in self.fetch)
        endpoint = (self.listing.endpoint,) if self.listing and travels else ()
        return (*folders, *endpoint)


@dataclass(frozen=True, slots=True)
class PullPlan:
    """A pull as a value."""

    cache: str
    models: tuple[PlannedPull, ...]
    free_bytes: int
    """Free on the cache's disk, for this user."""
    all_files: bool
    lock: Lock | None = None
    """The project's; no pull moves its pins."""
    tiers: tuple[str, ...] = ()
    """Folders that the cache's links may lead into besides."""
    symlinked_tiers: tuple[str, ...] = ()
    """Those that blobs become symbolic links into, where this user cannot write."""
    reserved_bytes: int = 0
    """What downloads of other processes into this cache will still take."""

    @property
    def fetch_bytes(self) -> int:
        """Bytes that must be brought, all repos together; equal files once."""
        return total_bytes(file for model in self.models for file in model.fetch)

    @property
    def needed_bytes(self) -> int:
        """Bytes that the disk will have less: links take none, partial downloads have taken it."""
        resumable = {etag: n for model in self.models for etag, n in model.resumable.items()}
        linkable = {etag for model in self.models for etag in model.linkable}
        fetch = (file for model in self.models for file in model.fetch)
        blobs = total_bytes(file for file in fetch if file.etag and file.content not in linkable)
        rest = blobs - sum(n for etag, n in resumable.items() if etag not in linkable)
        return max(0, rest) + self._plain_bytes

    @property
    def unsafe_tiers(self) -> dict[str, int]:
        """The tiers that links may not lead into, and the bytes that take room here for that."""
        found: dict[str, list[RemoteFile]] = {}
        for model in self.models:
            for file in model.fetch:
                if (tier := model.unsafe_tiers.get(file.content)) is not None:
                    taken = [] if file.content in model.linkable else [file]
                    found.setdefault(tier, []).extend(taken)
        return {tier: total_bytes(files) for tier, files in found.items()}

    @property
    def _plain_bytes(self) -> int:
        """Bytes that plain files take; equal ones each, but those of a commit once."""
        sizes = {
            (model.target.name, model.listing.commit, file.path): file.size or 0
            for model in self.models
            for file in model.fetch
            if model.listing is not None and file.path in model.plain
        }
        return sum(sizes.values())

    @property
    def fits(self) -> bool:
        """Whether the disk has room for it."""
        return self.needed_bytes == 0 or self.needed_bytes <= self.free_bytes - self.reserved_bytes


@dataclass(frozen=True, slots=True)
class Pulled:
    """How one repo came out."""

    target: Target
    commit: str | None
    state: State
    size: int
    """Bytes cached of the revision now."""
    files: int = 0
    """How many files this pull brought."""
    downloaded_bytes: int = 0
    """Bytes that travelled."""
    resumed_bytes: int = 0
    """Bytes that an earlier, broken download had left, and that were not fetched again."""
    linked_bytes: int = 0
    """Bytes that were on this machine: under another commit, or in a cache next door."""
    copied_bytes: int = 0
    """Those of them that had to be copied, and so take room a second time."""
    skipped_bytes: int = 0
    source: str = ""
    """Where most of it came from: an endpoint or a file; empty when nothing was fetched."""
    error: SwarmcacheError | None = None

    @property
    def ok(self) -> bool:
        """Whether everything asked for is there now."""
        return self.error is None


def total_bytes(files: Iterable[RemoteFile]) -> int:
    """Return the bytes of some files, those of equal content once."""
    return sum({file.content: file.size or 0 for file in files}.values())


def as_it_is(model: PlannedPull) -> Pulled:
    """Return the outcome of doing nothing: what a dry run tells, and a repo without a listing."""
    return outcome(model, model.found, model.error)


def outcome(model: PlannedPull, found: Outcome, error: SwarmcacheError | None) -> Pulled:
    """Return how a repo came out, before anything is counted."""
    return Pulled(
        model.target,
        found.commit,
        found.state,
        found.size,
        skipped_bytes=model.left_out_bytes,
        error=error,
    )


def not_enough_room(plan: PullPlan) -> DiskFull:
    """Return the error for a plan that does not fit."""
    needed, free = human_bytes(plan.needed_bytes), human_bytes(plan.free_bytes)
    if plan.reserved_bytes:
        message = t(
            "The disk of {path} has {free} free, {reserved} of it for other downloads under way, "
            "and {needed} are needed.",
            path=plan.cache,
            free=free,
            reserved=human_bytes(plan.reserved_bytes),
            needed=needed,
        )
    else:
        message = t(
            "The disk of {path} has {free} free, and {needed} are needed.",
            path=plan.cache,
            free=free,
            needed=needed,
        )
    short = human_bytes(plan.needed_bytes + plan.reserved_bytes)
    return DiskFull(message, hint=f"swarmcache clean --free {short.replace(' ', '')} --dry-run")


def what_is_left_out(model: PlannedPull) -> str:
    """Return one translated sentence on the formats left out, or nothing."""
    if not model.left_out or not model.kept_weights:
        return ""
    names = two_of([file.path for file in model.left_out])
    return t(
        "Leaves out {names}, {size}: {kept} holds the same weights.",
        names=names,
        size=human_bytes(model.left_out_bytes),
        kept=two_of(model.kept_weights),
    )


def two_of(paths: Sequence[str]) -> str:
    """Return two of some paths as an example."""
    return listed(paths[:2]) + (" …" if len(paths) > 2 else "")  # noqa: PLR2004 - two are an example
