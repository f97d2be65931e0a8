"""Pulling what `swarmcache.lock` pins: exactly the locked commit, exactly the locked bytes.

Three gates, each of which raises LockMismatch: what the endpoint announces is compared before
anything is fetched; every cached file of the commit is hashed before a ref leads to it; what was
fetched and is not the locked content is taken away again (docs/adr/0007).
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.errors import LockMismatch
from swarmcache.hubcache.complete.pins import mismatches
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.layout import BLOBS, folder_name, is_commit
from swarmcache.hubcache.manifest import manifest_path, read_manifest
from swarmcache.hubcache.refs import write_ref
from swarmcache.hubcache.scan import read_repo
from swarmcache.locale import listed, t, tn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.manifest import ManifestFile
    from swarmcache.hubcache.scan import Blob, Repo, Revision
    from swarmcache.lockfile import LockedFile, LockedModel
    from swarmcache.progress import Progress
    from swarmcache.transfer.listing import RemoteFile, RepoListing

_SHOWN = 3
"""Paths that an error names."""


def as_locked(listing: RepoListing, pin: LockedModel) -> RepoListing:
    """Return an endpoint's listing without the files that the lock does not name.

    Raises LockMismatch where the endpoint announces another commit, or another content for a
    locked file. What an endpoint does not tell (a mirror's etags may be no hashes) is told by
    `prove`, once the bytes are here.
    """
    if listing.commit != pin.commit:
        raise LockMismatch(
            t(
                "{endpoint} answers with commit {found} of {id} where {commit} is locked.",
                endpoint=listing.endpoint,
                found=listing.commit[:12],
                id=pin.id,
                commit=pin.commit[:12],
            )
        )
    named = [(file, pin.files.get(file.path)) for file in listing.files]
    wrong = [file.path for file, locked in named if locked and _contradicts(file, locked)]
    if wrong:
        message = tn(
            "{endpoint} has another content than swarmcache.lock names for {n} file of {id}: "
            "{names}.",
            "{endpoint} has another content than swarmcache.lock names for {n} files of {id}: "
            "{names}.",
            len(wrong),
            endpoint=listing.endpoint,
            id=pin.id,
            names=_some(wrong),
        )
        raise LockMismatch(message, hint="swarmcache lock --upgrade --dry-run")
    return replace(
        listing, files=tuple(_as_locked(file, locked) for file, locked in named if locked)
    )


def prove(  # noqa: PLR0913 - one keyword for each thing that is known already
    target: Target,
    pin: LockedModel,
    cache: str,
    *,
    kept: Collection[str] | None = None,
    proven: Collection[str] = (),
    tiers: Sequence[str] = (),
    progress: Progress | None = None,
) -> None:
    """Hash every cached file of the locked commit; raise LockMismatch for another content.

    Files in `proven` were hashed on their way here. The wrong files but those in `kept`, paths
    that were there before this process fetched any, are removed first: the commit must not look
    complete to anybody who names it. None keeps all. Links may lead into
    `tiers`, of which nothing is removed. OSError from the disk.
    """
    repo = read_repo(cache, target.name, tiers)
    revision = repo.revision(pin.commit) if repo is not None else None
    if repo is None or revision is None:
        return
    wrong = _unproven(repo, revision, pin, proven, progress)
    if not wrong:
        return
    if kept is not None:
        drop_false_manifest(target, pin, cache)
        _take_away(repo, revision, [path for path in wrong if path not in kept])
    raise not_as_locked(target, pin, wrong)


def not_as_locked(target: Target, pin: LockedModel, paths: Sequence[str]) -> LockMismatch:
    """Return the error for files whose content is not the locked one."""
    message = tn(
        "{n} file of {id} is not the one that swarmcache.lock names: {names}.",
        "{n} files of {id} are not the ones that swarmcache.lock names: {names}.",
        len(paths),
        id=pin.id,
        names=_some(paths),
    )
    return LockMismatch(message, hint=f"swarmcache verify {target.name.spelled}")


def paths_at(target: Target, commit: str, cache: str) -> set[str]:
    """Return the paths that the cache has of a commit now."""
    repo = read_repo(cache, target.name)
    revision = repo.revision(commit) if repo is not None else None
    return set() if revision is None else {path for path, _ in revision.files}


def drop_false_manifest(target: Target, pin: LockedModel, cache: str) -> None:
    """Remove the cached manifest of the locked commit where it contradicts the lock.

    The Hub's clients since 1.22 take it for the commit's listing and link its blobs; they ask for
    a new one when there is none.
    """
    repo = os.path.join(cache, folder_name(target))
    manifest = read_manifest(repo, pin.commit) or {}
    told = [(file, pin.files.get(path)) for path, file in manifest.items()]
    if any(locked is not None and _contradicts(file, locked) for file, locked in told):
        os.unlink(manifest_path(repo, pin.commit))


def lead(target: Target, pin: LockedModel, cache: str) -> None:
    """Point the ref that loading follows to the locked commit, which was proven before."""
    if not is_commit(target.revision):
        write_ref(cache, target.name, target.revision, pin.commit)


def _as_locked(file: RemoteFile, locked: LockedFile) -> RemoteFile:
    """Return a file with the hash that the lock names, where the endpoint tells none like it."""
    if algorithm_of(file.etag or "") == algorithm_of(locked.etag):
        return file
    git_sha1 = locked.git_sha1 or file.git_sha1
    return replace(file, size=locked.size, sha256=locked.sha256, git_sha1=git_sha1)


def _contradicts(file: RemoteFile | ManifestFile, locked: LockedFile) -> bool:
    if file.size not in {None, locked.size}:
        return True
    etag = file.etag or ""
    return algorithm_of(etag) == algorithm_of(locked.etag) and etag != locked.etag


def _unproven(
    repo: Repo,
    revision: Revision,
    pin: LockedModel,
    proven: Collection[str],
    progress: Progress | None,
) -> list[str]:
    """Return the paths whose cached content is not the locked one, each content hashed once."""
    wrong = set(mismatches(repo, revision, pin))
    task = t("Verifying {id}", id=pin.id)
    if progress is not None:
        progress.start(task, sum(blob.size for _, blob in revision.files if blob is not None))
    known: dict[tuple[str, str], bool] = {}
    for path, blob, locked in _comparable(revision, pin):
        key = (blob.path, locked.etag)
        if path in proven and blob.name == locked.etag:
            known[key] = True
        if path not in wrong and key not in known:
            known[key] = _is_content(blob, locked)
        if not known.get(key, True):
            wrong.add(path)
        if progress is not None:
            progress.advance(task, blob.size)
    if progress is not None:
        progress.finish(task)
    return sorted(wrong)


def _comparable(revision: Revision, pin: LockedModel) -> Iterator[tuple[str, Blob, LockedFile]]:
    for path, blob in revision.files:
        locked = pin.files.get(path)
        if blob is not None and locked is not None:
            yield path, blob, locked


def _is_content(blob: Blob, locked: LockedFile) -> bool:
    from swarmcache.hubcache.intact.hashing import Hashed, hash_file  # noqa: PLC0415 - not where all is here

    found = hash_file(blob.path, "sha256" if locked.sha256 else "git-sha1")
    return isinstance(found, Hashed) and found.digest == locked.etag


def _take_away(repo: Repo, revision: Revision, paths: Sequence[str]) -> None:
    """Remove files of a snapshot and their blobs, links first, so that none dangles meanwhile."""
    blobs = dict(revision.files)
    prefix = os.path.join(repo.path, BLOBS, "")
    for path in paths:
        blob = blobs[path]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(revision.path, path))
            if blob is not None and blob.path.startswith(prefix):
                os.unlink(blob.path)


def _some(paths: Sequence[str]) -> str:
    return listed(paths[:_SHOWN]) + (" …" if len(paths) > _SHOWN else "")
