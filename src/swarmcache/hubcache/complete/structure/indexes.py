"""Index files against the shards that they list."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from swarmcache.hubcache.complete.structure.content import Content
from swarmcache.hubcache.complete.structure.documents import MAX_SIZE
from swarmcache.hubcache.complete.structure.outcomes import Flawed
from swarmcache.hubcache.complete.structure.safetensors import read_header
from swarmcache.hubcache.complete.weights import index_format, select
from swarmcache.hubcache.foreign_json import parse
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def is_index(path: str) -> bool:
    """Tell whether the file at `path` in a repo lists the shards of some weights."""
    return index_format(path) is not None


def examine_index(
    path: str, files: Mapping[str, str | None], *, headers: bool = True
) -> tuple[tuple[str, Flawed], ...]:
    """Return (path in the repo, flaw) for all that an index and its shards do not agree on.

    `files` is what a snapshot holds: path in the repo -> where the content lies, None where that
    cannot be reached, which is then a problem of that file and not told again here. A set of
    shards that repeats weights which are there whole in a better format may be absent. With
    `headers`, each tensor is looked up in the header of the shard that shall hold it. An index
    that is no JSON at all is not told here: `examine` tells.
    """
    try:
        with Content(files[path] or "") as content:
            document = parse(content.at(0, min(content.size, MAX_SIZE)))
    except (OSError, ValueError, KeyError):
        return ()
    shards = _shards(path, document)
    if isinstance(shards, Flawed):
        return ((path, shards),)
    found = [*_absent(path, shards, files)]
    if headers:
        found += _strangers(path, shards, files)
    return tuple(found)


def _shards(path: str, document: object) -> dict[str, set[str]] | Flawed:
    """Return path of a shard -> the tensors that it shall hold."""
    listed = document.get("weight_map") if isinstance(document, dict) else None
    if not isinstance(listed, dict) or not all(isinstance(s, str) for s in listed.values()):
        return Flawed("bad-index", t("The index has no list of which shard holds what."))
    shards: dict[str, set[str]] = {}
    for tensor, name in listed.items():
        shards.setdefault(posixpath.join(posixpath.dirname(path), name), set()).add(tensor)
    for shard in shards:
        if posixpath.normpath(shard) != shard or shard.startswith(("/", "../")):
            return Flawed("bad-index", t("The index names a shard outside: {path}.", path=shard))
    return shards


def _absent(
    path: str, shards: Mapping[str, set[str]], files: Mapping[str, str | None]
) -> Iterator[tuple[str, Flawed]]:
    absent = sorted(shards.keys() - files.keys())
    if absent and path not in select(list(files)).skipped:
        reason = t("{index} lists the shard, and it is not cached.", index=path)
        yield from ((shard, Flawed("missing-shard", reason)) for shard in absent)


def _strangers(
    path: str, shards: Mapping[str, set[str]], files: Mapping[str, str | None]
) -> Iterator[tuple[str, Flawed]]:
    """Yield each shard's first tensor that only the index knows of, as a flaw of the index."""
    for shard, tensors in sorted(shards.items()):
        location = files.get(shard)
        if location is None or not shard.endswith(".safetensors"):
            continue
        held = _held(location)
        strange = sorted(tensors - held) if held is not None else []
        if strange:
            reason = t(
                "The index says that {shard} holds {tensor}, which it does not.",
                shard=shard,
                tensor=strange[0][:80],
            )
            yield path, Flawed("bad-index", reason)


def _held(location: str) -> set[str] | None:
    """Return the tensors of a shard, or None when its header cannot be read."""
    try:
        with Content(location) as content:
            header = read_header(content)
    except OSError:
        return None
    return None if isinstance(header, Flawed) else set(header.tensors)
