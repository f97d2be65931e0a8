"""Who is hashing what: two processes that verify one cache at once share the work.

A claim is a kernel lock on one byte of one file, at the content's inode number; so there is
nothing to clean up, and a claim ends with its process, however that ends.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.belonging import opened
from swarmcache.hubcache.state import file_mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.state import State

_OFFSETS = (1 << 62) - 1
"""Inode numbers are folded into what a file offset can be."""


class Claims:
    """Claims of this process; its own threads do not exclude each other."""

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    @classmethod
    @contextmanager
    def opened(cls, state: State, folder: str) -> Iterator[Claims]:
        """Yield the claims on a cache; where they cannot be had, every claim succeeds."""
        handle = None
        if state.writable:
            with suppress(OSError):
                path = f"{state.folder(folder)}/claims"
                handle = opened(path, os.O_RDWR)
                with suppress(OSError):
                    os.fchmod(handle, file_mode(state.mode))
        try:
            yield cls(handle)
        finally:
            if handle is not None:
                os.close(handle)

    def take(self, inode: int) -> bool:
        """Claim an inode, and return whether no other process has it."""
        return self._lock(inode, take=True)

    def give_back(self, inode: int) -> None:
        """End a claim."""
        self._lock(inode, take=False)

    def _lock(self, inode: int, *, take: bool) -> bool:
        if self._handle is None:
            return True
        try:
            import fcntl  # noqa: PLC0415 - not on Windows
        except ImportError:
            return True
        what = fcntl.LOCK_EX | fcntl.LOCK_NB if take else fcntl.LOCK_UN
        try:
            fcntl.lockf(self._handle, what, 1, inode & _OFFSETS)
        except (BlockingIOError, PermissionError):
            return False
        except OSError:
            return True  # A file system without locks: work may be done twice, no harm else.
        return True
