"""Chunk caches of old hf_xet versions, which later ones neither read nor remove.

    <HF_XET_CACHE>/<endpoint>/chunk-cache/<2 characters>/<key>/<range>

Written by downloads before hf_xet 1.2.0 (xet-core #535, October 2025), up to 10 GB an endpoint.
`staging`, `shard-cache` and `logs` beside it are alive, and none of ours. To delete such a cache
costs an old client no more than a download; it counts as dead all the same only when nobody has
written to it for 30 days, since whoever uses it writes. (Sources: xet-core 1.0.0 to 1.6.0,
`data_client.rs`, `chunk_cache/src/disk.rs`, `safe_file_creator.rs`.)
"""

from __future__ import annotations

import os
import re
import time
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.folder import entries_of
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMES = frozenset({"chunk-cache", "chunk_cache"})
_DISCARDED = ".swarmcache-trash."
"""A chunk cache that a clean had begun to remove, in the place where it stood."""
_DEAD_SECONDS = 30 * 86400
_NAME = r"[A-Za-z0-9_=-]+"
_FILE = rf"{_NAME}|\.{_NAME}\.[A-Za-z0-9_-]+\.tmp"
"""Base64 as it may stand in a file's name, and what a killed download leaves."""


class ChunkCache(NamedTuple):
    """One chunk cache, as far as it is one."""

    path: str
    files: Mapping[str, os.stat_result]
    strangers: tuple[str, ...]
    """What is in it and was not put there by hf_xet, or cannot be read."""
    written: float
    """When something in it was last written, in seconds since the epoch."""
    discarded: bool
    """Whether a clean had begun to remove it."""

    @property
    def physical(self) -> int:
        """Bytes allocated for it."""
        return sum(found.st_blocks * 512 for found in self.files.values())

    @property
    def why_kept(self) -> str | None:
        """Why it must stay, as a sentence for people; None for a dead one."""
        if self.strangers:
            return t("{path} in it is not Xet's", path=self.strangers[0])
        if not self.discarded and time.time() - self.written < _DEAD_SECONDS:
            return t("it was written to in the last 30 days")
        return None


def chunk_caches(xet: str) -> Iterator[ChunkCache]:
    """Yield the chunk caches in Xet's folder and its endpoints'; no link is followed."""
    for folder in (xet, *(path for path in _folders(xet) if not _is_one(path))):
        yield from (read_chunk_cache(path) for path in _folders(folder) if _is_one(path))


def read_chunk_cache(path: str) -> ChunkCache:
    """Return what is in a chunk cache."""
    reader = _Reader(os.lstat(path))
    reader.walk(path)
    discarded = os.path.basename(path).startswith(_DISCARDED)
    return ChunkCache(path, reader.files, tuple(reader.strangers), reader.written, discarded)


def discard(path: str) -> str:
    """Take a chunk cache out of use, on its own file system, and return where it is now."""
    if os.path.basename(path).startswith(_DISCARDED):
        return path
    aside = f"{os.path.dirname(path)}/{_DISCARDED}{os.urandom(8).hex()}"
    os.rename(path, aside)
    return aside


class _Reader:
    def __init__(self, root: os.stat_result) -> None:
        self.files: dict[str, os.stat_result] = {}
        self.strangers: list[str] = []
        self.written = root.st_mtime
        self._device = root.st_dev

    def walk(self, folder: str) -> None:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            self.strangers.append(folder)
            return
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            self.written = max(self.written, found.st_mtime)
            here = found.st_dev == self._device
            if S_ISDIR(found.st_mode) and here and re.fullmatch(_NAME, entry.name):
                self.walk(entry.path)
            elif S_ISREG(found.st_mode) and re.fullmatch(_FILE, entry.name):
                self.files[entry.path] = found
            else:
                self.strangers.append(entry.path)


def _is_one(path: str) -> bool:
    name = os.path.basename(path)
    return name in _NAMES or name.startswith(_DISCARDED)


def _folders(folder: str) -> list[str]:
    return [one.path for one in entries_of(folder) if one.is_dir(follow_symlinks=False)]
