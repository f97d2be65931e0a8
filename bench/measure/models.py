"""Model caches to measure with: real names, real forms, a header as long as a real one's."""

from __future__ import annotations

import json
import os
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent / "tests"))

from cachemaker import CacheMaker

SMALL = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "README.md",
    ".gitattributes",
)


def fill(
    folder: str, repos: int, *, files: int = 10, trees: bool = False, tensors: int = 1
) -> list[str]:
    """Make a cache of models of `files` files each, and return their ids.

    With `trees` it has the manifests of huggingface_hub >= 1.22.
    """
    maker = CacheMaker(folder)
    ids = [f"org{number % 20}/model{number}" for number in range(repos)]
    for repo_id in ids:
        content = {name: small_file(name, repo_id) for name in SMALL}
        content["model.safetensors"] = safetensors(tensors, repo_id)
        extra = files - len(content)
        content |= {f"extra/{n:05}.txt": f"{repo_id} {n}".encode() for n in range(extra)}
        maker.repo(repo_id, content, trees=trees)
    return ids


def safetensors(tensors: int, seed: str) -> bytes:
    """Return a file with a header of that many tensors: 300 take 35 kB, as in a small model."""
    header: dict[str, object] = {"__metadata__": {"format": "pt", "seed": seed}}
    for number in range(tensors):
        name = f"model.layers.{number // 12}.self_attn.{number % 12:02}_proj.weight"
        offsets = [16 * number, 16 * number + 16]
        header[name] = {"dtype": "F32", "shape": [4], "data_offsets": offsets}
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + bytes(16 * tensors)


def weights(size: int, shards: int) -> dict[str, bytes]:
    """Return about so many bytes of noise in safetensors shards, and their index."""
    names = [f"model-{n + 1:05}-of-{shards:05}.safetensors" for n in range(shards)]
    files = {name: one_tensor(f"w.{n}", size // shards) for n, name in enumerate(names)}
    index = {
        "metadata": {"total_size": size},
        "weight_map": {f"w.{n}": name for n, name in enumerate(names)},
    }
    return {**files, "model.safetensors.index.json": json.dumps(index).encode()}


def one_tensor(name: str, size: int) -> bytes:
    """Return a safetensors file with one tensor of noise."""
    header = {name: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    return b"".join([struct.pack("<Q", len(text)), text, os.urandom(size)])


def small_file(name: str, repo_id: str) -> bytes:
    """Return one of the small files."""
    return json.dumps({"model_type": "qwen2", "name": name, "repo": repo_id}).encode()
