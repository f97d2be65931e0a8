"""One cached revision as loading sees it: names, sizes, what is known to exist or not."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import NO_EXIST, is_git_sha1, is_sha256
from swarmcache.hubcache.manifest import ManifestFile, read_manifest
from swarmcache.hubcache.scan import read_start

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from swarmcache.hubcache.scan import Blob, Repo, Revision

_EMPTY_CONTENT = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",  # the git blob hash of no bytes
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",  # their sha256
    }
)
_MAX_JSON = 64 * 2**20
"""Bytes of an index or config file that are read at most; the largest known is 6 MB."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A revision's files with all that the cache itself tells about them."""

    path: str
    files: Mapping[str, Blob | None]
    """Every cached file; None where a link leads nowhere or out of the cache."""
    manifest: Mapping[str, ManifestFile] | None
    """Every file of the commit, where a client left the list; None where nothing tells."""
    marks: str
    """The folder of `.no_exist` marks for this commit; it may not exist."""
    verdicts: dict[str, bool] = field(default_factory=dict)
    """Which files were looked into and found sound, so that none is opened twice."""

    @property
    def known(self) -> Collection[str]:
        """Every path the commit is known to have: the manifest's, else what is cached."""
        return self.files if self.manifest is None else self.manifest

    def has(self, path: str) -> bool:
        """Tell whether the commit is known to have `path`, cached or not."""
        return path in self.files or (self.manifest is not None and path in self.manifest)

    def lacks(self, path: str) -> bool:
        """Tell whether the commit is known to have no `path`: not in the list, or a 404 seen."""
        if self.manifest is not None:
            return path not in self.manifest
        return os.path.exists(os.path.join(self.marks, path))

    def damage(self, path: str) -> bool:
        """Tell whether a cached file is a dead link, cut off or empty, by size alone."""
        blob = self.files[path]
        if blob is None:
            return True
        expected = self.manifest.get(path) if self.manifest is not None else None
        if expected is not None:
            return blob.size != expected.size
        # A blob named by another hash than that of no bytes cannot be empty.
        named = is_git_sha1(blob.name) or is_sha256(blob.name)
        return blob.size == 0 and named and blob.name not in _EMPTY_CONTENT

    def read_json(self, path: str) -> object:
        """Return a cached file's JSON; ValueError when it is none, OSError when unreadable."""
        blob = self.files[path]
        if blob is None or blob.size > _MAX_JSON:
            msg = f"{path} is not JSON of a plausible size"
            raise ValueError(msg)
        return json.loads(read_start(blob.path, blob.size))


def snapshot_of(repo: Repo, revision: Revision) -> Snapshot:
    """Return a scanned revision as loading sees it; reads the tree manifest."""
    return Snapshot(
        revision.path,
        {file.path: file.blob for file in revision.files},
        read_manifest(repo.path, revision.commit),
        os.path.join(repo.path, NO_EXIST, revision.commit),
    )
