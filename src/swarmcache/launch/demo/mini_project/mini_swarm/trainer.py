"""A trainer without torch: it opens what a real one opens, reads every tensor and stops.

It loads a model as `from_pretrained` does, file by file through huggingface_hub, and knows
nothing of swarmcache; what it read is written to `logs/started.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import random
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from safetensors import deserialize

log = logging.getLogger("mini_swarm")
TEXTS = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


def weight_files(repo_id: str) -> list[Path]:
    """Return the model's safetensors files: one, or every shard that the index names."""
    try:
        return [Path(hf_hub_download(repo_id, "model.safetensors"))]
    except EntryNotFoundError:
        index = Path(hf_hub_download(repo_id, "model.safetensors.index.json"))
    names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
    return [Path(hf_hub_download(repo_id, name)) for name in names]


def load(repo_id: str) -> dict[str, object]:
    """Open every file that loading needs, and return what was found in the tensors."""
    config, _, tokenizer, _ = (
        json.loads(Path(hf_hub_download(repo_id, name)).read_bytes()) for name in TEXTS
    )
    tokens = len(tokenizer["model"]["vocab"]) + len(tokenizer["added_tokens"])
    if tokens != config["vocab_size"]:
        message = f"{repo_id}: {tokens} tokens, but the model knows {config['vocab_size']}"
        raise ValueError(message)
    found = {}
    for path in weight_files(repo_id):
        found.update(deserialize(path.read_bytes()))
    whole = hashlib.sha256()
    for name in sorted(found):
        whole.update(name.encode() + b"\0" + found[name]["data"])
    log.info("%s: %s, %d tensors, %d tokens", repo_id, config["model_type"], len(found), tokens)
    return {"tensors": len(found), "digest": whole.hexdigest()}


def needed(config: dict[str, Any]) -> list[str]:
    """Return the models of this start: the pinned or drawn one, and the judge."""
    drawn = random.choice(config["default_small_model_pool"])  # noqa: S311 - as a swarm draws it
    judge = config["game_manager"]["reward_manager"]["judge"]
    return [os.environ.get("MODEL_NAME") or drawn, judge["pretrained_model_name_or_path"]]


def main() -> None:
    """Load the models that the configuration names."""
    logging.basicConfig(format=">> %(message)s")
    log.setLevel(logging.INFO)
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-path", type=Path, required=True)
    parser.add_argument("--config-name", required=True)
    options = parser.parse_args()
    config = yaml.safe_load((options.config_path / options.config_name).read_text("utf-8"))
    loaded = {repo_id: load(repo_id) for repo_id in needed(config)}
    record = Path(os.environ["ROOT"]) / "logs" / "started.json"
    record.write_text(json.dumps(loaded, indent=2), "utf-8")
    log.info("Training can begin")


if __name__ == "__main__":
    main()
