"""What a repo holds, as an endpoint says; every name is checked before anything is done with it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from swarmcache.errors import RepoNotFound, UnsafeListing
from swarmcache.hubcache.layout import is_git_sha1, is_sha256
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmcache.hubcache.layout import Target

MAX_FILES = 200_000
"""Files of one repo; the Hub advises to stay below 100,000."""
_MAX_SEGMENT = 255
"""Bytes of a file name on every file system that we know."""
_MAX_PATH = 4096 - 1024
"""Bytes of a path in a repo, so that there is room for the cache's own."""
_MAX_SIZE = 2**53
_ETAG = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")
"""What may name a blob where an endpoint tells no hash; no `….incomplete`, which is a client's."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a repo, as its endpoint describes it."""

    path: str
    size: int | None
    """Bytes; None where an endpoint does not tell."""
    sha256: str | None
    """For LFS and Xet files."""
    git_sha1: str | None
    """Git's hash: of the file where git itself keeps it, else of the LFS pointer."""
    xet_hash: str | None = None
    """For Xet files; the Hub's clients keep it in their manifest."""

    @property
    def etag(self) -> str | None:
        """The name of its blob in a cache."""
        return self.sha256 or self.git_sha1

    @property
    def content(self) -> str:
        """What is equal for files of equal content, so that they are counted once."""
        return self.etag or self.path


@dataclass(frozen=True, slots=True)
class RepoListing:
    """What a repo holds at one commit."""

    target: Target
    """What was asked for."""
    commit: str
    files: tuple[RemoteFile, ...]
    endpoint: str
    """Who says so, and where the files are fetched from; a cache's folder, where that told it."""
    whole: bool = True
    """Whether these are all files of the commit, so that they make its manifest."""


KnownFiles: TypeAlias = "Callable[[str], tuple[RemoteFile, ...] | None]"
"""Commit -> all its files, where something on this machine tells them."""


def file_at(listing: RepoListing, path: str) -> RemoteFile:
    """Return what the listing says of `path`; raises RepoNotFound when it has no such file."""
    for file in listing.files:
        if file.path == path:
            return file
    raise RepoNotFound(
        t(
            "{endpoint} has no {path} in {id} at {commit}.",
            endpoint=listing.endpoint,
            path=path,
            id=listing.target.id,
            commit=listing.commit[:12],
        )
    )


def remote_file(entry: dict[str, Any]) -> RemoteFile | None:
    """Return the file that an entry of `/tree` describes, or None for a folder.

    Raises UnsafeListing for an entry that no cache can hold, whatever is wrong with it.
    """
    try:
        if entry.get("type") != "file":
            return None
        path, lfs = entry["path"], entry.get("lfs") or {}
        size = lfs.get("size", entry["size"])
        sha256 = lfs.get("oid") or lfs.get("sha256")
        git_sha1 = entry.get("oid") or entry.get("blobId")
    except (AttributeError, KeyError, TypeError) as error:
        raise UnsafeListing(t("The list of files cannot be understood.")) from error
    check_path(path)
    if type(size) is not int or not 0 <= size < _MAX_SIZE:
        raise UnsafeListing(t("{path} is announced with an impossible size.", path=repr(path)))
    if sha256 is not None and not (isinstance(sha256, str) and is_sha256(sha256)):
        raise UnsafeListing(t("{path} is announced with an impossible hash.", path=repr(path)))
    if not isinstance(git_sha1, str) or not (is_git_sha1(git_sha1) or _ETAG.fullmatch(git_sha1)):
        raise UnsafeListing(t("{path} is announced with an impossible hash.", path=repr(path)))
    xet_hash = entry.get("xetHash")
    known = isinstance(xet_hash, str) and is_sha256(xet_hash)
    return RemoteFile(path, size, sha256, git_sha1, xet_hash if known else None)


def check_path(path: object) -> None:
    """Raise UnsafeListing unless `path` can be a file below a snapshot's folder, everywhere."""
    parts = path.split("/") if isinstance(path, str) else []
    bad = any(
        part in {"", ".", ".."} or len(part.encode("utf-8", "replace")) > _MAX_SEGMENT
        for part in parts
    )
    text = path if isinstance(path, str) else ""
    if (
        bad
        or not text
        or "\\" in text
        or any(unicodedata.category(letter) == "Cc" for letter in text)
        or len(text.encode("utf-8", "replace")) > _MAX_PATH
    ):
        name = repr(text[:60] + ("…" if len(text) > 60 else ""))  # noqa: PLR2004 - an example
        raise UnsafeListing(t("{path} is no name for a file in a cache.", path=name))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise UnsafeListing(
            t("{path} is no name for a file in a cache.", path=repr(text))
        ) from None


def check_together(files: Iterable[RemoteFile]) -> None:
    """Raise UnsafeListing for paths that cannot be together in one folder, or blobs in one."""
    paths: set[str] = set()
    sizes: dict[str, int | None] = {}
    for file in files:
        if file.path in paths:
            raise UnsafeListing(t("{path} is announced twice.", path=repr(file.path)))
        paths.add(file.path)
        if sizes.setdefault(file.content, file.size) != file.size:
            raise UnsafeListing(
                t("{path} is announced with an impossible size.", path=repr(file.path))
            )
    for path in paths:
        folder, slash, _ = path.rpartition("/")
        while slash:
            if folder in paths:
                raise UnsafeListing(
                    t("{path} is announced as a file and as a folder.", path=repr(folder))
                )
            folder, slash, _ = folder.rpartition("/")


def colliding(paths: Iterable[str]) -> tuple[str, str] | None:
    """Return two paths that differ only in case, or None: one file where a disk ignores case.

    Such disks mostly also take a letter and its accent for the letter that has it.
    """
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(unicodedata.normalize("NFC", path.casefold()), path)
        if other != path:
            return other, path
    return None
