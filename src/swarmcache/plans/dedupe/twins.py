"""Copies of blobs that are no blobs: files in snapshots, flat files, folders that programs edit.

They are never hard links and never replaced: where the file system can, it finds their bytes equal
and shares them (`hubcache/sharing.py`). Elsewhere they stay, and what would free them is told.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from swarmcache.errors import os_sentence
from swarmcache.hubcache.extents import share_extents
from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.intact.expectations import algorithm_of
from swarmcache.hubcache.layout import SNAPSHOTS, folder_name
from swarmcache.hubcache.leftovers.flat_files import flat_files
from swarmcache.hubcache.leftovers.flat_records import LOCK, RECORD, etag_of
from swarmcache.hubcache.leftovers.homes import flat_folders
from swarmcache.hubcache.linking import disk_of
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.scan import list_cache
from swarmcache.hubcache.sharing import share_bytes
from swarmcache.locale import tn
from swarmcache.plans.dedupe.values import LEAST, Key, Left, Shared, Twin
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from swarmcache.environment import Environment
    from swarmcache.plans.dedupe.values import Copy, TwinKind


class Blobs:
    """The blobs that may have the bytes of other files, and such files among themselves."""

    def __init__(self, copies: Mapping[Key, Sequence[Copy]]) -> None:
        """Take the blobs."""
        self._named = {key: [copy.path for copy in found] for key, found in copies.items()}
        self._seen: set[tuple[int, int]] = set()
        self._in_repo: dict[tuple[str, int], list[str]] = {}
        self._sized: dict[tuple[int, int], list[str]] = {}
        for (disk, _, size), found in copies.items():
            self._sized.setdefault((disk, size), []).append(found[0].path)
            for copy in found:
                repo = os.path.dirname(os.path.dirname(copy.path))
                self._in_repo.setdefault((repo, size), []).append(copy.path)

    def named(self, path: str, found: os.stat_result, etag: str) -> Sequence[str]:
        """Return what should have a file's bytes by its hash; the first such file is kept."""
        names = self._named.setdefault(Key(disk_of(path, found.st_dev), etag, found.st_size), [])
        if not names:
            names.append(path)
            return ()
        return names[:1]

    def in_repo(self, repo: str, size: int) -> Sequence[str]:
        """Return the blobs of a repo that have a size."""
        return self._in_repo.get((repo, size), ())

    def is_new(self, found: os.stat_result) -> bool:
        """Tell whether a file has not been met under another name."""
        inode = (found.st_dev, found.st_ino)
        is_new = inode not in self._seen
        self._seen.add(inode)
        return is_new

    def sized(self, path: str, found: os.stat_result) -> Sequence[str]:
        """Return one blob of each content that has a file's size."""
        return self._sized.get((disk_of(path, found.st_dev), found.st_size), ())


def twins(
    cache: str, folders: Sequence[str], environment: Environment, blobs: Blobs
) -> Iterator[Twin]:
    """Yield what of a cache, and of `folders` that are none, may have the bytes of blobs."""
    if cache:
        yield from _plain(cache, blobs)
        yield from _flat(cache, environment, blobs)
    for folder in folders:
        for path, found in _files(folder):
            if blobs.is_new(found):
                yield from _twin(folder, "edited", path, found, blobs.sized(path, found))


def share_twins(found: Iterable[Twin]) -> Iterator[Shared | Left]:
    """Let them share the bytes of their blobs, and tell in a word what could not be."""
    stuck: dict[tuple[str, TwinKind, str], list[Twin]] = {}
    for twin in found:
        for keeper in twin.keepers:
            try:
                sharing = share_bytes(keeper, twin.path)
            except OSError as error:
                yield Left(twin.path, os_sentence(error), failed=True)
                break
            if sharing == "shared":
                yield Shared(twin.path, keeper, "reflink", twin.physical)
                break
            if sharing == "impossible":
                flat = os.path.dirname(twin.path) if twin.kind == "flat" else ""
                stuck.setdefault((twin.place, twin.kind, flat), []).append(twin)
                break
    for (place, kind, flat), files in stuck.items():
        yield Left(flat or place, _why_stuck(place, kind, flat, files))


def _why_stuck(place: str, kind: TwinKind, flat: str, files: Sequence[Twin]) -> str:
    n, size = len(files), human_bytes(sum(one.physical for one in files))
    if kind == "plain":
        return tn(
            "{n} plain file in its snapshots, {size}, seems to be stored twice; this file system "
            "cannot share its bytes: {command} makes a link of it",
            "{n} plain files in its snapshots, {size}, seem to be stored twice; this file system "
            "cannot share their bytes: {command} makes links of them",
            n,
            size=size,
            command=f"swarmcache adopt {shlex.quote(place)} --cache-dir NEW",
        )
    if kind == "flat":
        # `clean --leftovers=legacy` would remove what beside them is stored only there, too.
        into = f"{shlex.quote(flat)} --cache-dir {shlex.quote(place)}"
        return tn(
            "{n} old transformers file, {size}, seems to be stored twice; this file system cannot "
            "share its bytes: {command} makes blobs of all that is there",
            "{n} old transformers files, {size}, seem to be stored twice; this file system cannot "
            "share their bytes: {command} makes blobs of all that is there",
            n,
            size=size,
            command=f"swarmcache adopt {into} --old remove",
        )
    return tn(
        "{n} file, {size}, may be a blob too; programs edit such files, and this file system "
        "cannot share their bytes",
        "{n} files, {size}, may be blobs too; programs edit such files, and this file system "
        "cannot share their bytes",
        n,
        size=size,
    )


def _plain(cache: str, blobs: Blobs) -> Iterator[Twin]:
    """Yield the files that stand in snapshots themselves."""
    listing = list_cache(cache)
    for repo in (f"{cache}/{folder_name(name)}" for name in listing.names):
        if os.path.islink(repo):
            continue
        for snapshot in entries_of(f"{repo}/{SNAPSHOTS}"):
            files = list(_files(snapshot.path)) if snapshot.is_dir(follow_symlinks=False) else []
            records = (read_manifest(repo, snapshot.name) or {}) if files else {}
            for path, found in filter(lambda one: blobs.is_new(one[1]), files):
                record = records.get(os.path.relpath(path, snapshot.path))
                etag = record.etag if record is not None else None
                if etag is not None and algorithm_of(etag) is not None:
                    keepers = blobs.named(path, found, etag)
                else:
                    keepers = blobs.in_repo(repo, found.st_size)
                yield from _twin(cache, "plain", path, found, keepers)


def _flat(cache: str, environment: Environment, blobs: Blobs) -> Iterator[Twin]:
    """Yield the flat files of old transformers, in a cache and in its home."""
    for folder in (cache, *flat_folders(cache, environment)):
        for path in flat_files(folder):
            if path.endswith((RECORD, LOCK)):
                continue
            found, etag = os.stat(path), etag_of(path)
            if algorithm_of(etag) is not None and blobs.is_new(found):
                yield from _twin(cache, "flat", path, found, blobs.named(path, found, etag))


def _twin(
    place: str, kind: TwinKind, path: str, found: os.stat_result, keepers: Sequence[str]
) -> Iterator[Twin]:
    """Yield a file that may share its bytes, and does not yet."""
    if found.st_size < LEAST or not keepers or any(share_extents(one, path) for one in keepers):
        return
    theirs = [os.stat(one) for one in keepers if os.path.exists(one)]
    if not any(os.path.samestat(found, one) for one in theirs):
        physical = found.st_blocks * 512
        yield Twin(place, kind, path, tuple(keepers), found.st_size, physical)


def _files(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files below a folder; no link is followed."""
    for entry in entries_of(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif entry.is_file(follow_symlinks=False):  # Most are links, which need no look.
            yield entry.path, entry.stat(follow_symlinks=False)
