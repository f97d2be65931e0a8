"""A tiny project that draws its model at random as RL-Swarm does, and models for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachemaker import CacheMaker, tiny_safetensors

if TYPE_CHECKING:
    import pathlib

SMALL_POOL = ("tiny/one", "tiny/two", "tiny/three")
LARGE_POOL = ("big/one",)
CONFIG = """\
large: [big/one]
small: [tiny/one, tiny/two, tiny/three]
trainer:
  model:
    _target_: transformers.AutoModelForCausalLM.from_pretrained
    pretrained_model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${small}}}
reward:
  tokenizer_path: ${trainer.model.pretrained_model_name_or_path}
"""
FILES = {
    "config.json": b'{"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}',
    "generation_config.json": b"{}",
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b"{}",
}


def write_project(folder: pathlib.Path, config: str = CONFIG) -> pathlib.Path:
    """Write the project's config and return its folder."""
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "swarm.yaml").write_text(config)
    return folder


def fill(folder: pathlib.Path, *ids: str, absent: tuple[str, ...] = ()) -> CacheMaker:
    """Put models into a cache folder, without the files in `absent`."""
    maker = CacheMaker(folder)
    for number, repo_id in enumerate(ids):
        files = {**FILES, "model.safetensors": tiny_safetensors(number)}
        maker.repo(repo_id, files, absent=absent)
    return maker
