"""What `swarmcache.lock` means for a cache: which commit a revision is, and which files may be it.

A pin takes the place of both the cache's ref and the commit's manifest: the ref may have moved
since, and the manifest is only what the endpoint said that day.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.integrity import (
    Complete,
    Damaged,
    Incomplete,
    Missing,
    Unknown,
    check,
    needs_of,
    outcome_of,
    revision_size,
)
from swarmcache.hubcache.complete.snapshot import Snapshot
from swarmcache.hubcache.intact.blame import known_wrong, remembered_corrupt
from swarmcache.hubcache.intact.expectations import algorithm_of, trusted_name
from swarmcache.hubcache.layout import NO_EXIST, is_commit
from swarmcache.hubcache.manifest import ManifestFile
from swarmcache.hubcache.refs import in_full
from swarmcache.hubcache.scan import read_repo
from swarmcache.locale import t, tn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.scan import Blob, Repo, Revision
    from swarmcache.lockfile import Lock, LockedFile, LockedModel


class Mismatched(Damaged):
    """A cached file is not the one that the lock names: by name, by size, or as `verify` found."""

    __slots__ = ()


class Astray(Incomplete):
    """The locked commit is complete, and the ref that loading follows leads elsewhere."""

    __slots__ = ()


def check_pinned(
    target: Target,
    cache: str,
    lock: Lock | None,
    *,
    full: bool = False,
    tiers: Sequence[str] = (),
) -> Outcome:
    """Return whether `target` is complete in the cache as the lock pins it; structural, offline.

    Without a lock, or for what it does not name, this is `integrity.check`.
    """
    target = target if lock is None else in_full(target, cache)
    pin = lock.find(target) if lock is not None else None
    if pin is None:
        return check(target, cache, full=full, tiers=tiers)
    repo = read_repo(cache, target.name, tiers)
    revision = repo.revision(pin.commit) if repo is not None else None
    if repo is None or revision is None:
        return _not_cached(target, cache, pin)
    found = _content(repo, revision, pin, full=full)
    if isinstance(found, (Complete, Unknown)) and leads_astray(target, repo, pin):
        return Astray(pin.commit, found.snapshot, found.size, (), (), _astray(target, repo, pin))
    return found


def pinned(target: Target, lock: Lock | None) -> Target:
    """Return `target` at the commit that the lock pins it to; as it is where it is not locked."""
    pin = lock.find(target) if lock is not None else None
    return target if pin is None else target._replace(revision=pin.commit)


def leads_astray(target: Target, repo: Repo | None, pin: LockedModel) -> bool:
    """Tell whether loading `target` offline would open another commit than the pinned one."""
    held = repo.refs.get(target.revision) if repo is not None else None
    return not is_commit(target.revision) and held != pin.commit


def mismatches(repo: Repo, revision: Revision, pin: LockedModel) -> tuple[str, ...]:
    """Return the cached paths that are not what the lock names, or that it does not name at all.

    A file that is not named counts where loading would use it, and where it is code. Blobs that
    have no hash for a name are told by their size alone; their bytes are for `verify`.
    """
    used = needs_of(_snapshot(repo, revision, pin), repo.name).paths
    return _mismatches(revision, pin.files, used)


def _mismatches(
    revision: Revision, files: Mapping[str, LockedFile], used: Collection[str]
) -> tuple[str, ...]:
    return tuple(
        sorted(
            path
            for path, blob in revision.files
            if blob is not None and not _may_be(path, blob, files.get(path), used)
        )
    )


def mismatch_reason(paths: Sequence[str]) -> str:
    """Return the sentence for files that are not the locked ones."""
    return tn(
        "{n} file is not the one that swarmcache.lock names.",
        "{n} files are not the ones that swarmcache.lock names.",
        len(paths),
    )


def _content(repo: Repo, revision: Revision, pin: LockedModel, *, full: bool) -> Outcome:
    snapshot = _snapshot(repo, revision, pin)
    needs = needs_of(snapshot, repo.name, full=full)
    known = set(_known_wrong(repo, revision, pin))
    wrong = tuple(sorted(known.union(_mismatches(revision, pin.files, needs.paths))))
    if not wrong:
        return outcome_of(revision, snapshot, needs)
    missing = tuple(sorted(needs.paths - snapshot.files.keys()))
    size = revision_size(revision)
    return Mismatched(revision.commit, revision.path, size, missing, wrong, mismatch_reason(wrong))


def _snapshot(repo: Repo, revision: Revision, pin: LockedModel) -> Snapshot:
    """Return a cached revision as loading sees it, the lock being the list of its files."""
    marks = f"{repo.path}/{NO_EXIST}/{revision.commit}" if NO_EXIST in repo.folders else None
    files = {file.path: file.blob for file in revision.files}
    records = {path: ManifestFile(*file) for path, file in pin.files.items()}
    return Snapshot(files, records, marks, _known_wrong(repo, revision, pin))


def _known_wrong(repo: Repo, revision: Revision, pin: LockedModel) -> list[str]:
    """Return the paths whose bytes `verify` found to be others than the locked ones."""
    known = known_wrong(os.path.dirname(repo.path))
    return remembered_corrupt(known, dict(revision.files), pin.files) if known else []


def _may_be(path: str, blob: Blob, locked: LockedFile | None, used: Collection[str]) -> bool:
    if locked is None:
        return path not in used and not path.endswith(".py")
    name = trusted_name(blob)
    same_kind = algorithm_of(name) == algorithm_of(locked.etag)
    return blob.size == locked.size and (name == locked.etag or not same_kind)


def _not_cached(target: Target, cache: str, pin: LockedModel) -> Outcome:
    found = check(target._replace(revision=pin.commit), cache)
    if not isinstance(found, Missing):
        return found  # The repo's folder cannot be read.
    reason = t(
        "swarmcache.lock pins {rev} to commit {commit}, of which no file is cached.",
        rev=target.revision,
        commit=pin.commit[:12],
    )
    return found._replace(commit=pin.commit, reason=reason)


def _astray(target: Target, repo: Repo, pin: LockedModel) -> str:
    held = repo.refs.get(target.revision)
    if held is None:
        return t(
            "the locked commit {commit} is complete, and no ref {rev} leads to it; "
            "swarmcache pull sets it.",
            commit=pin.commit[:12],
            rev=target.revision,
        )
    return t(
        "{rev} leads to commit {held} here, and swarmcache.lock pins it to {commit}; "
        "swarmcache pull sets it.",
        rev=target.revision,
        held=held[:12],
        commit=pin.commit[:12],
    )
