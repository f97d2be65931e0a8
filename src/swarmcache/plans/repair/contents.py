"""The steps that put one file of a commit right: its bytes where they belong, its link."""

from __future__ import annotations

import os
from stat import S_ISLNK, S_ISREG
from typing import TYPE_CHECKING

from swarmcache.errors import NotRepairable, WrongBytes
from swarmcache.hubcache.intact.expectations import Expected, algorithm_of
from swarmcache.hubcache.layout import BLOBS, SNAPSHOTS, folder_name
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.payloads import payload_of
from swarmcache.hubcache.scan import read_repo
from swarmcache.locale import t
from swarmcache.plans.plan import PutContent, PutLink
from swarmcache.plans.repair.judging import is_intact
from swarmcache.transfer.listing import file_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.hubcache.intact.expectations import Locked, Record
    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.nearby import Nearby
    from swarmcache.plans.plan import Step
    from swarmcache.plans.repair.asking import Asking
    from swarmcache.transfer.listing import RepoListing


class Contents:
    """Plans files; what it learns of a repo or of a file's bytes it keeps."""

    def __init__(self, cache: str, sources: Nearby, asking: Asking, locked: Locked) -> None:
        self._cache = cache
        self._sources = sources
        self._asking = asking
        self._locked = locked
        self._records: dict[tuple[RepoName, str], Mapping[str, Record]] = {}
        self._linking: dict[RepoName, bool] = {}
        self._planned: dict[tuple[str, str], PutContent | None] = {}

    def steps(
        self, repo: RepoName, commit: str, path: str, expected: Expected | None = None
    ) -> tuple[Step, ...]:
        """Return what makes `path` of the commit right; nothing when it already is.

        Raises NotRepairable for what is in the way, TransferError and its kin for what cannot
        be fetched.
        """
        folder = f"{self._cache}/{folder_name(repo)}"
        entry = f"{folder}/{SNAPSHOTS}/{commit}/{path}"
        _refuse_outside(entry, f"{folder}/{SNAPSHOTS}/{commit}")
        linked = _is_link(entry)
        if linked is None:
            linked = self._links(repo)
        expected = expected or self._expected(repo, commit, path, entry)
        if not linked:
            content = self._content(repo, commit, path, expected, entry)
            return (content,) if content is not None else ()
        blob = f"{folder}/{BLOBS}/{expected.digest}"
        location = payload_of(self._cache, blob) or blob
        content = self._content(repo, commit, path, expected, location)
        steps: tuple[Step, ...] = (content,) if content is not None else ()
        target = os.path.relpath(blob, os.path.dirname(entry))
        if not os.path.islink(entry) or os.readlink(entry) != target:
            steps += (PutLink(entry, target),)
        return steps

    def _content(
        self, repo: RepoName, commit: str, path: str, expected: Expected, location: str
    ) -> PutContent | None:
        key = (location, expected.digest)
        if key not in self._planned:
            self._planned[key] = self._new_content(repo, commit, path, expected, location)
        return self._planned[key]

    def _new_content(
        self, repo: RepoName, commit: str, path: str, expected: Expected, location: str
    ) -> PutContent | None:
        """Return the step that brings the bytes to `location`; None when they are there."""
        _is_link(location)  # Something else than a file in the way is refused.
        if is_intact(location, expected, self._cache):
            return None
        copies = self._sources.copies(expected, repo, path, location)
        listing = None if copies else self._asking.listing(repo, commit)
        size = expected.size
        if listing is not None:
            size = agreed_size(listing, path, expected)
        elif size is None:
            size = os.path.getsize(copies[0])
        names = _names(location)
        return PutContent(repo, commit, path, expected, location, size or 0, copies, listing, names)

    def _expected(self, repo: RepoName, commit: str, path: str, entry: str) -> Expected:
        """Return what the file must be: by lock, manifest, its blob's name, or whom we ask."""
        record = self._record(repo, commit).get(path)
        etag = record.etag if record is not None else None
        algorithm = algorithm_of(etag or "")
        if record is not None and etag is not None and algorithm is not None:
            return Expected(algorithm, etag, record.size, "record")
        name = _blob_name(entry)
        algorithm = algorithm_of(name)
        if algorithm is not None:
            return Expected(algorithm, name, record.size if record is not None else None, "name")
        nearby = self._sources.expected(repo, commit, path)
        if nearby is not None:
            return nearby
        file = file_at(self._asking.listing(repo, commit), path)
        algorithm = algorithm_of(file.etag or "")
        if algorithm is None or file.etag is None:
            raise NotRepairable(t("Nothing tells what the bytes of {path} must be.", path=path))
        return Expected(algorithm, file.etag, file.size, "record")

    def _record(self, repo: RepoName, commit: str) -> Mapping[str, Record]:
        key = (repo, commit)
        if key not in self._records:
            folder = f"{self._cache}/{folder_name(repo)}"
            found: dict[str, Record] = dict(read_manifest(folder, commit) or {})
            found.update(self._locked(repo, commit) or {})
            self._records[key] = found
        return self._records[key]

    def _links(self, repo: RepoName) -> bool:
        """Tell whether the repo's snapshots hold links, as they do wherever links can be made."""
        if repo not in self._linking:
            found = read_repo(self._cache, repo)
            files = [file for rev in found.revisions for file in rev.files] if found else []
            plain = any(file.blob is not None and not file.blob.name for file in files)
            self._linking[repo] = not plain or bool(found and found.blobs)
        return self._linking[repo]


def agreed_size(listing: RepoListing, path: str, expected: Expected) -> int | None:
    """Return the bytes that an endpoint names for a file.

    Raises WrongBytes when the endpoint has another file there than the one expected.
    """
    file = file_at(listing, path)
    comparable = algorithm_of(file.etag or "") == expected.algorithm
    if comparable and file.etag != expected.digest:
        raise WrongBytes(
            t(
                "{endpoint} has another {path} than the one expected: {found} for {expected}.",
                endpoint=listing.endpoint,
                path=path,
                found=file.etag,
                expected=expected.digest,
            )
        )
    return file.size if expected.size is None else expected.size


def _is_link(path: str) -> bool | None:
    """Tell whether a link or a plain file is at `path`; None for nothing, or an empty folder.

    Raises NotRepairable for a folder with content, a pipe, a device: nobody knows whose it is.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        mode = 0  # A file stands where a folder on the way should be.
    if S_ISLNK(mode) or S_ISREG(mode):
        return S_ISLNK(mode)
    if os.path.isdir(path) and not os.listdir(path):
        return None
    raise _in_the_way(path)


def _in_the_way(path: str) -> NotRepairable:
    return NotRepairable(
        t("{path} is in the way: no file, and not known to swarmcache.", path=path),
        hint=("ls", "-la", path),
    )


def _refuse_outside(entry: str, snapshot: str) -> None:
    """Raise NotRepairable when a path, or a folder's link on it, leads out of the snapshot.

    A snapshot that is itself a link is no client's work, and may lead out of the cache.
    """
    if os.path.islink(snapshot):
        raise _in_the_way(snapshot)
    inside = os.path.realpath(snapshot)
    parent = os.path.realpath(os.path.dirname(entry))
    if os.path.normpath(entry) != entry or not f"{parent}/".startswith(f"{inside}/"):
        raise NotRepairable(t("{path} leads out of its snapshot.", path=entry))


def _blob_name(entry: str) -> str:
    """Return the name of the blob that a snapshot's link says, whether it is there or not."""
    if not os.path.islink(entry):
        return ""
    folder, name = os.path.split(os.readlink(entry))
    return name if os.path.basename(folder) == BLOBS else ""


def _names(location: str) -> int:
    try:
        return os.lstat(location).st_nlink
    except OSError:
        return 1
