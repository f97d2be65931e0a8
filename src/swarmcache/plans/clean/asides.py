"""What a removal has renamed beside the Hub's locks, since a full disk let nobody make a folder.

    .locks/trash.<group>.<part>.owner.<id>.<boot>.<pid namespace>.<pid>.<start time>
    trash.…                             where there is no `.locks`

The group is a repo's folder, or a kind of what lay beside the repos. The part is `repo` for all of
a repo, a commit for its snapshot, `marks` for those of a commit, and empty for a file. The name
tells its maker, since there may be no folder for a lock between cleans either. No client takes it
for a repo, but of one beside the repos `hf cache ls` warns.
"""

from __future__ import annotations

import os
from contextlib import suppress
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.folder import stays_inside
from swarmcache.hubcache.layout import (
    BLOBS,
    LOCKS,
    NO_EXIST,
    SNAPSHOTS,
    is_commit,
    parse_folder_name,
)
from swarmcache.hubcache.manifest import read_manifest
from swarmcache.hubcache.use import owners
from swarmcache.plans.clean.known import take_inventory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmcache.hubcache.manifest import ManifestFile
    from swarmcache.hubcache.use.owners import Owner

_START = "trash."
WHOLE = "repo"
_MARKS = "marks"
_FIELDS = 7
"""Words between dots after the group: the part, and an owner's record."""


class Aside(NamedTuple):
    """One of them."""

    path: str
    """Where it lies now."""
    group: str
    part: str
    maker: Owner

    @property
    def is_gone(self) -> bool:
        """Whether its maker is dead, or so long silent that it is forgotten."""
        return owners.is_gone(self.path, self.maker, renamed=True)

    @property
    def snapshots(self) -> Iterator[tuple[str, str]]:
        """Commit and folder of each snapshot in it."""
        folder = f"{self.path}/{SNAPSHOTS}"
        if self.part != WHOLE:
            yield from [(self.part, self.path)] if is_commit(self.part) else []
        elif os.path.isdir(folder) and not os.path.islink(self.path):
            yield from ((name, f"{folder}/{name}") for name in sorted(os.listdir(folder)))

    def strangers(self, cache: str, tiers: Sequence[str] = ()) -> list[str]:
        """Return the paths in it that are not the Hub's."""
        return strangers_at(self.path, self.group, self.part, cache, tiers)


def new_aside(cache: str, path: str, group: str) -> Aside:
    """Return where a path of the cache goes; nothing is changed."""
    home, name = f"{cache}/{group}", os.path.basename(path)
    parts = {home: WHOLE, f"{home}/{SNAPSHOTS}/{name}": name, f"{home}/{NO_EXIST}/{name}": _MARKS}
    part, maker = parts.get(path, ""), owners.this_process()
    folder = next(one for one in _folders(cache) if os.path.isdir(one))
    return Aside(f"{folder}/{_START}{group}.{part}.{maker.record}", group, part, maker)


def asides(cache: str) -> list[Aside]:
    """Return all of a cache, of whomever."""
    found = []
    for folder in _folders(cache):
        with suppress(OSError):
            found += [_parsed(folder, name) for name in sorted(os.listdir(folder))]
    return [one for one in found if one is not None]


def strangers_at(
    path: str, group: str, part: str, cache: str, tiers: Sequence[str] = ()
) -> list[str]:
    """Return the paths at or below one that are not the Hub's, wherever it lies.

    `cache` is a real path; `group` and `part` as in `Aside`. What is no repo's is not looked into.
    A snapshot of plain files is told by the manifest of its commit, while that stands in the repo;
    without one all of it goes with its revision. Raises OSError for what cannot be read.
    """
    if parse_folder_name(group) is None:
        return []
    if S_ISDIR(os.lstat(path).st_mode) != bool(part):
        return [path]  # Something else stands where a file, or a folder, was.
    if part == WHOLE:
        return list(take_inventory(path, cache, tiers).strangers)
    if part == _MARKS:
        return [one for one in _files(path) if not _is_mark(one)]
    files = list(_files(path)) if part else []
    if any(os.path.islink(one) for one in files):
        return [one for one in files if not _leads_to_blob(one, cache, tiers)]
    records = read_manifest(f"{cache}/{group}", part)
    return [one for one in files if not _is_plain(one, os.path.relpath(one, path), records)]


def _folders(cache: str) -> tuple[str, str]:
    """Return where they may lie; the first that is there takes new ones."""
    return f"{cache}/{LOCKS}", cache


def _is_mark(path: str) -> bool:
    found = os.lstat(path)
    return S_ISREG(found.st_mode) and not found.st_size


def _is_plain(path: str, name: str, records: Mapping[str, ManifestFile] | None) -> bool:
    """Tell whether a file that stands in a snapshot itself is the Hub's."""
    return S_ISREG(os.lstat(path).st_mode) and (records is None or name in records)


def _leads_to_blob(path: str, cache: str, tiers: Sequence[str]) -> bool:
    """Tell whether what stands in a snapshot is a link to a blob: no manifest is asked."""
    if not S_ISLNK(os.lstat(path).st_mode):
        return False
    target = os.readlink(path)
    if os.path.isabs(target):
        return stays_inside(os.path.realpath(target), cache, tiers)
    *steps, folder, _ = ["", *target.split("/")]
    return folder == BLOBS and set(steps) == {"", ".."}


def _files(folder: str) -> Iterator[str]:
    def refused(error: OSError) -> None:
        raise error

    for path, below, names in os.walk(folder, onerror=refused):
        links = [name for name in below if os.path.islink(f"{path}/{name}")]
        yield from (f"{path}/{name}" for name in (*names, *links))


def _parsed(folder: str, name: str) -> Aside | None:
    if not name.startswith(_START):
        return None
    group, *fields = name.removeprefix(_START).rsplit(".", _FIELDS)
    if len(fields) != _FIELDS:
        return None
    maker = owners.parse_record(".".join(fields[1:]))
    return Aside(f"{folder}/{name}", group, fields[0], maker) if maker is not None else None
