"""What killed cleans have left in the trash, or on a full disk beside the locks; all is only read.

It tells a plan what the next clean must go on with (trash.py, cramped.py).
"""

from __future__ import annotations

import contextlib
import os
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.layout import SNAPSHOTS, parse_folder_name
from swarmcache.plans.clean.asides import asides

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.hubcache.layout import RepoName
    from swarmcache.plans.clean.asides import Aside

FOLDER = "trash"


class HalfRemoved(NamedTuple):
    """What a killed removal has in the trash of one repo."""

    commits: frozenset[str]
    linked: frozenset[str]
    """Names of the blobs that their snapshots link."""


def half_removed(folder: str, cache: str) -> dict[RepoName, HalfRemoved]:
    """Return what killed removals have left in the trash, by repo; nothing is changed."""
    found: dict[RepoName, HalfRemoved] = {}

    def note(group: str, commits: Iterable[str], linked: Iterable[str]) -> None:
        repo = parse_folder_name(group)
        if repo is not None:
            before = found.get(repo, HalfRemoved(frozenset(), frozenset()))
            found[repo] = HalfRemoved(before.commits.union(commits), before.linked.union(linked))

    for entry in names_in(folder):
        for group in names_in(f"{folder}/{entry}"):
            snapshots = f"{folder}/{entry}/{group}/{SNAPSHOTS}"
            note(group, names_in(snapshots), _linked(snapshots))
    for one in left_aside(cache):
        commits = dict(one.snapshots)
        links = [name for path in commits.values() for name in _linked(path)]
        note(one.group, commits, [*links, *_target(one.path)])
    return found


def is_empty(folder: str, cache: str) -> bool:
    """Tell whether there is nothing in the trash, not even a folder."""
    return not (names_in(folder) or left_aside(cache))


def trash_files(folder: str, cache: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each regular file in the trash."""
    tops = [folder, *(one.path for one in left_aside(cache))]
    walked = [f"{path}/{name}" for top in tops for path, _, names in os.walk(top) for name in names]
    for path in [*tops, *walked]:
        with contextlib.suppress(OSError):
            found = os.lstat(path)
            if S_ISREG(found.st_mode):
                yield path, found


def left_aside(cache: str) -> list[Aside]:
    """Return what killed removals have left on a full disk."""
    return [one for one in asides(cache) if one.is_gone]


def names_in(folder: str) -> list[str]:
    """Return what a folder lists, sorted; nothing where it is not there; raises OSError."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _linked(folder: str) -> Iterator[str]:
    for path, _, names in os.walk(folder):
        for name in names:
            yield from _target(f"{path}/{name}")


def _target(path: str) -> Iterator[str]:
    """Yield the last part of what a link says; nothing for what is no link."""
    with contextlib.suppress(OSError):
        yield os.path.basename(os.readlink(path))
