"""Where removals go by one rename each, and the only place where anything is deleted.

    .locks/.swarmcache/trash/<random>/<repo folder>/…       as it stood in the repo
                                     /legacy/…, partial/…   what lay beside the repos

On a full disk, where no folder can be made, each gets a name in one that is there (cramped.py).

A killed `clean` leaves some of it, and the next one goes on. A repo's part is looked through once
more before it is deleted: what somebody put there at the last instant is not the Hub's.
"""

from __future__ import annotations

import contextlib
import errno
import os
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

from swarmcache.errors import AccessDenied, os_sentence
from swarmcache.hubcache.layers import is_layered, is_overlay
from swarmcache.hubcache.layout import BLOBS, parse_folder_name
from swarmcache.hubcache.mounts import from_elsewhere, mounted_in, mounts_below
from swarmcache.hubcache.payloads import payload_behind
from swarmcache.hubcache.publishing import make_folder
from swarmcache.hubcache.soft_locks import remove_dead
from swarmcache.locale import t
from swarmcache.plans.clean.asides import WHOLE, strangers_at
from swarmcache.plans.clean.counting import Counter
from swarmcache.plans.clean.known import take_inventory
from swarmcache.plans.clean.payloads import free_payloads
from swarmcache.plans.clean.remains import left_aside, names_in
from swarmcache.plans.clean.values import Kept

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from swarmcache.plans.clean.holders import Holders
    from swarmcache.plans.plan import Remove


class Trash:
    """The trash of one cache, for one process at a time."""

    def __init__(
        self, folder: str, cache: str, holders: Holders, tiers: Sequence[str] = ()
    ) -> None:
        """Take the trash folder and the cache's real path; AccessDenied through a link."""
        self._refuse_odd(folder, cache)
        self._folder = folder
        self._cache = cache
        self._tiers = tiers
        self._counter = Counter(cache, holders, is_going=True)
        self._entry = f"{folder}/{os.urandom(8).hex()}"
        self.freed_bytes = 0
        """Allocated bytes of the files whose last name was removed so far."""
        self._asides = left_aside(cache)
        """What killed cleans have left on a full disk, and what this one has put there."""
        self._busy: list[str] = []
        """Payloads that others hold."""

    def take(self, path: str, group: str) -> None:
        """Move a name of the cache into the trash: the instant in which it is gone.

        Raises OSError, AccessDenied for what an image's layer holds.
        """
        if not os.path.islink(path) and not os.path.isdir(path) and is_layered(path):
            raise _layered(path)
        place = self._place(path, group)
        make_folder(os.path.dirname(place))
        try:
            os.rename(path, place)
        except OSError as error:
            if error.errno == errno.EXDEV and is_overlay(path):
                raise _layered(path) from error
            raise

    def put_back(self, path: str, group: str) -> bool:
        """Move a name back to where it stood, if nothing stands there now."""
        place = self._place(path, group)
        if not os.path.lexists(place) or os.path.lexists(path):
            return False
        make_folder(os.path.dirname(path))
        os.rename(place, path)
        return True

    def take_lock(self, path: str) -> bool:
        """Delete a lock whose owner is proven dead; False when it is no such one any more."""
        aside = self._scratch(f"locks/{os.urandom(8).hex()}")
        make_folder(os.path.dirname(aside))
        return remove_dead(path, aside, self.unlink)

    def strangers(self, group: str) -> tuple[str, ...]:
        """Return what in this removal's part of a repo is not the Hub's, by where it stood."""
        found = take_inventory(f"{self._entry}/{group}", self._cache, self._tiers).strangers
        return tuple(f"{self._cache}/{path[len(self._entry) + 1 :]}" for path in found)

    def mounted(self, group: str) -> str | None:
        """Return what of this removal's part of a repo is mounted from elsewhere."""
        return mounted_in(f"{self._entry}/{group}", mounts_below(self._folder))

    def batches(self, steps: Sequence[Remove]) -> list[Sequence[Remove]]:
        """Return the removals from one repo, by what is looked through at once: all of them."""
        return [steps]

    def settle(self, paths: Sequence[str]) -> None:
        """Delete of a batch that was looked through what need not wait for the others: nothing."""

    def empty(self) -> list[Kept]:
        """Delete what is in the trash; return what stays there, and why."""
        kept: list[Kept] = []
        mounts = mounts_below(self._folder)
        for entry in names_in(self._folder):
            for group in names_in(f"{self._folder}/{entry}"):
                kept += self._emptied(f"{self._folder}/{entry}/{group}", group, WHOLE, mounts)
            with contextlib.suppress(OSError):
                os.rmdir(f"{self._folder}/{entry}")
        mounts = mounts_below(self._cache) if self._asides else []
        for one in self._asides:
            kept += self._emptied(one.path, one.group, one.part, mounts)
        self._asides = [one for one in self._asides if os.path.lexists(one.path)]
        busy, self._busy = self._busy, []
        return kept + [Kept(path, t("another process holds its lock"), busy=True) for path in busy]

    def _emptied(self, path: str, group: str, part: str, mounts: list[str]) -> list[Kept]:
        """Delete one thing, unless something in it is not the Hub's."""
        point = mounted_in(path, mounts)
        if point is not None:
            return [Kept(point, from_elsewhere(point))]
        try:
            strangers = self._delete(path, group, part)
        except OSError as error:
            return [Kept(path, os_sentence(error), failed=True)]
        return [Kept(one, t("it is not of the Hub's layout")) for one in strangers]

    def free_payloads(self, payloads: Collection[str], *, unlisted: bool = False) -> list[str]:
        """Remove those payloads of the shared store that nothing uses; return the busy ones."""
        staging = self._scratch("manifests")
        busy = free_payloads(self._cache, payloads, self.unlink, staging, unlisted=unlisted)
        for folder in (staging, self._entry):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return busy

    def unlink(self, path: str) -> None:
        """Remove one name, and count its bytes if no other name leads to them."""
        found = os.lstat(path)
        is_last = S_ISREG(found.st_mode) and found.st_nlink == 1
        freed = self._counter.last_name(path, found) if is_last else 0
        os.unlink(path)
        self.freed_bytes += freed

    def _place(self, path: str, group: str) -> str:
        """Return where a name goes: below the part of its repo as it stood in the repo."""
        home = f"{self._cache}/{group}"
        if path == home:
            return f"{self._entry}/{group}"
        inner = path[len(home) + 1 :] if path.startswith(home + "/") else os.path.basename(path)
        return f"{self._entry}/{group}/{inner}"

    def _delete(self, path: str, group: str, part: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            strangers = strangers_at(path, group, part, self._cache, self._tiers)
            if strangers:
                return strangers
            if parse_folder_name(group) is not None:
                self._free_payloads(path)
            self._remove(path)
        return []

    def _refuse_odd(self, folder: str, cache: str) -> None:
        refuse_odd_trash(folder, cache)

    def _scratch(self, name: str) -> str:
        """Return a new place for what is no removal."""
        return f"{self._entry}/{name}"

    def _free_payloads(self, path: str) -> None:
        """Free what only this repo, or blob, used of the shared store, while links tell what."""
        payloads = set()
        for link in (path, *(f"{path}/{BLOBS}/{name}" for name in names_in(f"{path}/{BLOBS}"))):
            with contextlib.suppress(OSError):
                payload = payload_behind(self._cache, os.readlink(link))
                payloads.update({payload} - {None})
        self._busy += self.free_payloads(payloads)  # type: ignore[arg-type]

    def _remove(self, path: str) -> None:
        """Remove a tree; no link is followed."""
        if not S_ISDIR(os.lstat(path).st_mode):
            self.unlink(path)
            return
        for name in os.listdir(path):
            self._remove(f"{path}/{name}")
        os.rmdir(path)


def _layered(path: str) -> AccessDenied:
    return AccessDenied(
        t("{path} is in a layer of an image (overlay): removing it would free nothing.", path=path)
    )


def refuse_odd_trash(folder: str, cache: str) -> None:
    """Raise AccessDenied where the trash does not lie in the cache itself, on its file system.

    `cache` is a real path. A link there would have us delete where we must not even look.
    """
    real = os.path.realpath(folder)
    inside = real.startswith(cache + os.sep) and not os.path.islink(folder)
    if not inside or os.stat(folder).st_dev != os.stat(cache).st_dev:
        raise AccessDenied(
            t("{path} must be a folder of the cache itself, and is not.", path=folder),
            hint=("ls", "-ld", folder),
        )
