"""What the bytes of a cached file must be, and who says so.

In order of trust: `swarmcache.lock`, which is handed in; the commit's manifest; the blob's own
name, where that is a hash of the content. The last tells that bytes are intact, and only the
others that it is the right file that stands under a path.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from swarmcache.hubcache.layout import (
    BLOBS,
    is_git_sha1,
    is_sha256,
    parse_folder_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from swarmcache.hubcache.intact.verdicts import Algorithm
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.manifest import ManifestFile
    from swarmcache.hubcache.scan import Blob
    from swarmcache.lockfile import LockedFile

    Record: TypeAlias = ManifestFile | LockedFile
    """What lock or manifest say of one file: its etag and its size in bytes."""
    Locked: TypeAlias = Callable[[RepoName, str], Mapping[str, Record] | None]
    """(repo, commit) -> the files that the project's lock names for it; None when it names none."""


class Expected(NamedTuple):
    """What a file must be."""

    algorithm: Algorithm
    digest: str
    size: int | None
    """Bytes; None where only a blob's name tells."""
    source: Literal["record", "name"]
    """`record` when a lock or manifest names the path, `name` for the blob's own name."""


def nothing_locked(repo: RepoName, commit: str) -> None:
    """Return no locked files: the expectation of a project without a lock."""
    del repo, commit


def expected_of(blob: Blob, record: Record | None) -> Expected | None:
    """Return what `blob` must be under a path for which `record` was made, if any; None: unknown.

    A record whose hash has another shape than the Hub's names counts for its size only.
    """
    name = trusted_name(blob)
    etag = record.etag if record is not None else None
    algorithm = algorithm_of(etag or "")
    if etag is not None and algorithm is not None and record is not None:
        return Expected(algorithm, etag, record.size, "record")
    algorithm = algorithm_of(name)
    if algorithm is None:
        return None
    return Expected(algorithm, name, record.size if record is not None else None, "name")


def algorithm_of(etag: str) -> Algorithm | None:
    """Return which hash an etag is, or None for the etag of a mirror that is none."""
    if is_sha256(etag):
        return "sha256"
    return "git-sha1" if is_git_sha1(etag) else None


def trusted_name(blob: Blob) -> str:
    """Return the blob's name where a Hub client gave it to that content; else nothing.

    A payload of the shared store is named by its Xet hash, which has the shape of a sha256.
    """
    folder, _, name = blob.path.rpartition("/")
    return blob.name if blob.name == name and _is_of_repo(folder) else ""


@lru_cache(maxsize=64)
def _is_of_repo(folder: str) -> bool:
    """Tell whether a folder is the `blobs` of a repo."""
    above, _, last = folder.rpartition("/")
    return last == BLOBS and parse_folder_name(os.path.basename(above)) is not None
