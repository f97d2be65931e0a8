"""The tree manifest that huggingface_hub >= 1.22 keeps: every file of a commit, size and hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.layout import TREES, is_git_sha1
from swarmcache.hubcache.reading import read_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Protocol

    class RemoteFile(Protocol):
        """A file of an endpoint's listing: `transfer.listing.RemoteFile`."""

        @property
        def path(self) -> str: ...  # noqa: D102 - as in the listing
        @property
        def size(self) -> int | None: ...  # noqa: D102 - as in the listing
        @property
        def sha256(self) -> str | None: ...  # noqa: D102 - as in the listing
        @property
        def git_sha1(self) -> str | None: ...  # noqa: D102 - as in the listing
        @property
        def xet_hash(self) -> str | None: ...  # noqa: D102 - as in the listing


FORMAT_VERSION = 1
_MAX_SIZE = 64 * 2**20
"""Bytes; a manifest of 100,000 files takes about 20 MB."""


class ManifestFile(NamedTuple):
    """What the endpoint that named the commit says of one file."""

    size: int
    """Bytes of content (not of the LFS pointer)."""
    sha256: str | None
    """For LFS and Xet files."""
    git_sha1: str | None
    """For files kept in git itself; None where only the LFS pointer has one."""

    @property
    def etag(self) -> str | None:
        """The name that the Hub's clients give to this content's blob."""
        return self.sha256 or self.git_sha1


def manifest_path(repo: str, commit: str) -> str:
    """Return where a repo folder keeps the manifest of a commit."""
    return f"{repo}/{TREES}/{commit}.json"


def read_manifest(repo: str, commit: str) -> Mapping[str, ManifestFile] | None:
    """Return path -> file of a commit, or None when there is no manifest that can be read.

    Format: `{"format_version": 1, "files": {path: {size, blob_id, lfs_sha256?, lfs_size?}}}`
    (huggingface_hub 1.22 to 2.4.0, `_tree_cache.py`). `blob_id` of an LFS file is the hash of
    its pointer, so it is not the content's.
    """
    entries = manifest_entries(repo, commit)
    try:
        return None if entries is None else {p: _file(entry) for p, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None  # Of a later format: nothing is told, nothing is lost.


def manifest_entries(repo: str, commit: str) -> Mapping[str, Any] | None:
    """Return path -> what the manifest says of it, unread; None as `read_manifest` does."""
    try:
        content = read_start(manifest_path(repo, commit), _MAX_SIZE)
    except OSError:
        return None
    try:
        document: Any = parse(content)
        files = document["files"] if document["format_version"] == FORMAT_VERSION else None
    except (ValueError, KeyError, TypeError):
        return None  # Cut off, or no manifest at all.
    return files if isinstance(files, dict) else None


def _file(entry: Mapping[str, Any]) -> ManifestFile:
    sha256 = entry.get("lfs_sha256")
    if sha256 is None:
        return ManifestFile(int(entry["size"]), None, str(entry["blob_id"]))
    return ManifestFile(int(entry.get("lfs_size") or entry["size"]), str(sha256), None)


def manifest_text(files: Iterable[RemoteFile]) -> str | None:
    """Return the manifest of a commit with these files, byte for byte as the Hub's client does.

    Sorted, indented by one (huggingface_hub 2.4.0, `write_tree_cache`). None where the endpoint's
    hashes are not the Hub's: then nothing may be kept for ever.
    """
    entries: list[str] = []
    for file in sorted(files, key=lambda one: one.path):
        if file.size is None or not is_git_sha1(file.git_sha1 or ""):
            return None
        fields = [f'"size": {file.size}', f'"blob_id": "{file.git_sha1}"']
        if file.sha256 is not None:
            fields += [f'"lfs_sha256": "{file.sha256}"', f'"lfs_size": {file.size}']
        if file.xet_hash is not None:
            fields.append(f'"xet_hash": "{file.xet_hash}"')
        inner = ",\n   ".join(fields)
        entries.append(f"  {_quoted(file.path)}: {{\n   {inner}\n  }}")
    # By hand: with an indent json takes its slow encoder, a tenth of a pull of 500 small files.
    body = "{\n" + ",\n".join(entries) + "\n }" if entries else "{}"
    return f'{{\n "format_version": {FORMAT_VERSION},\n "files": {body}\n}}'


def _quoted(text: str) -> str:
    from json.encoder import encode_basestring_ascii  # noqa: PLC0415 - see above

    return encode_basestring_ascii(text)
