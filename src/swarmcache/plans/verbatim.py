"""Files that nothing names a hash of come as they are: the very bytes of their source, or nothing.

A reflink is that by the file system's word. A copy is hashed while it is made, and once more as
the disk has it. No hard link is made: such files stand in snapshots themselves, and whoever edits
one there must not edit another cache's.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import WrongBytes
from swarmcache.hubcache.intact.fingerprint import Fingerprint, fingerprint_of
from swarmcache.hubcache.intact.hashing import Hashed, hash_file
from swarmcache.hubcache.layout import SNAPSHOTS, folder_name
from swarmcache.hubcache.linking import reflinked
from swarmcache.hubcache.reading import open_quietly
from swarmcache.hubcache.use import owners
from swarmcache.locale import t
from swarmcache.transfer.claims import new_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from swarmcache.plans.pull.values import PlannedPull
    from swarmcache.progress import Progress

_CHUNK = 2**20


class Ready(NamedTuple):
    """A file that is ready to be put into its snapshot."""

    source: str
    place: str
    """Where it is now, on the file system of the cache."""
    size: int
    """Bytes."""
    shared: bool
    """Whether it shares its room with the source."""


@contextmanager
def made_ready(
    model: PlannedPull, cache: str, partials: str, progress: Progress
) -> Iterator[Mapping[str, Ready]]:
    """Yield by path the files of `model.plain` that the snapshot has not yet, made ready.

    Raises WrongBytes where the snapshot has other bytes, or where a source changes meanwhile;
    OSError from the disk.
    """
    commit = model.listing.commit if model.listing is not None else ""
    snapshot = f"{cache}/{folder_name(model.target)}/{SNAPSHOTS}/{commit}"
    replaced = {file.path for file in model.again}
    wanted = {
        path: source
        for path, source in model.plain.items()
        if path in replaced or not _is_here(source, f"{snapshot}/{path}")
    }
    if not wanted:
        yield {}
        return
    folder = new_folder(partials, owners.this_process())
    task = t("{id}: plain files", id=model.target.id)
    progress.start(task, sum(map(os.path.getsize, wanted.values())))
    try:
        ready: dict[str, Ready] = {}
        for number, (path, source) in enumerate(wanted.items()):
            ready[path] = _made(
                source, f"{folder}/{number}", lambda count: progress.advance(task, count)
            )
        progress.finish(task)
        yield ready
    finally:
        progress.finish(task)
        shutil.rmtree(folder, ignore_errors=True)


def _is_here(source: str, entry: str) -> bool:
    """Tell whether the snapshot has these bytes; by size and time, as `_made` left it, or by all.

    Raises WrongBytes where it has others: nothing tells which of them are right.
    """
    try:
        here, there = os.stat(entry), os.stat(source)
    except FileNotFoundError:
        return False
    if here.st_size == there.st_size and (
        here.st_mtime_ns == there.st_mtime_ns or filecmp.cmp(source, entry, shallow=False)
    ):
        return True
    raise WrongBytes(
        t(
            "{path} has other bytes than {source}; nothing names the right ones.",
            path=entry,
            source=source,
        ),
        hint=("cmp", entry, source),
    )


def _made(source: str, place: str, hear: Callable[[int], None]) -> Ready:
    """Make a file of the bytes of another, with its time of change."""
    before = os.stat(source)
    shared = reflinked(source, place)
    if shared:
        hear(before.st_size)
    elif not _copied(source, place, hear):
        raise WrongBytes(
            t("{path} could not be copied right: the disk has other bytes.", path=source)
        )
    if not Fingerprint.of(before).still(fingerprint_of(source)):
        raise WrongBytes(t("{path} changed while it was copied.", path=source))
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    return Ready(source, place, before.st_size, shared)


def _copied(source: str, place: str, hear: Callable[[int], None]) -> bool:
    """Copy a file, and tell whether the disk has what was read."""
    digest = hashlib.sha256()
    with open(source, "rb", opener=open_quietly) as original, open(place, "xb") as copy:
        while chunk := original.read(_CHUNK):
            digest.update(chunk)
            copy.write(chunk)
            hear(len(chunk))
        copy.flush()
        os.fsync(copy.fileno())
        if hasattr(os, "posix_fadvise"):  # What is read back then comes from the disk.
            os.posix_fadvise(copy.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    found = hash_file(place, "sha256")
    return isinstance(found, Hashed) and found.digest == digest.hexdigest()
