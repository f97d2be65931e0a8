"""What a cache holds and what it costs: the values behind `status`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.complete.integrity import Missing, Outcome, Unknown, check_revision
from swarmcache.hubcache.extents import pieces
from swarmcache.hubcache.intact.blame import known_wrong
from swarmcache.hubcache.layout import folder_name
from swarmcache.hubcache.leftovers.surroundings import read_surroundings
from swarmcache.hubcache.linking import may_reflink
from swarmcache.hubcache.scan import list_cache, read_repo
from swarmcache.hubcache.use.last_use import last_used, last_uses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.complete.integrity import State
    from swarmcache.hubcache.extents import Piece
    from swarmcache.hubcache.intact.blame import Wrongs
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.problems import Problem
    from swarmcache.hubcache.scan import Blob, Leftover, LeftoverKind, Repo, Revision

_LEAST = 2**12
"""Bytes: smaller files count as their own, since asking for each takes longer than the rest."""
_WORST_FIRST: tuple[State, ...] = ("damaged", "incomplete", "unknown", "missing", "complete")


class RevisionUsage(NamedTuple):
    """One cached commit."""

    commit: str
    refs: tuple[str, ...]
    files: int
    size: int
    """Bytes of content."""
    outcome: Outcome


class RepoUsage(NamedTuple):
    """One cached repo."""

    name: RepoName
    size: int
    """Bytes of content of all its revisions; files that share a blob count once."""
    physical: int
    """Bytes allocated for it, leftovers included; links and reflinks within it count once."""
    last_used: float
    """Seconds since the epoch (last_use.py)."""
    revisions: tuple[RevisionUsage, ...]
    problems: tuple[Problem, ...]

    @property
    def state(self) -> State:
        """The worst state of the revisions that a branch or tag names, else of all.

        Where none can be seen because a folder cannot be read, nobody knows.
        """
        if len(self.revisions) == 1:
            return self.revisions[0].outcome.state
        if not self.revisions and any(problem.kind == "unreadable" for problem in self.problems):
            return Unknown.state
        named = [rev for rev in self.revisions if rev.refs] or self.revisions
        states = {revision.outcome.state for revision in named}
        return next((state for state in _WORST_FIRST if state in states), Missing.state)


class CacheUsage(NamedTuple):
    """One cache folder."""

    path: str
    repos: tuple[RepoUsage, ...]
    size: int
    """Bytes of content, each repo's added up."""
    own: Mapping[str, int]
    """Allocated bytes that only one repo folder reaches, by the folder's real path."""
    shared: Mapping[Piece, int]
    """Allocated bytes of each inode that more than one name leads to, and of each extent that
    reflinks share: here they stand once."""
    leftovers: tuple[Leftover, ...]
    problems: tuple[Problem, ...]
    """What is wrong beside the repos."""
    free: int
    """Bytes free for this user on the cache's file system."""
    writable: bool
    outside: tuple[Leftover, ...] = ()
    """Leftovers that lie beside the cache folder, and are not counted in its bytes."""
    spared: frozenset[LeftoverKind] = frozenset()
    """Kinds that are no leftovers here, since somebody still reads them."""

    @property
    def physical(self) -> int:
        """Bytes allocated; hard links, reflinks and the shared store's payloads count once."""
        return physical_bytes([self])

    def leftover_bytes(self, kind: LeftoverKind) -> int:
        """Return the allocated bytes of one kind of leftover."""
        found = [left for left in (*self.leftovers, *self.outside) if left.kind == kind]
        return 0 if kind in self.spared else sum(left.physical for left in found)


def measure_cache(
    path: str,
    environment: Environment,
    *,
    wanted: Callable[[RepoName], bool] | None = None,
    tiers: Sequence[str] = (),
) -> CacheUsage:
    """Return what the cache folder holds; with `wanted`, of the repos that it accepts.

    `environment` tells where our own state of a read-only cache lies. Links may lead into `tiers`,
    too, and what they lead to counts. Memory holds one repo's files at a time. Raises CacheNotFound
    for no such folder.
    """
    real = os.path.realpath(path)
    listing = list_cache(path)
    known, uses = known_wrong(path), last_uses(path, environment)
    repos: list[RepoUsage] = []
    own: dict[str, int] = {}
    shared: dict[Piece, int] = {}
    asks = may_reflink(real)
    leftovers: list[Leftover] = []
    for name in filter(wanted, listing.names):
        repo = read_repo(path, name, tiers)
        if repo is None:
            continue
        disk = _disk_use(repo, uses.get(folder_name(name)), asks=asks)
        repos.append(_measure_repo(repo, disk, known))
        linked = name in listing.linked
        own[os.path.realpath(repo.path) if linked else f"{real}/{folder_name(name)}"] = disk.own
        shared.update(disk.shared)
        leftovers += repo.leftovers
    around = read_surroundings(listing)
    if wanted is None:
        leftovers += around.leftovers
        for blob in around.shared:
            shared.update(_held(blob) if asks else {blob.inode: blob.physical})
    return CacheUsage(
        path,
        tuple(repos),
        sum([repo.size for repo in repos]),
        own,
        shared,
        tuple(leftovers),
        around.problems,
        free_bytes(path),
        _writable(path),
    )


def empty_cache(path: str) -> CacheUsage:
    """Return the usage of a cache folder that does not exist yet."""
    return CacheUsage(path, (), 0, {}, {}, (), (), free_bytes(path), writable=_writable(path))


def physical_bytes(caches: Iterable[CacheUsage]) -> int:
    """Return the bytes allocated for several caches; content that they share counts once."""
    own: dict[str, int] = {}
    shared: dict[Piece, int] = {}
    beside = 0
    for cache in caches:
        own.update(cache.own)
        shared.update(cache.shared)
        # Orphans are blobs, and so counted with them; other leftovers are files of their own.
        beside += sum(left.physical for left in cache.leftovers if left.kind != "orphan")
    return sum(own.values()) + sum(shared.values()) + beside


def free_bytes(path: str) -> int:
    """Return the bytes that this user may still write at `path`, or at its nearest parent."""
    found = os.statvfs(nearest_folder(path))
    return found.f_bavail * found.f_frsize


def _writable(path: str) -> bool:
    return os.access(nearest_folder(path), os.W_OK | os.X_OK)


def nearest_folder(path: str) -> str:
    """Return `path` or its nearest parent that exists."""
    while not os.path.exists(path):
        path = os.path.dirname(path) or os.curdir
    return path


class _DiskUse(NamedTuple):
    """What a repo's content takes on disk."""

    own: int
    """Allocated bytes of content that a single name leads to and nothing shares."""
    shared: dict[Piece, int]
    """Allocated bytes of all other content."""
    size: int
    """Bytes of content that revisions use."""
    used: float
    """When it was last used, in seconds since the epoch."""


def _disk_use(repo: Repo, recorded: float | None, *, asks: bool) -> _DiskUse:
    contents = repo.contents()
    orphans = {os.path.basename(left.path) for left in repo.leftovers if left.kind == "orphan"}
    own = size = 0
    shared: dict[Piece, int] = {}
    sizes: dict[tuple[int, int], int] = {}
    for blob in contents:
        name, _, length, physical, inode, links, _, _ = blob
        if asks and length >= _LEAST:
            held = _held(blob)
            physical = held.pop(inode)
            shared.update(held)
        if links == 1:
            own += physical
            size += 0 if name in orphans else length
        else:
            shared[inode] = physical
            if name not in orphans:
                sizes[inode] = length
    return _DiskUse(own, shared, size + sum(sizes.values()), last_used(recorded, contents))


def _held(blob: Blob) -> dict[Piece, int]:
    return pieces(blob.path, blob.inode, blob.physical)


def _measure_repo(repo: Repo, disk: _DiskUse, known: Wrongs) -> RepoUsage:
    beside = sum([left.physical for left in repo.leftovers if left.kind != "orphan"])
    physical = disk.own + sum(disk.shared.values()) + beside
    revisions = tuple([_measure_revision(repo, revision, known) for revision in repo.revisions])
    return RepoUsage(repo.name, disk.size, physical, disk.used, revisions, repo.problems)


def _measure_revision(repo: Repo, revision: Revision, known: Wrongs) -> RevisionUsage:
    outcome = check_revision(repo, revision, known=known)
    return RevisionUsage(revision.commit, revision.refs, len(revision.files), outcome.size, outcome)
