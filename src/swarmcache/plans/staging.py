"""Where changes are made ready: beside the cache, on its file system, so that a rename publishes.

One process at a time changes a cache this way. What a killed one left lies in `partial/` below
our own state, where nobody looks, and the next one removes it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from swarmcache.errors import FULL, SwarmcacheError, disk_full
from swarmcache.hubcache.belonging import give
from swarmcache.hubcache.drafts import draft_name, has_drafts, sweep_drafts
from swarmcache.hubcache.layout import LOCKS
from swarmcache.hubcache.locks import PATIENCE, held
from swarmcache.hubcache.reading import open_quietly
from swarmcache.hubcache.state import PARTIALS, REPAIR, file_mode, state_folder, unwritable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment


class Staging:
    """A folder of this process alone, gone when its `with` block ends."""

    is_cramped = False
    """Whether the disk is so full that there is no such folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def copied(self, source: str) -> str:
        """Return a copy of a file, with the mode that the Hub's clients give."""
        staged = self.new_name()
        with open(source, "rb", opener=open_quietly) as original, open(staged, "xb") as copy:
            shutil.copyfileobj(original, copy, 2**20)
        return staged

    def written(self, text: str) -> str:
        """Return a new file that holds `text`."""
        staged = self.new_name()
        with open(staged, "x", encoding="ascii") as file:
            file.write(text)
        return staged

    def linked(self, target: str) -> str:
        """Return a new symbolic link that says `target`."""
        staged = self.new_name()
        os.symlink(target, staged)
        return staged

    def new_name(self) -> str:
        """Return a path in this folder where nothing is yet."""
        return os.path.join(self._folder, os.urandom(8).hex())


class _BesideLocks(Staging):
    """The folder of the Hub's locks, in the place of one that a full disk lets nobody make."""

    is_cramped = True

    def new_name(self) -> str:
        return draft_name(super().new_name())


@contextlib.contextmanager
def staging(
    cache: str, environment: Environment, *, seconds: float = PATIENCE, cramped: bool = False
) -> Iterator[Staging]:
    """Yield a place to make changes ready, after removing what dead processes left of theirs.

    Raises AccessDenied for a cache that this user cannot write, CacheBusy when another process
    changes this cache for longer than `seconds`, DiskFull when not even a folder can be made;
    with `cramped` it then yields one that is there, fit for a hard link, which takes no room.
    """
    state = state_folder(cache, environment)
    if not state.is_beside:
        raise _unusable(cache)
    with contextlib.ExitStack() as stack:
        try:
            sweep_drafts(f"{cache}/{LOCKS}")
            try:
                partial = state.folder(PARTIALS)
            finally:
                if os.path.isdir(state.path):  # As it may be on a full disk too.
                    lock = held(f"{state.path}/repair.lock", seconds, mode=file_mode(state.mode))
                    stack.enter_context(lock)
            _sweep(partial)
            stack.callback(_sweep, partial)
            folder = tempfile.mkdtemp(prefix=REPAIR, dir=partial)
            give(folder)
            place = Staging(folder)
        except OSError as error:
            if not (cramped and error.errno in FULL):
                raise _unusable(cache, error) from error
            place = _BesideLocks(f"{cache}/{LOCKS}")
        yield place


def has_leftovers(cache: str, environment: Environment) -> bool:
    """Tell whether a killed process left something in the staging folder."""
    partials = state_folder(cache, environment).partials
    if has_drafts(f"{cache}/{LOCKS}"):
        return True
    return bool(glob.glob(f"{glob.escape(partials)}/{REPAIR}*"))


def drop_leftovers(cache: str, environment: Environment) -> None:
    """Remove what killed processes left in the staging folder, unless somebody works there now."""
    if has_leftovers(cache, environment):
        with contextlib.suppress(SwarmcacheError), staging(cache, environment, seconds=0):
            pass


def _sweep(partial: str) -> None:
    for left in glob.glob(f"{glob.escape(partial)}/{REPAIR}*"):
        shutil.rmtree(left, ignore_errors=True)


def _unusable(cache: str, error: OSError | None = None) -> SwarmcacheError:
    if error is not None and error.errno in FULL:
        return disk_full(cache)
    return unwritable(cache)
