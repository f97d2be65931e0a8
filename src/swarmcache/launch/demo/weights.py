"""Tiny Qwen2 weights in the safetensors format, the same bytes on every machine.

The names and shapes are those of transformers' Qwen2ForCausalLM, so a real `from_pretrained`
loads them; the numbers are small and meaningless.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SMALL = bytes((0x3C, 0x3D, 0xBC, 0xBD)) * 64
"""Upper bytes of bfloat16 numbers between 0.008 and 0.125, of either sign."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the size of a Qwen2 model."""

    hidden: int
    layers: int
    vocabulary: int
    heads: int = 4

    @property
    def intermediate(self) -> int:
        """The width of the feed-forward layers."""
        return 3 * self.hidden

    def parameters(self) -> dict[str, tuple[int, ...]]:
        """Return every parameter's name and shape; the output shares the embedding's weights."""
        hidden, wide = self.hidden, self.intermediate
        shapes: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.vocabulary, hidden)
        }
        for layer in range(self.layers):
            at = f"model.layers.{layer}"
            for projection in ("q_proj", "k_proj", "v_proj"):
                shapes[f"{at}.self_attn.{projection}.weight"] = (hidden, hidden)
                shapes[f"{at}.self_attn.{projection}.bias"] = (hidden,)
            shapes[f"{at}.self_attn.o_proj.weight"] = (hidden, hidden)
            shapes[f"{at}.mlp.gate_proj.weight"] = (wide, hidden)
            shapes[f"{at}.mlp.up_proj.weight"] = (wide, hidden)
            shapes[f"{at}.mlp.down_proj.weight"] = (hidden, wide)
            shapes[f"{at}.input_layernorm.weight"] = (hidden,)
            shapes[f"{at}.post_attention_layernorm.weight"] = (hidden,)
        return shapes | {"model.norm.weight": (hidden,)}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One parameter in bfloat16."""

    shape: tuple[int, ...]
    data: bytes
    """Two bytes per number, little endian, rows first."""


def make_tensors(shape: Shape, seed: int) -> dict[str, Tensor]:
    """Return every tensor of a model; the same seed makes the same bytes."""
    random = Random(seed)  # noqa: S311 - nothing secret
    return {
        name: Tensor(sizes, _numbers(random, math.prod(sizes)))
        for name, sizes in shape.parameters().items()
    }


def _numbers(random: Random, count: int) -> bytes:
    data = bytearray(random.randbytes(2 * count))
    data[1::2] = data[1::2].translate(_SMALL)
    return bytes(data)


def to_safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    """Return the file: length of the header (8 bytes), header in JSON, then all data in a row."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + len(tensor.data)
        header[name] = {"dtype": "BF16", "shape": tensor.shape, "data_offsets": (begin, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # The data starts aligned, as the reference writer has it.
    return struct.pack("<Q", len(text)) + text + b"".join(t.data for t in tensors.values())


def to_shards(tensors: Mapping[str, Tensor], count: int) -> dict[str, bytes]:
    """Return the files of a model in `count` shards, with the index that names them."""
    names = list(tensors)
    per_shard = -(-len(names) // count)
    files: dict[str, bytes] = {}
    placed: dict[str, str] = {}
    for number in range(count):
        file = f"model-{number + 1:05d}-of-{count:05d}.safetensors"
        chosen = names[number * per_shard : (number + 1) * per_shard]
        files[file] = to_safetensors({name: tensors[name] for name in chosen})
        placed |= dict.fromkeys(chosen, file)
    total = sum(len(tensor.data) for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": placed}
    return files | {"model.safetensors.index.json": json.dumps(index, indent=2).encode()}


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 over all names and data, by which a reader proves what it read."""
    whole = hashlib.sha256()
    for name in sorted(tensors):
        whole.update(name.encode() + b"\0" + tensors[name].data)
    return whole.hexdigest()
