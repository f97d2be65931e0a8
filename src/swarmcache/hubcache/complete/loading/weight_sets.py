"""The one set of weights that loaders would take of a folder."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.complete.weights import LOAD_ORDER, select, weights_format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.complete.snapshot import Snapshot

_STEMS = frozenset(
    {
        "model",
        "pytorch_model",
        "tf_model",
        "flax_model",
        "diffusion_pytorch_model",
        "diffusion_flax_model",
        "adapter_model",
    }
)
_SUFFIXES = frozenset({"safetensors", "bin", "h5", "msgpack"})
"""Of the names that loaders look for: `model.safetensors`, `model.fp16.safetensors.index.json`."""


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
    folder, slash, name = path.rpartition("/")
    bare = name.removesuffix(".index.json")
    rest, _, suffix = bare.rpartition(".")
    stem, dot, variant = rest.partition(".")
    kind = weights_format(path.removesuffix(".index.json"))
    if stem not in _STEMS or suffix not in _SUFFIXES or kind not in LOAD_ORDER:
        return None
    if dot and not f"_{variant}".isidentifier():
        return None
    found = WeightsName(folder + slash, path, bare != name)
    return (LOAD_ORDER.index(kind), variant, found.is_index), found


def _shards(snapshot: Snapshot, index: WeightsName) -> set[str]:
    """Return the shards that an index names; none when the index itself cannot be read."""
    shards = snapshot.json_object(index.path).get("weight_map")
    names = shards.values() if isinstance(shards, dict) else ()
    return {index.folder + name for name in names if isinstance(name, str)}
