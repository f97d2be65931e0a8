"""Where removals go by one rename each, and the only place where anything is deleted.

    .locks/.swarmcache/trash/<random>/<repo folder>/…       as it stood in the repo
                                     /legacy/…, partial/…   what lay beside the repos

A killed `clean` leaves some of it, and the next one goes on. A repo's part is looked through once
more before it is deleted: what somebody put there at the last instant is not the Hub's.
"""

from __future__ import annotations

import contextlib
import errno
import os
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import AccessDenied, os_sentence
from swarmcache.hubcache.layers import is_layered, is_overlay
from swarmcache.hubcache.layout import BLOBS, SNAPSHOTS, parse_folder_name
from swarmcache.hubcache.mounts import from_elsewhere, mounted_in, mounts_below
from swarmcache.hubcache.payloads import payload_behind
from swarmcache.hubcache.soft_locks import remove_dead
from swarmcache.locale import t
from swarmcache.plans.clean.known import take_inventory
from swarmcache.plans.clean.payloads import free_payloads
from swarmcache.plans.clean.values import Kept

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from swarmcache.hubcache.layout import RepoName

FOLDER = "trash"


class Unfinished(NamedTuple):
    """What a killed removal has in the trash of one repo."""

    commits: frozenset[str]
    linked: frozenset[str]
    """Names of the blobs that their snapshots link."""


class Trash:
    """The trash of one cache, for one process at a time."""

    def __init__(self, folder: str, cache: str, tiers: Sequence[str] = ()) -> None:
        """Take the trash folder and the cache's real path; AccessDenied through a link."""
        refuse_odd_trash(folder, cache)
        self._folder = folder
        self._cache = cache
        self._tiers = tiers
        self._entry = f"{folder}/{os.urandom(8).hex()}"
        self.freed_bytes = 0
        """Allocated bytes of the files whose last name was removed so far."""
        self._busy: list[str] = []
        """Payloads that others hold."""

    def take(self, path: str, group: str) -> None:
        """Move a name of the cache into the trash: the instant in which it is gone.

        Raises OSError, AccessDenied for what an image's layer holds.
        """
        if not os.path.islink(path) and not os.path.isdir(path) and is_layered(path):
            raise _layered(path)
        place = self._place(path, group)
        os.makedirs(os.path.dirname(place), exist_ok=True)
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
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.rename(place, path)
        return True

    def take_lock(self, path: str) -> bool:
        """Delete a lock whose owner is proven dead; False when it is no such one any more."""
        aside = f"{self._entry}/locks/{os.urandom(8).hex()}"
        os.makedirs(os.path.dirname(aside), exist_ok=True)
        return remove_dead(path, aside, self.unlink)

    def strangers(self, group: str) -> tuple[str, ...]:
        """Return what in this removal's part of a repo is not the Hub's, by where it stood."""
        found = take_inventory(f"{self._entry}/{group}", self._cache, self._tiers).strangers
        return tuple(f"{self._cache}/{path[len(self._entry) + 1 :]}" for path in found)

    def mounted(self, group: str) -> str | None:
        """Return what of this removal's part of a repo is mounted from elsewhere."""
        return mounted_in(f"{self._entry}/{group}", mounts_below(self._folder))

    def empty(self) -> list[Kept]:
        """Delete what is in the trash; return what stays there, and why."""
        kept: list[Kept] = []
        mounts = mounts_below(self._folder)
        for entry in _names(self._folder):
            for group in _names(f"{self._folder}/{entry}"):
                folder = f"{self._folder}/{entry}/{group}"
                point = mounted_in(folder, mounts)
                if point is not None:
                    kept.append(Kept(point, from_elsewhere(point)))
                    continue
                try:
                    strangers = self._delete(folder)
                except OSError as error:
                    kept.append(Kept(folder, os_sentence(error), failed=True))
                else:
                    kept += [Kept(path, t("it is not of the Hub's layout")) for path in strangers]
            with contextlib.suppress(OSError):
                os.rmdir(f"{self._folder}/{entry}")
        busy, self._busy = self._busy, []
        return kept + [Kept(path, t("another process holds its lock"), busy=True) for path in busy]

    def free_payloads(self, payloads: Collection[str], *, unlisted: bool = False) -> list[str]:
        """Remove those payloads of the shared store that nothing uses; return the busy ones."""
        staging = f"{self._entry}/manifests"
        busy = free_payloads(self._cache, payloads, self.unlink, staging, unlisted=unlisted)
        for folder in (staging, self._entry):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return busy

    def unlink(self, path: str) -> None:
        """Remove one name, and count its bytes if no other name leads to them."""
        found = os.lstat(path)
        os.unlink(path)
        if S_ISREG(found.st_mode) and found.st_nlink == 1:
            self.freed_bytes += found.st_blocks * 512

    def _place(self, path: str, group: str) -> str:
        """Return where a name goes: below the part of its repo as it stood in the repo."""
        home = f"{self._cache}/{group}"
        if path == home:
            return f"{self._entry}/{group}"
        inner = path[len(home) + 1 :] if path.startswith(home + "/") else os.path.basename(path)
        return f"{self._entry}/{group}/{inner}"

    def _delete(self, folder: str) -> list[str]:
        if parse_folder_name(os.path.basename(folder)) is not None:
            strangers = take_inventory(folder, self._cache, self._tiers).strangers
            if strangers:
                return list(strangers)
            self._free_payloads(folder)
        with contextlib.suppress(FileNotFoundError):
            self._remove(folder)
        return []

    def _free_payloads(self, folder: str) -> None:
        """Free what only this repo used of the shared store, while its links still tell what."""
        payloads = set()
        for name in _names(f"{folder}/{BLOBS}"):
            with contextlib.suppress(OSError):
                payload = payload_behind(self._cache, os.readlink(f"{folder}/{BLOBS}/{name}"))
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


def unfinished(folder: str) -> dict[RepoName, Unfinished]:
    """Return what killed removals have left in a trash folder, by repo; nothing is changed."""
    found: dict[RepoName, Unfinished] = {}
    for entry in _names(folder):
        for group in _names(f"{folder}/{entry}"):
            repo = parse_folder_name(group)
            if repo is None:
                continue
            before = found.get(repo, Unfinished(frozenset(), frozenset()))
            snapshots = f"{folder}/{entry}/{group}/{SNAPSHOTS}"
            commits = before.commits.union(_names(snapshots))
            found[repo] = Unfinished(commits, before.linked.union(_linked(snapshots)))
    return found


def is_empty(folder: str) -> bool:
    """Tell whether there is nothing in a trash folder, not even a folder."""
    return not _names(folder)


def trash_files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each regular file in a trash folder."""
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                found = os.lstat(f"{path}/{name}")
                if S_ISREG(found.st_mode):
                    yield f"{path}/{name}", found


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


def _linked(folder: str) -> Iterator[str]:
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield os.path.basename(os.readlink(f"{path}/{name}"))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
