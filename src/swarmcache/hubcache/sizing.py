"""How large a cache is, in milliseconds: measured where that is quick, else remembered.

    .locks/.swarmcache/ledger/size      bytes, as text

`status` tells it exactly, and takes as long as it takes. A start is not to wait for this number.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.layout import BLOBS, SNAPSHOTS, parse_folder_name
from swarmcache.hubcache.state import file_mode, state_folder

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from swarmcache.environment import Environment

QUICK_SECONDS = 0.02
_LONG_SECONDS = 120.0
_FOLDER, _NAME = "ledger", "size"


class CacheSize(NamedTuple):
    """Bytes of content; what several names lead to counts once."""

    size: int
    least: bool
    """Whether it is at least so much: the time was over before all was seen."""


def quick_size(cache: str, environment: Environment) -> CacheSize:
    """Return the size of a cache folder within QUICK_SECONDS; never raises.

    Where they do not suffice, what `remember_size` measured last.
    """
    found = _measured(cache, QUICK_SECONDS)
    if not found.least:
        return found
    for folder in state_folder(cache, environment).sources(_FOLDER):
        with contextlib.suppress(OSError, ValueError), open(f"{folder}/{_NAME}", "rb") as file:
            return CacheSize(int(file.read(32)), least=False)
    return found


def remember_size(cache: str, environment: Environment) -> None:
    """Measure a cache that cannot be measured quickly, and write it down; never raises."""
    if not _measured(cache, QUICK_SECONDS).least:
        return
    found = _measured(cache, _LONG_SECONDS)
    state = state_folder(cache, environment)
    if state.writable and not found.least:
        from swarmcache.hubcache.publishing import write_whole  # noqa: PLC0415 - minutes later

        with contextlib.suppress(OSError, ValueError):
            path = f"{state.folder(_FOLDER)}/{_NAME}"
            write_whole(path, f"{found.size}\n", mode=file_mode(state.mode))


def _measured(cache: str, seconds: float) -> CacheSize:
    deadline = time.monotonic() + seconds
    seen: set[tuple[int, int]] = set()
    size = 0
    for entry in _files(cache):
        with contextlib.suppress(OSError):  # Removed meanwhile.
            status = entry.stat(follow_symlinks=False)
            key = (status.st_dev, status.st_ino)
            if status.st_nlink == 1 or key not in seen:
                size += status.st_size
            if status.st_nlink > 1:
                seen.add(key)
        if time.monotonic() > deadline:
            return CacheSize(size, least=True)
    return CacheSize(size, least=False)


def _files(cache: str) -> Iterator[os.DirEntry[str]]:
    """Yield the files that hold content: blobs, those shared by repos, and plain snapshots."""
    for repo in entries_of(cache):
        if repo.name == BLOBS:
            for shared in entries_of(repo.path):
                yield from _plain(entries_of(shared.path))
        elif parse_folder_name(repo.name) is not None:
            blobs = list(_plain(entries_of(f"{repo.path}/{BLOBS}")))
            # Where symbolic links are not to be had, the snapshots hold the files themselves.
            yield from blobs or _below(f"{repo.path}/{SNAPSHOTS}")


def _plain(entries: list[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in entries if entry.is_file(follow_symlinks=False))


def _below(folder: str) -> Iterator[os.DirEntry[str]]:
    for entry in entries_of(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry
