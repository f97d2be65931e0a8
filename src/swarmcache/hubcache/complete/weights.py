"""Which files of a repo hold the same weights in another format, and which set loading takes.

One definition for `check`, which asks for one complete set, and for `pull`, which fetches one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Format = Literal[
    "safetensors", "pickle", "tensorflow", "flax", "gguf", "onnx", "original", "other", "training"
]

_BY_SUFFIX: dict[str, Format] = {
    "safetensors": "safetensors",
    "bin": "pickle",
    "pt": "pickle",
    "pth": "pickle",
    "ckpt": "pickle",
    "h5": "tensorflow",
    "msgpack": "flax",
    "gguf": "gguf",
    "onnx": "onnx",
    "onnx_data": "onnx",
    "ot": "other",
    "mlmodel": "other",
    "tflite": "other",
}
# Texts, compiled where first used: `check` rarely needs one, and each takes 0.2 ms to compile.
_TRAINING_STATE = r"(training_args|optimizer|scheduler|rng_state.*|scaler)\.(bin|pt|pth)"
_ORIGINAL = r"(?:.*/)?(?:original/.*|consolidated[^/]*\.(?:safetensors|pth))"
_EXPORT_FOLDERS = frozenset({"onnx", "openvino", "coreml"})
_SHARD = r"(.+)-(\d{5})-of-(\d{5})\.[a-z]+"
_VARIANT = r"(.+)\.(fp16|bf16|fp32|non_ema|int8|4bit|8bit)"

LOAD_ORDER: tuple[Format, ...] = ("safetensors", "pickle", "tensorflow", "flax")
"""transformers' own order in `from_pretrained` (`modeling_utils.py`, 4.51 to 5.23)."""
_EXPORTS = frozenset({"gguf", "onnx", "original", "other"})
"""Formats for other programs; beside weights in the load order they are repetitions."""


class Selection(NamedTuple):
    """A repo's files, split into what loading takes and what repeats it."""

    kept: tuple[str, ...]
    skipped: dict[str, Format]
    """Each file that holds nothing but the same weights again, or a trainer's state."""


@lru_cache(maxsize=4096)
def weights_format(path: str) -> Format | None:
    """Return the weights format of a file in a repo, or None when it holds no weights."""
    *folders, name = path.split("/")
    known = _BY_SUFFIX.get(name.rpartition(".")[2])
    if known == "pickle" and re.fullmatch(_TRAINING_STATE, name):
        return "training"
    if not _EXPORT_FOLDERS.isdisjoint(folders):
        return "onnx" if known in {"onnx", None} else "other"
    may_be_original = known and ("original" in folders or name.startswith("consolidated"))
    return "original" if may_be_original and re.fullmatch(_ORIGINAL, path) else known


@lru_cache(maxsize=4096)
def index_format(path: str) -> Format | None:
    """Return the weights format whose shards an index file lists, or None for other files."""
    return (
        weights_format(path.removesuffix(".index.json")) if path.endswith(".index.json") else None
    )


def select(paths: Collection[str]) -> Selection:
    """Return what loading takes of `paths`: in each folder, one weights format, one variant.

    A format is dropped only when the same folder holds a whole preferred one, so a repo whose
    only weights are pickle, GGUF or ONNX keeps them.
    """
    skipped: dict[str, Format] = {}
    for folder in _by_folder(paths).values():
        skipped.update(_repeated(folder))
    if not any(_loadable(path) and path not in skipped for path in paths):
        skipped = {path: kind for path, kind in skipped.items() if kind == "training"}
    else:
        skipped.update({p: k for p in paths if (k := weights_format(p)) in _EXPORTS})
    return Selection(tuple(path for path in paths if path not in skipped), skipped)


def _loadable(path: str) -> bool:
    return weights_format(path) in LOAD_ORDER


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = {}
    for path in paths:
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    return folders


def _repeated(folder: list[str]) -> dict[str, Format]:
    """Return the files of one folder that repeat its preferred weights."""
    formats: dict[Format, list[str]] = {}
    for path in folder:
        kind = weights_format(path) or index_format(path)
        if kind is not None:
            formats.setdefault(kind, []).append(path)
    skipped: dict[str, Format] = dict.fromkeys(formats.get("training", ()), "training")
    preferred = next((kind for kind in LOAD_ORDER if _whole_sets(formats.get(kind, []))), None)
    if preferred is None:
        return skipped
    for kind in LOAD_ORDER:
        if kind != preferred:
            skipped.update(dict.fromkeys(formats.get(kind, ()), kind))
    skipped.update(dict.fromkeys(_variants(formats[preferred]), preferred))
    return skipped


def _whole_sets(paths: Collection[str]) -> bool:
    """Tell whether a format has a single file, or every shard that its names count."""
    shards: dict[tuple[str, int], int] = {}
    for path in paths:
        if path.endswith(".index.json"):
            continue
        match = re.fullmatch(_SHARD, path)
        if match is None:
            return True
        key = (match[1], int(match[3]))
        shards[key] = shards.get(key, 0) + 1
    return any(found == count for (_, count), found in shards.items())


def _variants(paths: Collection[str]) -> list[str]:
    """Return the files whose default variant is among `paths`: `model.fp16.safetensors`."""
    stems = {_stem(path) for path in paths}
    variants = ((path, re.fullmatch(_VARIANT, _stem(path))) for path in paths)
    return [path for path, match in variants if match and match[1] in stems]


def _stem(path: str) -> str:
    bare = path.removesuffix(".index.json")
    shard = re.fullmatch(_SHARD, bare)
    return shard[1] if shard else bare.rpartition(".")[0]
