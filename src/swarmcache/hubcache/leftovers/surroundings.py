"""What a cache folder holds beside its repos: the shared store, old files, remains, strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache import layout
from swarmcache.hubcache.leftovers.crash_remains import is_link_probe
from swarmcache.hubcache.problems import foreign
from swarmcache.hubcache.scan import Leftover, shared_payloads

if TYPE_CHECKING:
    from swarmcache.hubcache.problems import Problem
    from swarmcache.hubcache.scan import Blob, Listing


class Surroundings(NamedTuple):
    """What a cache holds beside its repos."""

    shared: tuple[Blob, ...]
    """The payloads of the shared store, huggingface_hub >= 1.32."""
    problems: tuple[Problem, ...]
    leftovers: tuple[Leftover, ...]


def read_surroundings(listing: Listing) -> Surroundings:
    """Return the shared store, the foreign files and the legacy files of a cache folder."""
    problems: list[Problem] = []
    leftovers: list[Leftover] = []
    shared: tuple[Blob, ...] = ()
    for entry in listing.others:
        if entry.name in layout.CACHE_FILES:
            continue
        if entry.name == layout.BLOBS and entry.is_dir(follow_symlinks=False):
            shared = tuple(shared_payloads(listing.cache, entry.path, problems))
        elif is_link_probe(entry.path):
            leftovers.append(Leftover("temporary", entry.path, 0))
        elif layout.is_legacy_file(entry.name) and entry.is_file(follow_symlinks=False):
            physical = entry.stat(follow_symlinks=False).st_blocks * 512
            leftovers.append(Leftover("legacy", entry.path, physical))
        else:
            problems.append(foreign(entry.path))
    return Surroundings(shared, tuple(problems), tuple(leftovers))
