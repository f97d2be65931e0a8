"""What loading a model needs, told from the cache alone.

Sources of the rules: transformers 4.51.3 and 5.23.0 (`modeling_utils.py`,
`tokenization_utils_base.py`, `dynamic_module_utils.py`), measured by deleting one file at a time
from caches that they filled themselves (`docs/what-loading-needs.md`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.formats import looks_whole
from swarmcache.hubcache.scan import read_start
from swarmcache.hubcache.weights import LOAD_ORDER, index_format, select, weights_format
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.hubcache.snapshot import Snapshot

_UNNEEDED = re.compile(
    r"(?:.*/)?(?:\.git(?:attributes|ignore)|README[^/]*|LICEN[CS]E[^/]*|NOTICE[^/]*|USE_POLICY[^/]*"
    r"|[^/]*\.(?:md|pdf|png|jpe?g|gif|svg|webp|mp4|ipynb))",
    re.IGNORECASE,
)
_VOCABULARIES = (
    ("tokenizer.json",),
    ("tokenizer.model",),
    ("vocab.json", "merges.txt"),
    ("vocab.txt",),
    ("spiece.model",),
    ("sentencepiece.bpe.model",),
    ("tekken.json",),
)
"""Any one of these sets is a tokenizer's vocabulary."""
_PARSED = frozenset({"config.json", "model_index.json", "adapter_config.json"})
"""Small files that every start parses, so that one cut off is told at once."""
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_RELATIVE_IMPORT = re.compile(rb"^\s*(?:from\s+\.(\w+)\s+import|import\s+\.(\w+))", re.MULTILINE)
_STANDARD_WEIGHTS = re.compile(
    r"((?:.*/)?)(model|pytorch_model|tf_model|flax_model|diffusion_pytorch_model"
    r"|diffusion_flax_model|adapter_model)(\.\w+)?\.(?:safetensors|bin|h5|msgpack)(\.index\.json)?"
)
"""Folder, stem, variant and index ending of the names that loaders look for."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The files that loading takes of one snapshot."""

    paths: frozenset[str]
    unknown: str = ""
    """Why the list may lack something, in the user's language; empty when it lacks nothing."""


def needed_files(snapshot: Snapshot) -> Needs:
    """Return what loading this snapshot takes, as far as manifest, marks and indexes tell."""
    if snapshot.has("config.json"):
        return _transformers(snapshot)
    if snapshot.has("adapter_config.json"):
        weights = _weights(snapshot, "")
        return Needs(frozenset({"adapter_config.json", *weights, *_beside_weights(snapshot)}))
    if snapshot.has("model_index.json"):
        return _diffusers(snapshot)
    gguf = frozenset(path for path in snapshot.files if weights_format(path) == "gguf")
    if gguf:
        return Needs(gguf)
    return Needs(
        frozenset(), t("Neither a config.json nor another known format tells what loading needs.")
    )


@lru_cache(maxsize=4096)
def is_unneeded(path: str) -> bool:
    """Tell whether no loader reads `path`: papers, pictures, git's own files."""
    return _UNNEEDED.fullmatch(path) is not None


def _transformers(snapshot: Snapshot) -> Needs:
    weights = _weights(snapshot, "")
    paths = {"config.json", *weights, *_beside_weights(snapshot), *_custom_code(snapshot)}
    if snapshot.manifest is not None:
        return Needs(frozenset(paths))
    tokenizer = _cached_vocabulary(snapshot)
    if tokenizer is None:
        return Needs(
            frozenset(paths), t("No tokenizer is cached, and nothing tells whether there is one.")
        )
    return Needs(frozenset(paths | tokenizer))


def _diffusers(snapshot: Snapshot) -> Needs:
    """Return what a pipeline needs: its parts are named by `model_index.json`."""
    paths = {"model_index.json"}
    try:
        index = snapshot.read_json("model_index.json")
    except (KeyError, ValueError, OSError):
        return Needs(frozenset(paths))
    parts = (
        [name for name, part in index.items() if _is_part(part)] if isinstance(index, dict) else []
    )
    for part in parts:
        inside = {path for path in snapshot.files if path.startswith(f"{part}/")}
        config = f"{part}/config.json"
        if not inside:
            paths.add(config)
        elif config in inside:
            paths.update(_weights(snapshot, f"{part}/"))
    return Needs(frozenset(paths.union(_beside_weights(snapshot))))


def _is_part(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)  # noqa: PLR2004 - [library, class]


def _beside_weights(snapshot: Snapshot) -> Iterator[str]:
    """Yield the other files of the revision, as far as they are known and any loader reads them."""
    for path in snapshot.known:
        if not (weights_format(path) or index_format(path) or is_unneeded(path)):
            yield path


def _weights(snapshot: Snapshot, folder: str) -> set[str]:
    """Return the one set of weights to load from `folder`.

    The first that is whole, else the first that is known at all, so that its gaps can be named.
    """
    known = list(_weight_sets(snapshot, folder))
    whole = next((paths for paths in known if _is_whole(snapshot, paths)), None)
    if whole is not None:
        return whole
    if known:
        return known[0]
    listed = {p for p in select(list(snapshot.manifest or ())).kept if weights_format(p)}
    if snapshot.manifest is not None:
        return {path for path in listed if path.startswith(folder)}
    return {f"{folder}model.safetensors"}


def _weight_sets(snapshot: Snapshot, folder: str) -> Iterator[set[str]]:
    """Yield each set of weights that `folder` is known to have, in the order loaders try them."""
    named = sorted(filter(None, map(standard_weights, snapshot.known)))
    for _, name in named:
        if name.folder == folder:
            shards = _shards(snapshot, name.path, folder) if name.is_index else ()
            yield {name.path, *shards}


class WeightsName(NamedTuple):
    """The name of a weights file, or of the index of its shards, as loaders look for it."""

    folder: str
    path: str
    is_index: bool


@lru_cache(maxsize=4096)
def standard_weights(path: str) -> tuple[tuple[int, str, bool], WeightsName] | None:
    """Return a sort key in loading order and the parsed name, or None for any other file.

    Default names come before variants (`model.fp16.safetensors`), single files before indexes.
    """
    match = _STANDARD_WEIGHTS.fullmatch(path)
    kind = weights_format(path.removesuffix(".index.json"))
    if match is None or kind not in LOAD_ORDER:
        return None
    order = (LOAD_ORDER.index(kind), match[3] or "", match[4] is not None)
    return order, WeightsName(match[1], path, match[4] is not None)


def _shards(snapshot: Snapshot, index: str, folder: str) -> set[str]:
    """Return the shards that an index names; none when the index itself cannot be read."""
    try:
        document = snapshot.read_json(index)
        names = set(document["weight_map"].values())  # type: ignore[index]
    except (KeyError, ValueError, OSError, TypeError, AttributeError):
        return set()
    return {f"{folder}{name}" for name in names if isinstance(name, str)}


def _is_whole(snapshot: Snapshot, paths: Iterable[str]) -> bool:
    return all(path in snapshot.files and is_sound(snapshot, path) for path in paths)


def is_sound(snapshot: Snapshot, path: str) -> bool:
    """Tell whether a cached file has a plausible size and, for its kind, a fitting form."""
    verdict = snapshot.verdicts.get(path)
    if verdict is None:
        verdict = snapshot.verdicts[path] = _look(snapshot, path)
    return verdict


def _look(snapshot: Snapshot, path: str) -> bool:
    blob = snapshot.files[path]
    if blob is None or snapshot.damage(path):
        return False
    if weights_format(path):
        return looks_whole(path, blob)
    if index_format(path) or path in _PARSED:
        try:
            snapshot.read_json(path)
        except (ValueError, OSError):
            return False
    return blob.size > 0 or not path.endswith(".json")


def _cached_vocabulary(snapshot: Snapshot) -> set[str] | None:
    """Return a tokenizer's files, an empty set where the repo is known to need none, else None."""
    for names in _VOCABULARIES:
        if all(name in snapshot.files for name in names):
            return set(names)
    if snapshot.lacks("tokenizer_config.json") or any(map(snapshot.has, _PROCESSORS)):
        return set()
    return None


def _custom_code(snapshot: Snapshot) -> set[str]:
    """Return the Python files that `auto_map` names, and what they import from beside them."""
    found: set[str] = set()
    waiting = [
        name
        for path in ("config.json", "tokenizer_config.json")
        for name in _auto_map(snapshot, path)
    ]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        blob = snapshot.files.get(path)
        if blob is not None:
            source = read_start(blob.path, blob.size)
            waiting += [f"{(a or b).decode()}.py" for a, b in _RELATIVE_IMPORT.findall(source)]
    return found


def _auto_map(snapshot: Snapshot, path: str) -> Iterator[str]:
    """Yield the modules of `auto_map`; `other/repo--module.Class` is another repo's code."""
    try:
        document = snapshot.read_json(path)
    except (KeyError, ValueError, OSError):
        return
    classes = document.get("auto_map") if isinstance(document, dict) else None
    for value in classes.values() if isinstance(classes, dict) else ():
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and "." in name and "--" not in name:
                yield name.rpartition(".")[0].replace(".", "/") + ".py"
