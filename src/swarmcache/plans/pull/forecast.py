"""What partial downloads mean for the disk: what they hold already, and what they will take."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.use import owners
from swarmcache.transfer.recall import Recall

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from swarmcache.environment import Environment


def resumable_bytes(
    cache: str, environment: Environment, sizes: Mapping[str, int]
) -> dict[str, int]:
    """Return by etag what partials hold of contents with these sizes; reads only."""
    folder = state_folder(cache, environment).partials
    found: dict[str, int] = {}
    for etag, size in sizes.items() if os.path.isdir(folder) else ():
        recall = _recalled(f"{folder}/{etag}")
        if recall is not None and recall.size == size and recall.have.size:
            found[etag] = recall.have.size
    return found


def reserved_bytes(
    cache: str, environment: Environment, *, except_for: Collection[str] = ()
) -> int:
    """Return what living downloads of other processes into a cache will still take."""
    folder = state_folder(cache, environment).partials
    total = 0
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        recall = _recalled(f"{folder}/{name}")
        if recall is None or name in except_for or recall.size <= recall.have.size:
            continue
        total += recall.size - recall.have.size if _is_alive(f"{folder}/{name}") else 0
    return total


def _is_alive(folder: str) -> bool:
    """Tell whether somebody works on a partial; by our own clock, for a forecast writes nothing."""
    try:
        owner = owners.find_owner(folder)
        if owner is None:
            return False
        if owner.is_near:
            return owners.liveness(folder, owner) == "alive"
        beaten = os.stat(f"{folder}/{owner.record}").st_mtime
    except OSError:
        return False
    return time.time() - beaten < owners.SILENT_SECONDS


def _recalled(folder: str) -> Recall | None:
    try:
        return Recall.read(folder)
    except OSError:
        return None
