"""Who holds which bytes of the disk: hard links have a count, reflinks have none.

The kernel only tells that an extent is shared. Who shares it is found among the files of the same
size, in the cache, in its tiers and in the other caches that are known here: links are made of
whole files. That is looked up only where two files that go share an extent, since what one file
alone shares is not freed, whoever has it too. Nothing is asked on a file system without reflinks.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cached_property
from stat import S_ISREG
from typing import TYPE_CHECKING, TypeAlias

from swarmcache.hubcache.extents import pieces
from swarmcache.hubcache.file_systems import file_system
from swarmcache.hubcache.linking import may_reflink
from swarmcache.hubcache.registry import known_caches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.hubcache.extents import Piece

Inode: TypeAlias = tuple[int, int]
"""Device and number."""


class Holders:
    """The files of one cache and of those next door, each asked once what it holds."""

    def __init__(self, cache: str, environment: Environment, tiers: Sequence[str] = ()) -> None:
        """Take the cache's real path; nothing is looked at yet."""
        self._cache = cache
        self._environment = environment
        self._tiers = tiers
        self._asks = may_reflink(cache)
        self._known: dict[tuple[int, ...], dict[Piece, int]] = {}
        self._found: dict[int, dict[Piece, set[Inode]]] = {}

    def pieces(self, path: str, found: os.stat_result) -> Mapping[Piece, int]:
        """Return what a file holds of the disk, with its bytes."""
        inode, physical = inode_of(found), found.st_blocks * 512
        if not self._asks:
            return {inode: physical}
        # Of a removed file the number comes back with the next new one.
        key = (*inode, found.st_size, found.st_mtime_ns)
        if key not in self._known:
            self._known[key] = pieces(path, inode, physical)
        return self._known[key]

    def of(self, piece: Piece, size: int) -> set[Inode]:
        """Return the files of a size that hold an extent, as far as they are known here."""
        if size not in self._found:
            found: dict[Piece, set[Inode]] = {}
            self._found[size] = found
            for path, status in self._by_size.get(size, ()):
                for held in self.pieces(path, status):
                    found.setdefault(held, set()).add(inode_of(status))
        return self._found[size].get(piece, set())

    @cached_property
    def are_told_at_once(self) -> bool:
        """Whether an extent counts as shared no longer as soon as its other file is removed.

        xfs removes a file's extents in the background (Linux >= 5.14, `xfs_inodegc_worker`).
        """
        return file_system(self._cache).name != "xfs"

    @cached_property
    def _by_size(self) -> dict[int, list[tuple[str, os.stat_result]]]:
        found: dict[int, list[tuple[str, os.stat_result]]] = {}
        device = os.stat(self._cache).st_dev
        others = [*self._tiers, *known_caches(self._environment)]
        for folder in dict.fromkeys([self._cache, *map(os.path.realpath, others)]):
            for path, status in _files(folder):
                if status.st_dev == device and status.st_size:
                    found.setdefault(status.st_size, []).append((path, status))
        return found


class Holding:
    """What some files hold of the disk: each hard link, and each reflink, once."""

    def __init__(self, holders: Holders, files: Mapping[str, os.stat_result]) -> None:
        """Take the files by path."""
        self.names: dict[Inode, int] = {}
        """How many of the paths lead to each file."""
        self.files: dict[Piece, int] = {}
        """How many of the files hold each piece."""
        self._sizes: dict[Piece, int] = {}
        for path, found in files.items():
            inode = inode_of(found)
            self.names[inode] = self.names.get(inode, 0) + 1
            if self.names[inode] == 1:
                for piece, size in holders.pieces(path, found).items():
                    self.files[piece] = self.files.get(piece, 0) + 1
                    self._sizes[piece] = size

    def keep(self, paths: Iterable[str]) -> None:
        """Let what these paths lead to have one more name, which does not go."""
        for path in paths:
            with suppress(OSError):
                inode = inode_of(os.stat(path))
                self.names[inode] = self.names.get(inode, 0) + 1

    @property
    def bytes(self) -> int:
        """Allocated bytes."""
        return sum(self._sizes.values())


def inode_of(found: os.stat_result) -> Inode:
    """Return what tells two files of this machine apart."""
    return (found.st_dev, found.st_ino)


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files below a folder, as far as they can be read; no link is followed."""
    for path, _, names in os.walk(folder):
        yield from _regular(f"{path}/{name}" for name in names)


def _regular(paths: Iterable[str]) -> Iterator[tuple[str, os.stat_result]]:
    for path in paths:
        with suppress(OSError):
            found = os.lstat(path)
            if S_ISREG(found.st_mode):
                yield path, found
