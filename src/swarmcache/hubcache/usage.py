"""What a cache holds and what it costs: the values behind `status`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.hubcache.integrity import Missing, Outcome, check_revision, revision_size
from swarmcache.hubcache.scan import iter_repos, read_surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmcache.hubcache.integrity import State
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Blob, Leftover, Problem, Repo, Revision

_WORST_FIRST: tuple[State, ...] = ("damaged", "incomplete", "unknown", "missing", "complete")


@dataclass(frozen=True, slots=True)
class RevisionUsage:
    """One cached commit."""

    commit: str
    refs: tuple[str, ...]
    files: int
    size: int
    """Bytes of content."""
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RepoUsage:
    """One cached repo."""

    name: RepoName
    size: int
    """Bytes of content of all its revisions; files that share a blob count once."""
    physical: int
    """Bytes allocated for it, leftovers included; hard links within the repo count once."""
    last_used: float
    """Seconds since the epoch, by the files' access time; coarse at best."""
    revisions: tuple[RevisionUsage, ...]
    problems: tuple[Problem, ...]

    @property
    def state(self) -> State:
        """The worst state of the revisions that a branch or tag names, else of all."""
        named = [rev for rev in self.revisions if rev.refs] or self.revisions
        states = {revision.outcome.state for revision in named}
        return next((state for state in _WORST_FIRST if state in states), Missing.state)


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """One cache folder."""

    path: str
    repos: tuple[RepoUsage, ...]
    size: int
    """Bytes of content, each repo's added up."""
    physical: int
    """Bytes allocated; hard links and the shared store's payloads count once."""
    leftovers: tuple[Leftover, ...]
    problems: tuple[Problem, ...]
    """What is wrong beside the repos."""
    free: int
    """Bytes free for this user on the cache's file system."""
    writable: bool

    def leftover_bytes(self, kind: str) -> int:
        """Return the allocated bytes of one kind of leftover."""
        return sum(left.physical for left in self.leftovers if left.kind == kind)


def measure_cache(path: str, *, wanted: Callable[[RepoName], bool] | None = None) -> CacheUsage:
    """Return what the cache folder holds; with `wanted`, of the repos that it accepts.

    Memory holds one repo's files at a time. Raises CacheNotFound for no such folder.
    """
    inodes: dict[tuple[int, int], int] = {}
    repos: list[RepoUsage] = []
    leftovers: list[Leftover] = []
    for repo in iter_repos(path, wanted=wanted):
        repos.append(_measure_repo(repo, inodes))
        leftovers += repo.leftovers
    around = read_surroundings(path)
    if wanted is None:
        leftovers += around.leftovers
        inodes.update((blob.inode, blob.physical) for blob in around.shared)
    # Orphans are blobs, and so counted as inodes; the other leftovers are files of their own.
    physical = sum(inodes.values()) + sum(x.physical for x in leftovers if x.kind != "orphan")
    return CacheUsage(
        path,
        tuple(repos),
        sum(repo.size for repo in repos),
        physical,
        tuple(leftovers),
        around.problems,
        free_bytes(path),
        os.access(path, os.W_OK | os.X_OK),
    )


def free_bytes(path: str) -> int:
    """Return the bytes that this user may still write at `path`, or at its nearest parent."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _measure_repo(repo: Repo, inodes: dict[tuple[int, int], int]) -> RepoUsage:
    blobs = {blob.inode: blob for blob in _contents(repo)}
    inodes.update((inode, blob.physical) for inode, blob in blobs.items())
    left = sum(x.physical for x in repo.leftovers if x.kind != "orphan")
    used = {
        f.blob.inode: f.blob.size for r in repo.revisions for f in r.files if f.blob is not None
    }
    return RepoUsage(
        repo.name,
        sum(used.values()),
        sum(blob.physical for blob in blobs.values()) + left,
        max((blob.accessed for blob in blobs.values()), default=0.0),
        tuple(_measure_revision(repo, revision) for revision in repo.revisions),
        repo.problems,
    )


def _measure_revision(repo: Repo, revision: Revision) -> RevisionUsage:
    outcome = check_revision(repo, revision)
    return RevisionUsage(
        revision.commit, revision.refs, len(revision.files), revision_size(revision), outcome
    )


def _contents(repo: Repo) -> Iterable[Blob]:
    yield from repo.blobs.values()
    for revision in repo.revisions:
        for file in revision.files:
            if file.blob is not None and not file.blob.name:
                yield file.blob
