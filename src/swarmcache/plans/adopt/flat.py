"""The flat files of old transformers as pulls: of a commit where one is known, else only blobs.

A flat file tells a revision's name and not which commit that was. Where the name is a commit, or
a list of files that is kept here has the very path and hash, the file gets its place in that
commit's snapshot. Of any other only the blob comes: the next pull of the repo, which asks the Hub
what its commit has, links it without downloading.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import UnsafeListing
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.layout import BLOBS, TREES, Target, folder_name, is_commit
from swarmcache.hubcache.leftovers.flat_records import StrangeFlatFile, read_flat_files
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.publishing import sync_folders
from swarmcache.hubcache.refs import read_ref
from swarmcache.plans.adopt.listing import Listed
from swarmcache.plans.clean.values import Kept
from swarmcache.plans.pull.bringing import fetched, remember
from swarmcache.transfer.contents import Content
from swarmcache.transfer.listing import RemoteFile, RepoListing, check_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmcache.hubcache.layout import RepoName
    from swarmcache.hubcache.leftovers.flat_records import FlatFile
    from swarmcache.hubcache.manifest import ManifestFile
    from swarmcache.plans.pull import PlannedPull
    from swarmcache.progress import Progress
    from swarmcache.transfer.contents import Fetched
    from swarmcache.transfer.hub import Hub


class FlatReader:
    """Reads the flat files of some folders."""

    def __init__(
        self, folders: Sequence[str], endpoints: Sequence[str], caches: Sequence[str]
    ) -> None:
        """Take the folders, whose urls are believed, and the caches whose lists of files count."""
        self.kept: list[Kept] = []
        """What cannot come, once `listed` has been read."""
        self.files: list[FlatFile] = []
        """What can."""
        self._folders = folders
        self._endpoints = endpoints
        self._caches = caches
        self._manifests: dict[RepoName, dict[str, Mapping[str, ManifestFile]]] = {}

    def listed(self) -> Iterator[Listed]:
        """Yield the listings, repo by repo; the commit is empty where none is known."""
        groups: dict[tuple[Target, str], dict[str, FlatFile]] = {}
        for folder in self._folders:
            for file in read_flat_files(folder, self._endpoints):
                reason = file.reason if isinstance(file, StrangeFlatFile) else _odd_path(file.path)
                if reason or isinstance(file, StrangeFlatFile):
                    self.kept.append(Kept(file.location, reason))
                    continue
                self.files.append(file)
                commit = self._commit(file)
                target = Target(file.repo.type, file.repo.id, commit or file.revision)
                groups.setdefault((target, commit), {}).setdefault(file.etag, file)
        for (target, commit), files in sorted(groups.items(), key=lambda group: group[0]):
            remote = tuple(_remote(file) for file in files.values())
            listing = RepoListing(target, commit, remote, self._folders[0], whole=False)
            yield Listed(listing, {etag: (one.location,) for etag, one in files.items()}, {}, {})

    def _commit(self, file: FlatFile) -> str:
        """Return a commit that has the very file, empty where none is known."""
        if is_commit(file.revision):
            return file.revision
        with_it = [
            commit
            for commit, records in self._known(file.repo).items()
            if (record := records.get(file.path)) is not None
            and (record.etag, record.size) == (file.etag, file.size)
        ]
        named = {read_ref(cache, file.repo, file.revision) for cache in self._caches}
        return next((one for one in with_it if one in named), with_it[0] if with_it else "")

    def _known(self, repo: RepoName) -> dict[str, Mapping[str, ManifestFile]]:
        """Return the lists of files that the caches have of a repo, by commit."""
        if repo not in self._manifests:
            found = self._manifests[repo] = {}
            for folder in (f"{cache}/{folder_name(repo)}" for cache in self._caches):
                for name in sorted(_names(f"{folder}/{TREES}")):
                    commit = name.removesuffix(".json")
                    records = read_manifest(folder, commit) if is_commit(commit) else None
                    if records is not None:
                        found[commit] = records
        return self._manifests[repo]


def bring_blobs(model: PlannedPull, cache: str, hub: Hub, progress: Progress) -> list[Fetched]:
    """Bring contents of which no commit is known, and return what was fetched; raises as a pull."""
    repo = f"{cache}/{folder_name(model.target)}"
    contents = [
        Content(
            model.target.name,
            "",
            file.path,
            file.content,
            file.size or 0,
            f"{repo}/{BLOBS}/{file.content}",
            copies=model.copies.get(file.content, ()),
        )
        for file in model.fetch
    ]
    with hub.crew(cache) as crew:
        found = fetched(model, hub.linker(cache), crew, contents, progress)
        sync_folders([f"{repo}/{BLOBS}", repo, cache])
        for content in contents:
            crew.forget(content)
    remember(found, cache, hub)
    return found


def is_over(file: FlatFile, cache: str) -> bool:
    """Tell whether a flat file's content is a blob of a cache."""
    try:
        blob = f"{cache}/{folder_name(file.repo)}/{BLOBS}/{file.etag}"
        return os.stat(blob).st_size == file.size
    except OSError:
        return False


def _odd_path(path: str) -> str:
    try:
        check_path(path)
    except UnsafeListing as error:
        return error.message
    return ""


def _remote(file: FlatFile) -> RemoteFile:
    is_lfs = algorithm_of(file.etag) == "sha256"
    sha256, git_sha1 = (file.etag, None) if is_lfs else (None, file.etag)
    return RemoteFile(file.path, file.size, sha256, git_sha1)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
