"""Miniature projects in the shapes that RL-Swarm and its kin have had."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from swarmcache.environment import Environment

if TYPE_CHECKING:
    from pathlib import Path

POOLS = "${gpu_model_choice:${big_pool},${tiny_pool}}"
CONFIG = f"""\
run_dir: ${{oc.env:ROOT,.}}/logs
judge:
  ollama_model: tinycoder:1b
game:
  trainer:
    models:
      - _target_: transformers.AutoModelForCausalLM.from_pretrained
        pretrained_model_name_or_path: ${{oc.env:MODEL_NAME, {POOLS}}}
  rewards:
    - _target_: game.Rewards
      solver_tokenizer_path: ${{game.trainer.models.0.pretrained_model_name_or_path}}
      ollama_config:
        model: ${{judge.ollama_model}}
proposer:
  service_config:
    model: ${{oc.env:MODEL_NAME,{POOLS}}}
  vllm_config:
    path: somewhere/else
big_pool:
  - org/big-a
  - org/big-b
tiny_pool:
  - org/tiny
"""
LAUNCHER = """\
#!/usr/bin/env bash
ROOT=$PWD
# python -m game --config-path "$ROOT/old" --config-name "old.yaml"
python -m game \\
    --config-path "$ROOT/game/config" \\
    --config-name "swarm.yaml"
"""


def write(folder: Path, files: dict[str, str]) -> str:
    """Write files into a folder and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    return str(folder)


def swarm(folder: Path, **more: str) -> str:
    """Write the miniature of RL-Swarm: a launcher, the config it loads, a stray edited copy."""
    edited = CONFIG.replace("org/tiny", "org/edited")
    launched = {"run_rl_swarm.sh": LAUNCHER, "game/config/swarm.yaml": CONFIG}
    return write(folder, {**launched, "configs/swarm.yaml": edited, **more})


def environment(cwd: str, **variables: str) -> Environment:
    """Return an environment without a GPU: its PATH is empty."""
    return Environment({"PATH": "", **variables}, "/home/ann", cwd)
