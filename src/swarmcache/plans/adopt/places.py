"""Where, in the folder that somebody names, a cache and old flat files are.

PATH/models--…                    a cache, or TRANSFORMERS_CACHE of transformers >= 4.22
PATH/<hash>.<hash>                beside it or alone: the files of transformers < 4.22
PATH/hub, PATH/transformers       the same, where PATH is HF_HOME
PATH/huggingface/…                the same, of a volume that is mounted at ~/.cache
PATH/.cache/huggingface/…         the same, of a home, or of a project that has its own
"""

from __future__ import annotations

import os
from typing import NamedTuple

from swarmcache.errors import CacheNotFound
from swarmcache.hubcache.folder import cache_exists, entries_of, within
from swarmcache.hubcache.layout import BLOBS, LOCKS, SNAPSHOTS, parse_folder_name
from swarmcache.hubcache.leftovers.flat_files import flat_files
from swarmcache.hubcache.scan import repo_names
from swarmcache.locale import t
from swarmcache.plans.adopt.giving_up import is_half_given_up


class Places(NamedTuple):
    """What was found; real paths."""

    hub: str | None
    """The folder that holds repos, or held them until a process was killed; not the cache that
    everything is for."""
    flat: tuple[str, ...]
    """The folders that hold flat files."""

    @property
    def source(self) -> str:
        """What stands for all of it."""
        return self.hub or self.flat[0]


_NONE = Places(None, ())
_PARTS = ("hub", "transformers")
_HOMES = ("", "/huggingface", "/.cache/huggingface")
"""Below a folder, where HF_HOME may be."""


def find_places(folder: str, cache: str, *, flat: bool) -> Places:
    """Return what a folder holds that may come into a cache; flat files if those are wanted.

    Raises CacheNotFound where that is nothing.
    """
    cache_exists(folder, named=True)
    tries = [[folder], *([f"{folder}{home}/{one}" for one in _PARTS] for home in _HOMES)]
    places = (_in(folders, flat=flat) for folders in tries)
    found = next((one for one in places if one != _NONE), _NONE)
    if found == _NONE:
        raise CacheNotFound(t("{path} holds no repos of the Hub's layout.", path=folder))
    if found.hub is not None:
        _refuse_nested(found.hub, os.path.realpath(cache))
    if found.hub is not None and is_same_folder(found.hub, cache):
        found = found._replace(hub=None)
        if not found.flat:
            raise CacheNotFound(t("{path} is this cache itself.", path=os.path.realpath(cache)))
    return found


def is_same_folder(one: str, other: str) -> bool:
    """Tell whether two paths lead to one folder: by links, or where it is mounted twice."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def refuse_inside_a_cache(place: str) -> None:
    """Raise CacheNotFound for a place below some cache, for which it would be a stranger.

    A cache that is there already stays where it is. Nothing is refused below what cannot be read.
    """
    inner = outer = os.path.realpath(place)
    if _holds_repos(inner):
        return
    while (above := os.path.dirname(outer)) != outer:
        outer = above
        if _holds_repos(outer):
            _refuse_inside(inner, outer)


def _holds_repos(folder: str) -> bool:
    """Tell whether a folder is a cache: a name alone, as of somebody's copy, does not make it."""
    return any(
        os.path.isdir(f"{entry.path}/{part}")
        for entry in entries_of(folder)
        if parse_folder_name(entry.name) is not None
        for part in (SNAPSHOTS, BLOBS)
    )


def _refuse_nested(hub: str, cache: str) -> None:
    """Raise CacheNotFound for a cache in a cache, but for what an import has unpacked."""
    if not within(hub, f"{cache}/{LOCKS}"):
        _refuse_inside(hub, cache)
        _refuse_inside(cache, hub)


def _refuse_inside(inner: str, outer: str) -> None:
    """Raise CacheNotFound for what lies in a cache, but for `hub` where a home was taken for it."""
    if within(inner, outer) and inner not in {outer, *(f"{outer}{home}/hub" for home in _HOMES)}:
        raise CacheNotFound(
            t(
                "{inner} lies inside of the cache {outer}; choose a place beside it.",
                inner=inner,
                outer=outer,
            )
        )


def _in(folders: list[str], *, flat: bool) -> Places:
    here = [os.path.realpath(folder) for folder in folders if os.path.isdir(folder)]
    hub = next((one for one in here if repo_names(one) or is_half_given_up(one)), None)
    flats = [folder for folder in here if flat and next(flat_files(folder), None) is not None]
    return Places(hub, tuple(flats))
