"""A revision of another cache as a listing: what each file must be, and who says so.

In this order:

1. the other cache: its list of the commit's files, or the name of the file's blob
2. this cache, of the very same commit: its list, or the name of its blob
3. the name of a blob of the same repo, there or here, whose bytes these are: a cache that was
   copied with its links followed (`cp -rL`) has each content in `blobs` and in its snapshots

A file that stands in its snapshot itself, and that nobody says it of, comes as it is.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import UnsafeListing
from swarmcache.hubcache.complete.integrity import check_revision
from swarmcache.hubcache.intact.expectations import Expected, algorithm_of, expected_of
from swarmcache.hubcache.layout import Target
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.locale import t
from swarmcache.plans.adopt.standing import digest_of
from swarmcache.transfer.listing import RemoteFile, RepoListing, check_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.scan import Blob, CachedFile, Repo, Revision
    from swarmcache.progress import Progress


_ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "git-sha1")


class Listed(NamedTuple):
    """What of a revision can come."""

    listing: RepoListing
    copies: Mapping[str, tuple[str, ...]]
    """By etag: where its bytes should be."""
    plain: Mapping[str, str]
    """By path: the files that come as they are."""
    left: Mapping[str, list[str]]
    """By reason: the paths that stay."""


def listed(
    source: str, here: Repo | None, repo: Repo, revision: Revision, progress: Progress
) -> Listed:
    """Return what of a revision of the `source` cache can come; `here` is the repo in this cache.

    Hashes a plain file only where a blob has its size.
    """
    return _Lister(source, here, repo, revision, progress).listed()


class _Lister:
    def __init__(
        self,
        source: str,
        here: Repo | None,
        repo: Repo,
        revision: Revision,
        progress: Progress,
    ) -> None:
        self._source = source
        self._repo = repo
        self._revision = revision
        self._progress = progress
        self._theirs = read_manifest(repo.path, revision.commit) or {}
        self._blobs = [*repo.blobs.values(), *(here.blobs.values() if here is not None else ())]
        self._here: dict[str, CachedFile] = {}
        self._told_here: dict[str, Expected | None] = {}
        self._damaged: frozenset[str] = frozenset()
        if here is not None:
            self._look_here(here)

    def listed(self) -> Listed:
        files: list[RemoteFile] = []
        copies: dict[str, tuple[str, ...]] = {}
        plain: dict[str, str] = {}
        left: dict[str, list[str]] = {}
        for file in self._revision.files:
            expected = self._expected(file)
            reason = _odd_path(file) or self._why_not(file, known=expected is not None)
            if reason or file.blob is None:
                left.setdefault(reason, []).append(file.path)
            elif expected is None:
                files.append(RemoteFile(file.path, file.blob.size, None, None))
                plain[file.path] = file.blob.path
            else:
                found = _remote(file.path, file.blob.size, expected)
                files.append(found)
                copies[found.content] = self._copies(file.blob, found.content)
        commit, name = self._revision.commit, self._repo.name
        target = Target(name.type, name.id, commit)
        listing = RepoListing(target, commit, tuple(files), self._source, whole=False)
        return Listed(listing, copies, plain, left)

    def _expected(self, file: CachedFile) -> Expected | None:
        if file.blob is None:
            return None
        told = expected_of(file.blob, self._theirs.get(file.path)) or self._told_here.get(file.path)
        return told or (None if file.blob.name else self._twin(file.blob))

    def _why_not(self, file: CachedFile, *, known: bool) -> str:
        if file.blob is None:
            return self._why_gone(file)
        if not known and file.blob.name:
            return t("nothing tells what its bytes must be")
        if not os.access(file.blob.path, os.R_OK):
            return t("this user cannot read it")
        mine = self._here.get(file.path)
        if not known and mine is not None and mine.blob is not None:
            other = mine.blob.size != file.blob.size and file.path not in self._damaged
            return t("here it has other bytes, and nothing names the right ones") if other else ""
        return ""

    def _why_gone(self, file: CachedFile) -> str:
        link = f"{self._revision.path}/{file.path}"
        kinds = {one.kind for one in self._repo.problems if one.path == link}
        if "lost-tier" in kinds:
            return t("it lies in a tier that is not there, or closed to this user")
        if "outside-link" in kinds:
            return t("its link leads out of the cache, and into no tier of the settings")
        return t("its content is not there")

    def _twin(self, blob: Blob) -> Expected | None:
        """Return the name of a blob that has the bytes of a plain file, or None."""
        names = {one.name for one in self._blobs if one.size == blob.size}
        kinds = set(map(algorithm_of, names))
        for algorithm in _ALGORITHMS:
            digest = self._digest(blob, algorithm) if algorithm in kinds else ""
            if digest in names:
                return Expected(algorithm, digest, blob.size, "name")
        return None

    def _digest(self, blob: Blob, algorithm: Algorithm) -> str:
        """Return what the bytes are; empty where they cannot be read."""
        task = t("Verifying")
        self._progress.start(task, blob.size)
        try:
            return digest_of(blob, algorithm, partial(self._progress.advance, task))
        finally:
            self._progress.finish(task)

    def _copies(self, blob: Blob, etag: str) -> tuple[str, ...]:
        """Return where the bytes should be: first the blob, which may be linked to."""
        named = self._repo.blobs.get(etag)
        return tuple(dict.fromkeys([named.path, blob.path] if named is not None else [blob.path]))

    def _look_here(self, here: Repo) -> None:
        """Learn what this cache knows of the very commit."""
        records = read_manifest(here.path, self._revision.commit) or {}
        for path, record in records.items():
            algorithm = algorithm_of(record.etag or "")
            if algorithm is not None and record.etag is not None:
                self._told_here[path] = Expected(algorithm, record.etag, record.size, "record")
        mine = here.revision(self._revision.commit)
        if mine is None:
            return
        self._damaged = frozenset(check_revision(here, mine).damaged)
        for file in mine.files:
            self._here[file.path] = file
            if file.blob is not None and file.path not in self._told_here:
                self._told_here[file.path] = expected_of(file.blob, None)


def _odd_path(file: CachedFile) -> str:
    try:
        check_path(file.path)
    except UnsafeListing as error:
        return error.message
    return ""


def _remote(path: str, size: int, expected: Expected) -> RemoteFile:
    is_lfs = expected.algorithm == "sha256"
    sha256, git_sha1 = (expected.digest, None) if is_lfs else (None, expected.digest)
    return RemoteFile(path, size, sha256, git_sha1)
