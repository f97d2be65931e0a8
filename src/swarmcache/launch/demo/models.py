"""The demo's three models, file by file."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.launch.demo.tokenizer import (
    end_of_turn,
    padding,
    tokenizer_files,
    vocabulary_size,
)
from swarmcache.launch.demo.weights import Shape, digest, make_tensors, to_safetensors, to_shards

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.launch.demo.weights import Tensor


@dataclass(frozen=True, slots=True)
class Model:
    """A repo as it stands on the demo's Hub."""

    repo_id: str
    files: Mapping[str, bytes]
    tensors: int
    """How many tensors a trainer must find."""
    digest: str
    """The sha256 of all their names and data (see `weights.digest`)."""


def make_models() -> tuple[Model, ...]:
    """Return the models: two in one file, of which one repeats its weights, one in shards."""
    return (
        _make("swarm-demo/Tiny-Coder-0.5B", hidden=128, layers=4, repeated=True),
        _make("swarm-demo/Tiny-Coder-1.5B", hidden=192, layers=4),
        _make("swarm-demo/Tiny-Judge", hidden=128, layers=6, shards=3),
    )


def _make(
    repo_id: str, *, hidden: int, layers: int, shards: int = 1, repeated: bool = False
) -> Model:
    shape = Shape(hidden, layers, vocabulary_size())
    tensors = make_tensors(shape, seed=hidden + layers)
    files = _texts(repo_id, shape) | tokenizer_files()
    if shards > 1:
        files |= to_shards(tensors, shards)
    else:
        files["model.safetensors"] = to_safetensors(tensors)
    if repeated:
        files["pytorch_model.bin"] = _second_format(tensors)
    return Model(repo_id, files, len(tensors), digest(tensors))


def _texts(repo_id: str, shape: Shape) -> dict[str, bytes]:
    ends = {"eos_token_id": end_of_turn(), "pad_token_id": padding()}
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": 512,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-06,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        **ends,
    }
    generation = {"do_sample": False, "max_new_tokens": 32, **ends}
    readme = f"# {repo_id}\n\nMade by `swarmcache demo`: real formats, meaningless numbers.\n"
    return {
        "README.md": readme.encode(),
        ".gitattributes": b"*.safetensors filter=lfs\n*.bin filter=lfs\n",
        "config.json": json.dumps(config, indent=2).encode(),
        "generation_config.json": json.dumps(generation, indent=2).encode(),
    }


def _second_format(tensors: Mapping[str, Tensor]) -> bytes:
    """Return the same weights once more, as big as a torch checkpoint; nothing ever loads it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, tensor in enumerate(tensors.values()):
            # A date of its own keeps the bytes, and so the commit, the same on every run.
            entry = zipfile.ZipInfo(f"archive/data/{number}", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, tensor.data)
    return buffer.getvalue()
