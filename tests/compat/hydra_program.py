"""A program of Hydra's, shaped as RL-Swarm's: started by tests in an environment with Hydra.

Prints how many different models each place of the config got in so many instantiations.
"""

from __future__ import annotations

import json
import random
import sys
import types

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

INSTANTIATIONS = 300


def load(name: str, **options: object) -> types.SimpleNamespace:
    """Stand for `from_pretrained`."""
    return types.SimpleNamespace(name=name, **options)


def small_model(large: list[str], small: list[str]) -> str:
    """Draw as RL-Swarm's own resolver does without a GPU: anew at each call."""
    del large
    return random.choice(small)


@hydra.main(version_base=None, config_path=None)
def main(config: DictConfig) -> None:
    """Instantiate what the config says, again and again."""
    seen: dict[str, set[str]] = {"trainer": set(), "reward": set(), "proposer": set()}
    together = set()
    folders = set()
    for _ in range(INSTANTIATIONS):
        game = instantiate(config.game)
        proposer = instantiate(config.proposer)
        names = (game["trainer"]["models"][0].name, game["reward"].name, proposer.name)
        for place, name in zip(seen, names, strict=True):
            seen[place].add(name)
        together.add(names)
        folders.add(proposer.cache_dir)
    counts = {place: sorted(names) for place, names in seen.items()}
    modules = [name for name in ("swarmcache.launch.in_code.said_once",) if name in sys.modules]
    print(json.dumps({**counts, "together": len(together), "folders": sorted(folders)}))
    print(json.dumps(modules), file=sys.stderr)


if __name__ == "__main__":
    OmegaConf.register_new_resolver("gpu_model_choice", small_model)
    main()
