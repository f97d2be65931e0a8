"""Where else on this machine content may lie: nearby caches first, then this cache itself.

Used by pull and by repair.

Names and sizes only: whether the bytes are right is told by hashing them when they are copied.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from stat import S_ISREG
from typing import TYPE_CHECKING

from swarmcache.errors import AccessDenied, CacheNotFound
from swarmcache.hubcache.complete.integrity import check_revision
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.intact.expectations import expected_of
from swarmcache.hubcache.layout import BLOBS, SNAPSHOTS, RepoName, folder_name
from swarmcache.hubcache.manifest import manifest_path, read_manifest
from swarmcache.hubcache.scan import read_repo, repo_names
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.intact.expectations import Expected


class Nearby:
    """The cache folders that content may be copied from, in order."""

    def __init__(self, nearby: Sequence[str], cache: str, tiers: Sequence[str] = ()) -> None:
        """Take folders that can be read; `refuse_no_cache` tells of those a user named.

        Their links may lead into `tiers`.
        """
        self._tiers = tiers
        self._nearby = [folder for folder in nearby if not _is_same(folder, cache)]
        self._cache = cache
        self._listed: dict[tuple[str, RepoName], list[str]] = {}

    def copies(
        self, expected: Expected, repo: RepoName, path: str, location: str | None = None
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
        if location is None:
            return tuple(found.values())
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
            theirs = read_repo(folder, repo, self._tiers)
            revision = theirs.revision(commit) if theirs is not None else None
            for file in revision.files if revision is not None else ():
                if file.path == path and file.blob is not None:
                    records = read_manifest(f"{folder}/{folder_name(repo)}", commit) or {}
                    return expected_of(file.blob, records.get(path))
        return None

    def files(self, repo: RepoName, commit: str) -> dict[str, Expected] | None:
        """Return the files of a commit that a nearby cache holds complete with hashes, or None."""
        told = (complete_files(cache, repo, commit, self._tiers) for cache in self._nearby)
        return next(filter(None, told), None)

    def manifest(self, repo: RepoName, commit: str) -> str | None:
        """Return a nearby cache's manifest of a commit, or None."""
        for folder in self._nearby:
            theirs = f"{folder}/{folder_name(repo)}"
            if read_manifest(theirs, commit) is not None:
                return manifest_path(theirs, commit)
        return None

    @property
    def caches(self) -> tuple[str, ...]:
        """This cache's folder, then the others, in order."""
        return (self._cache, *self._nearby)

    def _snapshots(self, cache: str, repo: RepoName) -> list[str]:
        """Return the snapshot folders of a repo, looked up once."""
        key = (cache, repo)
        if key not in self._listed:
            folder = f"{cache}/{folder_name(repo)}/{SNAPSHOTS}"
            self._listed[key] = [f"{folder}/{commit}" for commit in sorted(_listed(folder))]
        return self._listed[key]

    @cached_property
    def _blobs(self) -> dict[str, dict[str, list[str]]]:
        """By cache, and by name: all blobs, told by one look at each folder."""
        found: dict[str, dict[str, list[str]]] = {}
        for cache in (*self._nearby, self._cache):
            by_name = found[cache] = {}
            for folder in _blob_folders(cache):
                with suppress(OSError):
                    for name in os.listdir(folder):
                        by_name.setdefault(name, []).append(f"{folder}/{name}")
        return found

    def _candidates(self, digest: str, repo: RepoName, path: str) -> Iterator[str]:
        for cache, by_name in self._blobs.items():
            own = f"{cache}/{folder_name(repo)}/{BLOBS}/{digest}"
            # A link into a tier must not break when another repo goes there.
            yield from sorted(by_name.get(digest, ()), key=lambda blob: blob != own)
            for snapshot in self._snapshots(cache, repo):
                entry = f"{snapshot}/{path}"
                if not os.path.islink(entry):
                    yield entry


def complete_files(
    cache: str, repo: RepoName, commit: str, tiers: Sequence[str] = ()
) -> dict[str, Expected] | None:
    """Return the files of a commit that a cache holds complete and under known hashes, or None.

    Of a model what loading takes is there; the cache may lack others.
    """
    found = read_repo(cache, repo, tiers)
    revision = found.revision(commit) if found is not None else None
    if found is None or revision is None or check_revision(found, revision).state != "complete":
        return None
    records = read_manifest(found.path, commit) or {}
    files: dict[str, Expected] = {}
    for path, blob in revision.files:
        expected = expected_of(blob, records.get(path)) if blob is not None else None
        if blob is None or expected is None:
            return None
        files[path] = expected._replace(size=blob.size)
    return files


def _blob_folders(cache: str) -> Iterator[str]:
    with suppress(CacheNotFound, AccessDenied):
        yield from (f"{cache}/{folder_name(name)}/{BLOBS}" for name in repo_names(cache))


def refuse_no_cache(folder: str, *words: str) -> None:
    """Raise CacheNotFound unless a folder can be a cache: HF_HOME is not, its `hub` is.

    `words` are those of a command, before the folder that it names.
    """
    cache_exists(folder, named=True)
    if (hub := meant_instead(folder)) is not None:
        raise CacheNotFound(
            t("{path} holds no repos; its folder hub may be meant.", path=folder),
            hint=(*words, hub),
        )


def meant_instead(folder: str) -> str | None:
    """Return the cache in a folder that is none, as HF_HOME is; None where no such mistake shows.

    Raises AccessDenied, CacheNotFound for a file.
    """
    hub = f"{folder}/hub"
    return hub if not repo_names(folder) and cache_exists(hub) and repo_names(hub) else None


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _is_same(folder: str, other: str) -> bool:
    return os.path.realpath(folder) == os.path.realpath(other)
