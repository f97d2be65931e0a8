"""Hashes of content whose name does not tell them, computed once and remembered."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from concurrent.futures import Future
from typing import NamedTuple

from swarmcache.hubcache.reading import open_quietly

_CHUNK = 2**20
"""Bytes read at a time: the fastest for hashlib with SHA-NI (1.58 GB/s a core)."""
_LARGEST_IN_GIT = 10 * 1024**2
"""Bytes; the Hub refuses a larger file that is not in LFS."""
_LFS_NAME = re.compile(
    r".*tfevents.*|.*\.(7z|arrow|bin|bz2|ckpt|ftz|gguf|gz|h5|joblib|mlmodel|model|msgpack|npy|npz"
    r"|onnx|ot|parquet|pb|pickle|pkl|pt|pth|rar|safetensors|tar|tflite|tgz|wasm|xz|zip|zst)",
    re.IGNORECASE | re.DOTALL,
)
"""What the `.gitattributes` that the Hub gives every new repo keeps in LFS, and GGUF."""


class Fingerprint(NamedTuple):
    """Content on disk that did not change as long as this does not."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Fingerprint:
        """Return the fingerprint of what was found."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Hashes:
    """Computes each hash once, whoever asks at the same time; lives as long as the server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[Fingerprint, bool], Future[str]] = {}

    def etag(self, location: str, found: Fingerprint, *, lfs: bool) -> str:
        """Return the blob name of a file's bytes: sha256 for LFS, else git's blob hash.

        Waits for whoever computes it already; raises OSError when the file cannot be read.
        """
        key = (found, lfs)
        with self._lock:
            future = self._known.get(key)
            mine = future is None
            if future is None:
                future = self._known[key] = Future()
        if mine:
            self._compute(key, location, future)
        return future.result()

    def _compute(self, key: tuple[Fingerprint, bool], location: str, future: Future[str]) -> None:
        try:
            future.set_result(_hash(location, lfs=key[1]))
        except OSError as error:
            with self._lock:
                del self._known[key]  # The next request tries again.
            future.set_exception(error)


def belongs_in_lfs(path: str, size: int) -> bool:
    """Tell whether the Hub keeps such a file in LFS, where nothing in the cache tells."""
    return size > _LARGEST_IN_GIT or _LFS_NAME.fullmatch(path) is not None


def lfs_pointer(sha256: str, size: int) -> bytes:
    """Return what git holds in place of an LFS file of `size` bytes (git-lfs spec v1)."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    )


def git_blob_hash(content: bytes) -> str:
    """Return git's name for `content`."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _hash(location: str, *, lfs: bool) -> str:
    with open(location, "rb", buffering=0, opener=open_quietly) as file:
        if lfs:
            digest = hashlib.sha256()
        else:
            size = os.fstat(file.fileno()).st_size
            digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        buffer = bytearray(_CHUNK)
        view = memoryview(buffer)
        while count := file.readinto(buffer):
            digest.update(view[:count])
    return digest.hexdigest()
