"""Other folders of this machine that would keep the models, where the proposed one does not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.file_systems import file_system, is_emptied, mounted
from swarmcache.hubcache.folder import within
from swarmcache.hubcache.linking import disk_of
from swarmcache.hubcache.registry import known_caches
from swarmcache.hubcache.usage import free_bytes, nearest_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment

MOST = 2
_LASTING = frozenset({"disk", "network"})
_SYSTEMS = ("/boot", "/dev", "/efi", "/etc", "/proc", "/run", "/snap", "/sys", "/usr", "/var")


def better_places(folder: str, wanted: int, environment: Environment) -> tuple[str, ...]:
    """Return folders that last and have room for `wanted` bytes more: known caches, then disks.

    Disks by what is free, the emptiest first; never the one that the folder lies on.
    """
    known = [path for path in known_caches(environment) if not within(path, folder)]
    disks = sorted(_disks(folder), key=free_bytes, reverse=True)
    found = dict.fromkeys([*known, *(f"{point}/huggingface/hub" for point in disks)])
    return tuple(path for path in found if path != folder and _serves(path, wanted))[:MOST]


def _disks(folder: str) -> Iterator[str]:
    """Yield the mount points of further disks, as of a rented machine's volume."""
    here = _disk(folder)
    for one in mounted():
        system = any(within(one.point, place) for place in _SYSTEMS)
        if one.point == "/" or system or one.system.kind not in _LASTING:
            continue
        if os.path.isdir(one.point) and _disk(one.point) != here:
            yield one.point


def _disk(path: str) -> int:
    folder = nearest_folder(path)
    return disk_of(folder, os.stat(folder).st_dev)


def _serves(path: str, wanted: int) -> bool:
    place = nearest_folder(path)
    lasts = file_system(path).kind in _LASTING and not is_emptied(path)
    return lasts and os.access(place, os.W_OK) and free_bytes(path) >= wanted
