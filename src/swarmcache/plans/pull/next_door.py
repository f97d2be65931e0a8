"""What the caches on this machine tell of a repo: which commit a ref is, and what that holds.

A commit never changes, so whoever has its list of files has the right one. What a branch is now
only an endpoint knows; where none answers, a cache next door tells what it was when that one was
fetched, to a cache that has no such ref of its own: this moves none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import EndpointUnreachable, UnsafeListing
from swarmcache.hubcache.complete.integrity import needs_of, outcome_of
from swarmcache.hubcache.complete.snapshot import Snapshot
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.layout import folder_name, is_commit
from swarmcache.hubcache.manifest import ManifestFile, manifest_entries
from swarmcache.hubcache.refs import read_ref, ref_written
from swarmcache.hubcache.scan import Blob, CachedFile, Revision
from swarmcache.locale import t
from swarmcache.plans.nearby import complete_files
from swarmcache.plans.pull.values import two_of
from swarmcache.transfer.listing import RemoteFile, RepoListing, check_together, remote_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from swarmcache.errors import SwarmcacheError
    from swarmcache.hubcache.layout import RepoName, Target
    from swarmcache.hubcache.scan import Repo
    from swarmcache.plans.pull.values import PlannedPull


class Claim(NamedTuple):
    """A cache's word on which commit a revision is."""

    commit: str
    cache: str
    """Who says so; empty where the revision is itself the commit."""


def claims(caches: Sequence[str], target: Target) -> list[Claim]:
    """Return which commit a revision may be, the one fetched last first.

    `caches` begin with the one that is filled: where that has the ref, no other is heard. A ref's
    file is written when it is fetched, and by clients before 1.31 whenever the Hub confirms it;
    when a cache was used tells nothing of what a branch is now.
    """
    name, revision = target.name, target.revision
    if is_commit(revision):
        return [Claim(revision, "")]
    own, *others = caches
    mine = read_ref(own, name, revision)
    if mine is not None:
        return [Claim(mine, own)]
    told = [(cache, read_ref(cache, name, revision)) for cache in others]
    found = [Claim(commit, cache) for cache, commit in told if commit is not None]
    return sorted(found, key=lambda one: -ref_written(one.cache, name, revision))


def listing_of(
    caches: Iterable[str], target: Target, claim: Claim, tiers: Sequence[str]
) -> RepoListing | None:
    """Return what a commit holds, as a cache tells it, or None.

    By the manifest of any cache; else by the links of one in which the revision is complete, where
    each names a hash. Of a model such a list has what loading takes, and is not whole.
    """
    name, commit = target.name, claim.commit
    for cache in caches:
        whole = files_of(cache, name, commit)
        if whole is not None:
            return RepoListing(target, commit, whole, claim.cache or cache)
    for cache in caches:
        files = complete_files(cache, name, commit, tiers)
        if files:
            told = tuple(_named(path, one.digest, one.size) for path, one in files.items())
            return RepoListing(target, commit, told, claim.cache or cache, whole=False)
    return None


def files_of(cache: str, name: RepoName, commit: str) -> tuple[RemoteFile, ...] | None:
    """Return all files of a commit, as the manifest that a cache has of it tells, or None."""
    entries = manifest_entries(f"{cache}/{folder_name(name)}", commit)
    if not entries:
        return None
    try:
        files = tuple(filter(None, (remote_file(one) for one in _as_listed(entries))))
        check_together(files)
    except (UnsafeListing, KeyError, TypeError, AttributeError):
        return None  # No list that any cache could hold: an endpoint will tell.
    return files


def marks_of_caches(caches: Iterable[str], name: RepoName, commit: str) -> tuple[str, ...]:
    """Return the paths that some cache knows a commit not to have."""
    from swarmcache.plans.marks import marks_of  # noqa: PLC0415 - few caches have only these

    found = (marks_of(f"{cache}/{folder_name(name)}", commit) for cache in caches)
    return tuple(sorted({path for paths in found for path in paths}))


def as_far_as_here(model: PlannedPull, repo: Repo | None) -> tuple[RemoteFile, ...] | None:
    """Return what a planned repo must do without where nothing can be fetched.

    None where loading needs some of it; `repo` is what the cache has now.
    """
    absent = tuple(file for file in model.fetch if file.content not in model.copies)
    if not absent or model.listing is None:
        return absent
    without = {file.path for file in (*absent, *model.left_out)}
    files = [file for file in model.listing.files if file.path not in without]
    blobs = {file.path: _blob(file, model, repo) for file in files}
    everything = model.listing.files if model.listing.whole else ()
    records = {f.path: ManifestFile(f.size or 0, f.sha256, f.git_sha1) for f in everything}
    snapshot = Snapshot(blobs, records or None, None)
    cached = tuple(CachedFile(path, blob) for path, blob in blobs.items())
    revision = Revision(model.listing.commit, "", (), cached)
    found = outcome_of(revision, snapshot, needs_of(snapshot, model.target.name))
    return absent if found.state == "complete" else None


def falls_short(
    model: PlannedPull, claim: Claim, unanswered: SwarmcacheError
) -> EndpointUnreachable:
    """Return the error for a planned repo of which the caches here lack something."""
    absent = [file.path for file in model.fetch if file.content not in model.copies]
    message = t(
        "The caches here lack {names} of commit {commit}; {reason}",
        names=two_of(absent),
        commit=claim.commit[:12],
        reason=unanswered.message,
    )
    return EndpointUnreachable(message, hint=unanswered.hint)


def _blob(file: RemoteFile, model: PlannedPull, repo: Repo | None) -> Blob | None:
    """Return the content that a file will have: a copy's, else what the cache has."""
    size = file.size or 0
    for path in model.copies.get(file.content, ()):
        return Blob(file.content, path, size, 0, (0, 0), 1, 0.0)
    return repo.blobs.get(file.content) if repo is not None else None


def _as_listed(entries: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a manifest's files as an endpoint's `/tree` describes them."""
    for path, entry in entries.items():
        listed = {"type": "file", "path": path, "size": entry["size"], "oid": entry["blob_id"]}
        if (sha256 := entry.get("lfs_sha256")) is not None:
            size = entry.get("lfs_size") or entry["size"]
            listed["lfs"] = {"oid": sha256, "size": size}
        yield {**listed, "xetHash": entry.get("xet_hash")}


def _named(path: str, digest: str, size: int | None) -> RemoteFile:
    is_lfs = algorithm_of(digest) == "sha256"
    return RemoteFile(path, size, digest if is_lfs else None, None if is_lfs else digest)
