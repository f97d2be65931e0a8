"""The files of a cached commit: what to list, and which file on disk to send.

A listing names everything the commit's manifest names, cached or not (ADR "serve lists what the
commit has"); a file is sent only when its bytes can be right: inside the served folders or
their tiers, a regular file, of the manifest's size or, without a manifest, of a form that fits its
size.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from stat import S_ISREG
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.snapshot import Snapshot
from swarmcache.hubcache.layout import NO_EXIST, SNAPSHOTS, is_git_sha1, is_sha256
from swarmcache.hubcache.manifest import ManifestFile, manifest_path, read_manifest
from swarmcache.hubcache.scan import Blob
from swarmcache.serve.hashes import Fingerprint, Hashes, belongs_in_lfs
from swarmcache.serve.refusals import EntryNotFound, FileDamaged, FileNotCached, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmcache.serve.catalogue import CachedCommit


@dataclass(frozen=True, slots=True)
class Content:
    """A file that can be sent."""

    location: str
    """Absolute, without links."""
    size: int
    """Bytes."""
    etag: str
    """The name that the Hub's clients give to its blob."""


class Contents:
    """Finds files in the served cache folders."""

    def __init__(self, roots: Sequence[str]) -> None:
        """Take the real paths of the folders that links may lead into; no other file is sent."""
        self._prefixes = tuple(root.rstrip(os.sep) + os.sep for root in roots)
        self._hashes = Hashes()

    def listing(self, commit: CachedCommit) -> Mapping[str, ManifestFile]:
        """Return path -> size and hashes of all files that the commit is known to have.

        Raises FileDamaged when nothing tells the size of a file, since it is a dead link:
        a client keeps the listing as the whole truth about the commit.
        """
        manifest = _manifest(commit)
        files = dict(manifest or {})
        for folder in commit.folders:
            snapshot = os.path.join(folder, SNAPSHOTS, commit.commit)
            for path, is_link in _walk(snapshot, ""):
                # Beside a manifest only what a client linked is a file of the commit.
                if path not in files and (manifest is None or is_link):
                    files[path] = _facts(self.locate(commit, path))
        return dict(sorted(files.items()))

    def locate(self, commit: CachedCommit, path: str) -> Content:
        """Return the first sound copy of a file; raises the Refusal that tells why there is none.

        The refusals are EntryNotFound, FileNotCached and FileDamaged.
        """
        manifest = _manifest(commit)
        refused: Refusal | None = None
        for folder in commit.folders:
            link = os.path.join(folder, SNAPSHOTS, commit.commit, path)
            if not os.path.lexists(link) or _is_folder(link):
                continue
            try:
                return self._content(path, link, None if manifest is None else manifest.get(path))
            except Refusal as reason:
                refused = refused or reason
        raise refused or _absence(commit, path, manifest)

    def _content(self, path: str, link: str, known: ManifestFile | None) -> Content:
        location = os.path.realpath(link)
        if not location.startswith(self._prefixes):
            raise FileDamaged(f"{path} is a link that leaves the served cache folders.")
        try:
            found = os.stat(location)
        except FileNotFoundError:
            raise FileDamaged(f"{path} is a link to nowhere in the cache served here.") from None
        if not S_ISREG(found.st_mode):
            raise FileDamaged(f"{path} is not a regular file in the cache served here.")
        etag = known.etag if known is not None else _name_of_blob(link)
        fingerprint = Fingerprint.of(found)
        _check_sound(path, _blob(etag or "", location, found), fingerprint, known)
        if etag is None:
            lfs = belongs_in_lfs(path, found.st_size)
            etag = self._hashes.etag(location, fingerprint, lfs=lfs)
        return Content(location, found.st_size, etag)


def _absence(
    commit: CachedCommit, path: str, manifest: Mapping[str, ManifestFile] | None
) -> Refusal:
    """Return how a file that is nowhere is refused: known to exist, known not to, or neither."""
    name = f"{path} at {commit.commit[:12]} of {commit.repo.id}"
    if manifest is not None and path in manifest:
        return FileNotCached(f"{name} exists, but is not cached here.", commit=commit.commit)
    marks = (os.path.join(folder, NO_EXIST, commit.commit, path) for folder in commit.folders)
    if manifest is not None or any(map(os.path.isfile, marks)):
        return EntryNotFound(f"There is no {name}.", commit=commit.commit)
    # Without X-Repo-Commit a client does not write this down as a fact about the commit.
    return EntryNotFound(f"No {name} is cached here.")


def _check_sound(
    path: str, blob: Blob, fingerprint: Fingerprint, known: ManifestFile | None
) -> None:
    if known is not None and known.size != blob.size:
        sizes = f"{blob.size} bytes where {known.size} are expected"
        raise FileDamaged(f"{path} is damaged in the cache served here: {sizes}.")
    if known is None and not _is_sound(path, blob.name, blob.path, fingerprint):
        raise FileDamaged(f"{path} is cut off in the cache served here.")


@lru_cache(maxsize=4096)
def _is_sound(path: str, name: str, location: str, fingerprint: Fingerprint) -> bool:
    """Tell whether the form of a file fits its size; looked at once as long as it is unchanged."""
    del fingerprint
    blob = _blob(name, location, os.stat(location))
    return Snapshot(files={path: blob}, manifest=None, marks=None).is_sound(path)


def _name_of_blob(link: str) -> str | None:
    """Return the etag that the repo's own link names; a shared payload has another name."""
    name = os.path.basename(os.readlink(link)) if os.path.islink(link) else ""
    return name if is_sha256(name) or is_git_sha1(name) else None


def _facts(content: Content) -> ManifestFile:
    if is_sha256(content.etag):
        return ManifestFile(content.size, content.etag, None)
    return ManifestFile(content.size, None, content.etag)


def _blob(name: str, location: str, found: os.stat_result) -> Blob:
    return Blob(
        name,
        location,
        found.st_size,
        found.st_blocks * 512,
        (found.st_dev, found.st_ino),
        found.st_nlink,
        found.st_atime,
        found.st_mtime,
    )


def _manifest(commit: CachedCommit) -> Mapping[str, ManifestFile] | None:
    """Return the first manifest of the commit that can be read."""
    for folder in commit.folders:
        try:
            found = os.stat(manifest_path(folder, commit.commit))
        except OSError:
            continue
        manifest = _manifest_once(folder, commit.commit, Fingerprint.of(found))
        if manifest is not None:
            return manifest
    return None


@lru_cache(maxsize=32)
def _manifest_once(
    folder: str, commit: str, fingerprint: Fingerprint
) -> Mapping[str, ManifestFile] | None:
    del fingerprint  # It is the key: a file that was replaced is read again.
    return read_manifest(folder, commit)


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, bool]]:
    """Yield each file's path in the repo, and whether it is a link; follows no linked folder."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda found: found.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.is_symlink()


def _is_folder(link: str) -> bool:
    return os.path.isdir(link) and not os.path.islink(link)
