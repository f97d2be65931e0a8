"""A node for the rules that look at caches: a user's cache, and a project that needs one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachemaker import CacheMaker, tiny_safetensors
from doctor.cases import case

if TYPE_CHECKING:
    import pathlib

    from swarmcache.doctor.case import Case

MODEL = {"config.json": b"{}", "model.safetensors": tiny_safetensors()}
"""Complete."""


def users_cache(folder: pathlib.Path) -> CacheMaker:
    """Return the default cache of the user that `needing` is asked by."""
    return CacheMaker(folder / "home/.cache/huggingface/hub")


def needing(folder: pathlib.Path, model: str = "org/m", script: str = "") -> Case:
    """Return a project whose config names a model, and whose script loads it."""
    config = (
        "model:\n"
        "  _target_: transformers.AutoModelForCausalLM.from_pretrained\n"
        f"  pretrained_model_name_or_path: {model}\n"
    )
    start = f"{script}python train.py --config-path $PWD/conf --config-name c.yaml\n"
    return case(folder, {"conf/c.yaml": config, "run.sh": start})
