"""A model written into a Hub cache folder, which `swarmcache serve` then gives out."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import BLOBS, REFS, SNAPSHOTS, RepoName, folder_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.launch.demo.models import Model

_LARGE = (".safetensors", ".bin")
"""What the Hub keeps in LFS, and therefore names by sha256."""


def publish(model: Model, cache_path: str) -> str:
    """Write `model` as the branch `main` of its repo and return the commit.

    The commit is a hash of the content, so every run of the demo serves the same one.
    """
    repo = os.path.join(cache_path, folder_name(RepoName("model", model.repo_id)))
    names = {path: _blob_name(path, data) for path, data in model.files.items()}
    commit = _commit(names)
    for path, data in model.files.items():
        _write(os.path.join(repo, BLOBS, names[path]), data)
        link = os.path.join(repo, SNAPSHOTS, commit, path)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(os.path.join("..", "..", BLOBS, names[path]), link)
    _write(os.path.join(repo, REFS, "main"), commit.encode())
    return commit


def _blob_name(path: str, data: bytes) -> str:
    if path.endswith(_LARGE):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # noqa: S324 - git's name


def _commit(names: Mapping[str, str]) -> str:
    listing = "".join(f"{path}\0{name}\n" for path, name in sorted(names.items()))
    return hashlib.sha1(listing.encode()).hexdigest()  # noqa: S324 - git's name


def _write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
