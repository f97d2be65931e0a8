"""The one set of weights that loaders would take of a folder."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.weights import LOAD_ORDER, select, weights_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.snapshot import Snapshot

_STANDARD = re.compile(
    r"((?:.*/)?)(?:model|pytorch_model|tf_model|flax_model|diffusion_pytorch_model"
    r"|diffusion_flax_model|adapter_model)(\.\w+)?\.(?:safetensors|bin|h5|msgpack)(\.index\.json)?"
)
"""Folder, variant and index ending of the names that loaders look for."""


class WeightsName(NamedTuple):
    """The name of a weights file, or of the index of its shards, as loaders look for it."""

    folder: str
    path: str
    is_index: bool


def weights_of(snapshot: Snapshot, folder: str, default: str) -> set[str]:
    """Return the paths of the set to load from `folder` (empty, or ending in a slash).

    The first in loading order that is whole; else the first that is known at all, so that its
    gaps can be named; else what the manifest lists; else `default`, the name to ask for.
    """
    known = list(_sets(snapshot, folder))
    whole = next((paths for paths in known if snapshot.is_whole(paths)), None)
    if whole is not None:
        return whole
    if known:
        return known[0]
    if snapshot.manifest is None:
        return {default}
    listed = select(list(snapshot.manifest)).kept
    return {path for path in listed if path.startswith(folder) and weights_format(path)}


def _sets(snapshot: Snapshot, folder: str) -> Iterator[set[str]]:
    for _, name in sorted(filter(None, map(standard_weights, snapshot.known))):
        if name.folder == folder:
            shards = _shards(snapshot, name) if name.is_index else ()
            yield {name.path, *shards}


@lru_cache(maxsize=4096)
def standard_weights(path: str) -> tuple[tuple[int, str, bool], WeightsName] | None:
    """Return a sort key in loading order and the parsed name, or None for any other file.

    Default names come before variants (`model.fp16.safetensors`), single files before indexes.
    """
    match = _STANDARD.fullmatch(path)
    kind = weights_format(path.removesuffix(".index.json"))
    if match is None or kind not in LOAD_ORDER:
        return None
    folder, variant, index = match[1], match[2] or "", match[3]
    return (LOAD_ORDER.index(kind), variant, bool(index)), WeightsName(folder, path, bool(index))


def _shards(snapshot: Snapshot, index: WeightsName) -> set[str]:
    """Return the shards that an index names; none when the index itself cannot be read."""
    shards = snapshot.json_object(index.path).get("weight_map")
    names = shards.values() if isinstance(shards, dict) else ()
    return {index.folder + name for name in names if isinstance(name, str)}
