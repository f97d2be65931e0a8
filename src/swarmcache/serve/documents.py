"""The JSON that the Hub's API answers with, as far as a cache knows it.

Field names are the Hub's, as huggingface_hub 0.36.2 to 2.4.0 read them. No `xetHash` ever: a
client that sees one asks for a Xet token, and fails without falling back to HTTP.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeAlias

from swarmcache.hubcache.layout import SNAPSHOTS
from swarmcache.serve.hashes import git_blob_hash, lfs_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from swarmcache.hubcache.manifest import ManifestFile
    from swarmcache.serve.catalogue import CachedCommit

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"


def info(commit: CachedCommit, files: Mapping[str, ManifestFile], *, blobs: bool) -> Json:
    """Return a repo at one commit; with `blobs`, each file's size and hashes too."""
    document: dict[str, Json] = {
        "id": commit.repo.id,
        "sha": commit.commit,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": [_sibling(path, file, blobs=blobs) for path, file in files.items()],
    }
    if "/" in commit.repo.id:
        document["author"] = commit.repo.id.partition("/")[0]
    if commit.repo.type == "model":
        document["modelId"] = commit.repo.id
    return document


def tree(files: Mapping[str, ManifestFile], folder: str, *, recursive: bool) -> list[Json]:
    """Return the entries below `folder`, all of them or only its own; empty for no such folder."""
    prefix = f"{folder}/" if folder else ""
    below = [path for path in files if path.startswith(prefix)]
    folders = {parent for path in below for parent in _parents(path) if parent.startswith(prefix)}
    paths = [
        path for path in sorted({*below, *folders}) if recursive or "/" not in path[len(prefix) :]
    ]
    return [_entry(path, files.get(path)) for path in paths]


def paths_info(files: Mapping[str, ManifestFile], paths: Iterable[str]) -> Json:
    """Return the entries of the paths that exist, files or folders; the others are left out."""
    folders = {parent for path in files for parent in _parents(path)}
    wanted = dict.fromkeys(path.strip("/") for path in paths)
    return [_entry(path, files.get(path)) for path in wanted if path in files or path in folders]


def refs(commits: Mapping[str, str]) -> Json:
    """Return the refs of a repo; a cache does not tell branches from tags, so all are branches."""
    lists: dict[str, list[Json]] = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
    kinds = {"refs/convert/": "converts", "refs/pr/": "pullRequests"}
    for name, commit in commits.items():
        kind = next((kinds[start] for start in kinds if name.startswith(start)), "branches")
        ref = f"refs/heads/{name}" if kind == "branches" else name
        lists[kind].append({"name": name, "ref": ref, "targetCommit": commit})
    return {kind: list(found) for kind, found in lists.items()}


def commits(commit: CachedCommit) -> Json:
    """Return the one commit that is known; its date is when the snapshot came into the cache."""
    snapshot = os.path.join(commit.folders[0], SNAPSHOTS, commit.commit)
    seen = datetime.fromtimestamp(os.stat(snapshot).st_mtime, tz=timezone.utc)
    date = seen.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return [{"id": commit.commit, "title": "", "message": "", "authors": [], "date": date}]


def _entry(path: str, file: ManifestFile | None) -> Json:
    if file is None:
        return {"type": "directory", "path": path, "oid": None, "size": 0}
    entry: dict[str, Json] = {"type": "file", "path": path, "size": file.size, "oid": file.git_sha1}
    if file.sha256 is not None:
        pointer = lfs_pointer(file.sha256, file.size)
        entry["oid"] = git_blob_hash(pointer)
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": len(pointer)}
    return entry


def _sibling(path: str, file: ManifestFile, *, blobs: bool) -> Json:
    sibling: dict[str, Json] = {"rfilename": path}
    if not blobs:
        return sibling
    sibling |= {"size": file.size, "blobId": file.git_sha1}
    if file.sha256 is not None:
        pointer = lfs_pointer(file.sha256, file.size)
        sibling["blobId"] = git_blob_hash(pointer)
        sibling["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": len(pointer)}
    return sibling


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))
