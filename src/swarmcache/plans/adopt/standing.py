"""What this cache has already and will still have once the old place is gone.

What lies in the old place itself, reached by a link of ours or by another path of the same folder,
will not be there; and bytes that nobody remembers as right are hashed before another copy goes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.hashing import Hashed, hash_file
from swarmcache.hubcache.intact.ledger import Ledger
from swarmcache.hubcache.layout import BLOBS, SNAPSHOTS, folder_name
from swarmcache.hubcache.state import state_folder
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.scan import Blob, Repo
    from swarmcache.progress import Progress
    from swarmcache.transfer.listing import RepoListing


class OldPlace:
    """The folders of one repo of an old place, known by what they are and not by their paths."""

    def __init__(self, source: str, repo: RepoName) -> None:
        """Take the cache folder, and the repo of which something may lie there."""
        home = f"{source}/{folder_name(repo)}"
        folders = (source, home, f"{home}/{BLOBS}", f"{home}/{SNAPSHOTS}")
        self._own = {found for one in folders if (found := _identity(one)) is not None}
        self._known: dict[str, bool] = {}

    def holds(self, path: str) -> bool:
        """Tell whether what is at a path, links followed, lies there."""
        return self._is_below(os.path.dirname(os.path.realpath(path)))

    def _is_below(self, folder: str) -> bool:
        if folder not in self._known:
            above = os.path.dirname(folder)
            found = _identity(folder) in self._own
            self._known[folder] = found or (above != folder and self._is_below(above))
        return self._known[folder]


class Proof:
    """Tells which contents are not what they should be: by memory, else by hashing them."""

    def __init__(self, cache: str, environment: Environment, progress: Progress) -> None:
        """Take the cache whose memory counts."""
        self._ledger = Ledger(state_folder(cache, environment))
        self._progress = progress

    def wrong(self, contents: Collection[Held]) -> Iterator[Held]:
        """Yield those whose bytes have another hash, or that cannot be read."""
        unknown: list[tuple[Held, Algorithm]] = []
        for one in contents:
            algorithm = algorithm_of(one.etag)
            if algorithm is None:
                continue  # Nothing tells what it should be.
            known = self._recalled(one.blob, algorithm)
            if known == "":
                unknown.append((one, algorithm))
            elif known != one.etag:
                yield one
        task, told = t("Verifying"), self._progress
        if unknown:
            told.start(task, sum(one.blob.size for one, _ in unknown))
        for one, algorithm in unknown:
            if digest_of(one.blob, algorithm, partial(told.advance, task)) != one.etag:
                yield one
        if unknown:
            told.finish(task)

    def _recalled(self, blob: Blob, algorithm: Algorithm) -> str:
        """Return what a blob was hashed to, empty where nobody knows."""
        with suppress(OSError):
            found = self._ledger.recall(algorithm, fingerprint_of(blob.path))
            return found.digest if found is not None else ""
        return ""


class Held(NamedTuple):
    """A content that this cache seems to have."""

    blob: Blob
    etag: str
    """What its bytes should be; empty where nothing tells."""
    path: str
    """Of the file."""


def will_be_lost(listing: RepoListing, here: Repo | None, old: OldPlace, proof: Proof) -> set[str]:
    """Return the paths of a listing whose content this cache seems to have, and has not."""
    held = list(_held(listing, here))
    away = {one.path for one in held if old.holds(one.blob.path)}
    own = [one for one in held if one.path not in away]
    return away | {one.path for one in proof.wrong(own)}


def digest_of(blob: Blob, algorithm: Algorithm, on_bytes: Callable[[int], None]) -> str:
    """Return what the bytes of a blob are; empty where they cannot be read."""
    try:
        found = hash_file(blob.path, algorithm, on_bytes=on_bytes)
    except OSError:
        return ""
    return found.digest if isinstance(found, Hashed) else ""


def _held(listing: RepoListing, here: Repo | None) -> Iterator[Held]:
    """Yield what this cache has of a listing: in the snapshot, and as a blob."""
    revision = here.revision(listing.commit) if here is not None and listing.commit else None
    cached = dict(revision.files) if revision is not None else {}
    for file in listing.files:
        etag = file.etag or ""
        found = {cached.get(file.path), here.blobs.get(etag) if here is not None else None}
        yield from (Held(blob, etag, file.path) for blob in found if blob is not None)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
