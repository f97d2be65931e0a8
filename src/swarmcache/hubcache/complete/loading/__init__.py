"""What loading a model needs, told from the cache alone.

Measured with transformers 4.51.3 and 5.23.0 by deleting one file at a time from caches that they
had filled themselves, file by file (`docs/what-loading-needs.md`). Needed are

1. `config.json`, and one whole set of weights, in the loaders' own order of preference;
2. a tokenizer's vocabulary in any one form, where the repo has a tokenizer;
3. the small files that change what is loaded without an error when they lack, such as
   `generation_config.json`, where the repo has them;
4. custom code named in `auto_map`, and what it imports from beside it.

Whether the repo has a file tells its manifest, or a mark in `.no_exist`, or the file itself. A
manifest names more than loading takes: transformers 5 leaves one in caches that it fills file by
file, so a file that is listed but that no loader reads is never asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.complete.loading.custom_code import custom_code
from swarmcache.hubcache.complete.loading.tokenizer import tokenizer_files
from swarmcache.hubcache.complete.loading.weight_sets import weights_of
from swarmcache.hubcache.complete.weights import weights_format
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.complete.snapshot import Snapshot

_COMPANIONS = frozenset(
    {
        "preprocessor_config.json",
        "processor_config.json",
        "video_preprocessor_config.json",
    }
)
_GENERATES = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "ForSeq2SeqLM")
"""Endings of the architectures that ask for a `generation_config.json`."""


class Needs(NamedTuple):
    """The files that loading takes of one snapshot."""

    paths: frozenset[str]
    unknown: str = ""
    """Why the list may lack something, in the user's language; empty when it lacks nothing."""


def needed_files(snapshot: Snapshot) -> Needs:
    """Return what loading this snapshot takes, as far as manifest, marks and indexes tell."""
    if "config.json" in snapshot.paths:
        return _transformers(snapshot)
    if "adapter_config.json" in snapshot.paths:
        weights = weights_of(snapshot, "", "adapter_model.safetensors")
        return Needs(frozenset({"adapter_config.json", *weights}))
    if "model_index.json" in snapshot.paths:
        return Needs(frozenset(_pipeline(snapshot)))
    gguf = frozenset(path for path in snapshot.files if weights_format(path) == "gguf")
    if gguf:
        return Needs(gguf)
    return Needs(
        frozenset(), t("Neither a config.json nor another known format tells what loading needs.")
    )


def _transformers(snapshot: Snapshot) -> Needs:
    tokenizer, unknown = tokenizer_files(snapshot)
    paths = {
        "config.json",
        *weights_of(snapshot, "", "model.safetensors"),
        *tokenizer,
        *custom_code(snapshot),
        *(_COMPANIONS & snapshot.paths),
    }
    if "generation_config.json" in snapshot.paths:
        paths.add("generation_config.json")
    elif not snapshot.lacks("generation_config.json") and _generates(snapshot):
        unknown = unknown or t("Nothing tells whether there is a generation_config.json.")
    return Needs(frozenset(paths), unknown)


def _generates(snapshot: Snapshot) -> bool:
    config = snapshot.json_object("config.json")
    architectures = config.get("architectures")
    names = architectures if isinstance(architectures, list) else []
    return any(str(name).endswith(_GENERATES) for name in names)


def _pipeline(snapshot: Snapshot) -> Iterator[str]:
    """Yield what a diffusers pipeline needs: its parts are named by `model_index.json`."""
    yield "model_index.json"
    for part, value in snapshot.json_object("model_index.json").items():
        if not (isinstance(value, list) and len(value) == 2 and all(value)):  # noqa: PLR2004
            continue  # Only `[library, class]` is a part.
        inside = [path for path in snapshot.known if path.startswith(f"{part}/")]
        config = f"{part}/config.json"
        if not inside:
            yield config
        elif config in inside:
            of_transformers = value[0] == "transformers"
            stem = "model" if of_transformers else "diffusion_pytorch_model"
            yield from weights_of(snapshot, f"{part}/", f"{part}/{stem}.safetensors")
        yield from (path for path in inside if not weights_format(path) and path.endswith(".json"))
