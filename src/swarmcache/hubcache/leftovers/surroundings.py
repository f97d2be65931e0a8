"""What a cache folder holds beside its repos: the shared store, old files, remains, strangers."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache import layout
from swarmcache.hubcache.leftovers.crash_remains import is_link_probe
from swarmcache.hubcache.problems import foreign
from swarmcache.hubcache.scan import Leftover, shared_payloads
from swarmcache.hubcache.state import OWN_FOLDER, PARTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.problems import Problem
    from swarmcache.hubcache.scan import Blob, Listing


class Surroundings(NamedTuple):
    """What a cache holds beside its repos."""

    shared: tuple[Blob, ...]
    """The payloads of the shared store, huggingface_hub >= 1.32."""
    problems: tuple[Problem, ...]
    leftovers: tuple[Leftover, ...]


def read_surroundings(listing: Listing) -> Surroundings:
    """Return the shared store, foreign and legacy files, and what we have under way ourselves."""
    problems: list[Problem] = []
    leftovers = list(_unfinished(f"{listing.cache}/{layout.LOCKS}/{OWN_FOLDER}/{PARTIALS}"))
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


def _unfinished(folder: str) -> Iterator[Leftover]:
    """Yield each download, import or repair of ours that is under way, or was killed."""
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):
            physical = 0
            for path, _, files in os.walk(f"{folder}/{name}"):
                for file in files:
                    with suppress(OSError):
                        physical += os.lstat(f"{path}/{file}").st_blocks * 512
            yield Leftover("partial", f"{folder}/{name}", physical)
