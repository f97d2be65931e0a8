"""Where else on this machine content may lie: nearby caches first, then this cache itself.

Names and sizes only: whether the bytes are right is told by hashing them when they are copied.
"""

from __future__ import annotations

import os
from functools import cached_property
from stat import S_ISREG
from typing import TYPE_CHECKING

from swarmcache.errors import CacheNotFound
from swarmcache.hubcache.expectations import expected_of
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.layout import BLOBS, SNAPSHOTS, RepoName, folder_name
from swarmcache.hubcache.manifest import manifest_path, read_manifest
from swarmcache.hubcache.scan import read_repo, repo_names
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.expectations import Expected
    from swarmcache.hubcache.scan import Repo


class Sources:
    """The cache folders that content may be copied from, in order."""

    def __init__(self, nearby: Sequence[str], cache: str) -> None:
        """Raise CacheNotFound or AccessDenied for a nearby cache that cannot be read."""
        for folder in nearby:
            _refuse_no_cache(folder)
        self._nearby = [folder for folder in nearby if not _is_same(folder, cache)]
        self._cache = cache

    def copies(
        self, expected: Expected, repo: RepoName, path: str, location: str
    ) -> tuple[str, ...]:
        """Return the files that should hold the expected content, `location` itself left out.

        `path` is the file's in the repo: where snapshots hold plain files, no name tells a hash.
        """
        found: dict[tuple[int, int], str] = {}
        for candidate in self._candidates(expected.digest, repo, path):
            try:
                status = os.stat(candidate)
            except OSError:
                continue
            fits = S_ISREG(status.st_mode) and expected.size in {None, status.st_size}
            if fits and os.access(candidate, os.R_OK):
                found.setdefault((status.st_dev, status.st_ino), candidate)
        try:
            status = os.stat(location)
            found.pop((status.st_dev, status.st_ino), None)
        except OSError:
            pass  # Nothing is there yet.
        return tuple(found.values())

    def expected(self, repo: RepoName, commit: str, path: str) -> Expected | None:
        """Return what a nearby cache knows a file of this very commit to be, or None.

        A commit never changes, so another cache's manifest or blob name is as good as our own.
        """
        for folder in self._nearby:
            theirs = read_repo(folder, repo)
            revision = theirs.revision(commit) if theirs is not None else None
            for file in revision.files if revision is not None else ():
                if file.path == path and file.blob is not None:
                    records = read_manifest(f"{folder}/{folder_name(repo)}", commit) or {}
                    return expected_of(file.blob, records.get(path))
        return None

    def manifest(self, repo: RepoName, commit: str) -> str | None:
        """Return a nearby cache's manifest of a commit, or None."""
        for folder in self._nearby:
            theirs = f"{folder}/{folder_name(repo)}"
            if read_manifest(theirs, commit) is not None:
                return manifest_path(theirs, commit)
        return None

    def repo_with(self, repo: RepoName, commit: str) -> Repo | None:
        """Return the repo of the first nearby cache that holds a commit of it, or None."""
        for folder in self._nearby:
            found = read_repo(folder, repo)
            if found is not None and found.revision(commit) is not None:
                return found
        return None

    @cached_property
    def _folders(self) -> list[tuple[str, list[str]]]:
        """Each cache and its repo folders."""
        caches = [*self._nearby, self._cache]
        return [(cache, [folder_name(name) for name in repo_names(cache)]) for cache in caches]

    def _candidates(self, digest: str, repo: RepoName, path: str) -> Iterator[str]:
        for cache, folders in self._folders:
            for folder in folders:
                yield f"{cache}/{folder}/{BLOBS}/{digest}"
            snapshots = f"{cache}/{folder_name(repo)}/{SNAPSHOTS}"
            for commit in sorted(os.listdir(snapshots)) if os.path.isdir(snapshots) else ():
                entry = f"{snapshots}/{commit}/{path}"
                if not os.path.islink(entry):
                    yield entry


def _refuse_no_cache(folder: str) -> None:
    """Raise CacheNotFound unless a folder can be a cache: HF_HOME is not, its `hub` is."""
    cache_exists(folder, named=True)
    if not repo_names(folder) and cache_exists(f"{folder}/hub"):
        raise CacheNotFound(
            t("{path} holds no repos; its folder hub may be meant.", path=folder),
            hint=f"--from {folder}/hub",
        )


def _is_same(folder: str, other: str) -> bool:
    return os.path.realpath(folder) == os.path.realpath(other)
