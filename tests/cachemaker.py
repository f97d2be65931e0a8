"""Makes Hub cache folders by code, in every layout that a huggingface_hub release has written.

    commit = CacheMaker(tmp_path / "hub").repo("org/name", {"config.json": b"{}"})

Everything is derived from the content, so the same call makes the same bytes everywhere.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import random
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LFS = ("*.safetensors", "*.bin", "*.gguf", "*.pt")
"""What the Hub keeps in LFS by default, as far as our tests need it."""


class CacheMaker:
    """A cache folder under construction; `path` is what HF_HUB_CACHE would name."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        os.makedirs(self.path, exist_ok=True)

    def folder(self, repo_id: str, repo_type: str = "model") -> str:
        """Return where the repo lies in this cache."""
        return os.path.join(self.path, "--".join([f"{repo_type}s", *repo_id.split("/")]))

    def repo(  # noqa: PLR0913 - each keyword is one trait of a layout
        self,
        repo_id: str,
        files: Mapping[str, bytes],
        *,
        repo_type: str = "model",
        commit: str | None = None,
        refs: Mapping[str, str] | Sequence[str] = ("main",),
        lfs: Sequence[str] = LFS,
        trees: bool = True,
        links: bool = True,
        shared: bool = False,
        absent: Iterable[str] = (),
        no_exist: Iterable[str] = (),
    ) -> str:
        """Write one revision of a repo and return its commit.

        `refs` are names that shall point to this commit, or a mapping of names to commits, the
        first of which becomes this revision's own. `trees` writes the manifest of
        huggingface_hub >= 1.22; `links=False` puts the files themselves into the snapshot;
        `shared` puts LFS content into the cache-wide store of >= 1.32. Files named in `absent`
        are in the manifest but not on the disk; `no_exist` are remembered 404s.
        """
        folder = self.folder(repo_id, repo_type)
        named = dict(refs) if isinstance(refs, Mapping) else {}
        commit = commit or next(iter(named.values()), None) or _commit_of(repo_id, files)
        for ref, target in (named or dict.fromkeys(refs, commit)).items():
            write(os.path.join(folder, "refs", ref), target.encode())
        os.makedirs(os.path.join(folder, "snapshots", commit), exist_ok=True)
        skipped = set(absent)
        for path, content in files.items():
            if path not in skipped:
                is_lfs = matches(path, lfs)
                self._file(folder, commit, path, content, (is_lfs, links, shared and is_lfs))
        for path in no_exist:
            write(os.path.join(folder, ".no_exist", commit, path), b"")
        if trees:
            manifest = {p: _entry(c, matches(p, lfs)) for p, c in sorted(files.items())}
            document = json.dumps({"format_version": 1, "files": manifest}, indent=1)
            write(os.path.join(folder, "trees", f"{commit}.json"), document.encode())
        return commit

    def _file(
        self, folder: str, commit: str, path: str, content: bytes, traits: tuple[bool, bool, bool]
    ) -> None:
        is_lfs, links, shared = traits
        pointer = os.path.join(folder, "snapshots", commit, path)
        if not links:
            write(pointer, content)
            return
        blob = os.path.join(folder, "blobs", sha256(content) if is_lfs else git_sha1(content))
        if shared:
            link(self._payload(folder, os.path.basename(blob), content), blob)
        else:
            write(blob, content)
        link(blob, pointer)

    def _payload(self, folder: str, etag: str, content: bytes) -> str:
        xet = hashlib.sha256(b"xet\0" + content).hexdigest()
        store = os.path.join(self.path, "blobs")
        write(os.path.join(store, ".huggingface-shared-blobs"), b"1\n")
        payload = os.path.join(store, xet[:2], xet)
        write(payload, content)
        with open(f"{payload}.refs", "a") as manifest:
            manifest.write(f"{os.path.basename(folder)}/blobs/{etag}\n")
        return payload


def git_sha1(content: bytes) -> str:
    """Return the git blob hash: the blob name of a small file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    """Return the blob name of an LFS file."""
    return hashlib.sha256(content).hexdigest()


def tiny_safetensors(seed: int = 0, *, tensors: int = 2, rows: int = 16) -> bytes:
    """Return a real safetensors file: `tensors` float32 tensors of shape (rows, 8)."""
    size = rows * 8 * 4
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    for index in range(tensors):
        offsets = [index * size, (index + 1) * size]
        name = f"model.layers.{index}.weight"
        header[name] = {"dtype": "F32", "shape": [rows, 8], "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    noise = random.Random(seed)
    numbers = [noise.uniform(-1, 1) for _ in range(tensors * rows * 8)]
    return struct.pack("<Q", len(text)) + text + struct.pack(f"<{len(numbers)}f", *numbers)


def write(path: str, content: bytes) -> None:
    """Write a file and the folders above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def link(target: str, path: str) -> None:
    """Make `path` a relative link to `target`, as the Hub's clients do."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(os.path.relpath(target, os.path.dirname(path)), path)


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Tell whether the Hub keeps a file in LFS by these patterns."""
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def _commit_of(repo_id: str, files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha1(repo_id.encode())
    for path, content in sorted(files.items()):
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0" + content)
    return digest.hexdigest()


def _entry(content: bytes, is_lfs: bool) -> dict[str, object]:
    entry: dict[str, object] = {"size": len(content), "blob_id": git_sha1(content)}
    if is_lfs:
        oid = sha256(content)
        pointer = (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
        )
        entry |= {"blob_id": git_sha1(pointer.encode()), "lfs_sha256": oid}
        entry["lfs_size"] = len(content)
    return entry
