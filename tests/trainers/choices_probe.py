"""Tells which model each role of an RL-Swarm config would load, without loading any.

    cd rl-swarm
    python choices_probe.py CONFIG_FOLDER CONFIG_NAME MODEL_NAME...

Runs with real hydra-core and omegaconf, the real config and RL-Swarm's own resolver on a GPU of
PROBE_GPU_GIB. The classes that the config names are stand-ins which keep what they are given.
For each MODEL_NAME the config is composed and instantiated anew, as a start does it, and a line of
JSON says role and model. An empty one is none, `.` is the one that the probe was started with.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import json
import os
import sys
import types
from typing import TYPE_CHECKING, Any

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

if TYPE_CHECKING:
    from collections.abc import Sequence

STOOD_IN = ("torch", "transformers", "genrl", "code_gen_exp", "rgym_exp")
GIB = 2**30


class Kept:
    """Any class of the trainer's: it keeps its arguments."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        self.args = args
        self.kwargs = kwargs

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str, **_: object) -> str:
        """Return the name of the model that would be loaded."""
        return pretrained_model_name_or_path


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes a module for every name in STOOD_IN and below, whose attributes are all Kept."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Claim what stands in."""
        if name.partition(".")[0] not in STOOD_IN or name.endswith("omega_gpu_resolver"):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def exec_module(self, module: types.ModuleType) -> None:
        """Give it every class that somebody asks for."""

        def anything(name: str) -> Any:
            if name.startswith("__") or not name[0].isupper():
                raise AttributeError(name)
            return Kept

        module.__getattr__ = anything  # type: ignore[method-assign]


def register_resolver(folder: str) -> None:
    """Run RL-Swarm's own `gpu_model_choice`, on the GPU that the test pretends."""
    gibibytes = float(os.environ.get("PROBE_GPU_GIB", "0"))
    torch = importlib.import_module("torch")
    torch.cuda = types.SimpleNamespace(
        is_available=lambda: gibibytes > 0,
        get_device_properties=lambda _: types.SimpleNamespace(total_memory=gibibytes * GIB),
    )
    file = os.path.join(os.path.dirname(folder), "src", "utils", "omega_gpu_resolver.py")
    loader = importlib.machinery.SourceFileLoader("resolver", file)
    module = types.ModuleType("resolver")
    loader.exec_module(module)


def choices(name: str) -> dict[str, str]:
    """Return role -> model of one start, each part of the config instantiated as RL-Swarm does."""
    cfg = compose(name)
    found = {"trainer": instantiate(cfg.game_manager.trainer).kwargs["models"][0]}
    if OmegaConf.select(cfg, "reward_config") is not None:
        manager = instantiate(cfg.game_manager.reward_manager)
        rounds = manager.kwargs["reward_fn_store"].kwargs["reward_fn_stores"]
        found["reward tokenizer"] = (
            rounds[0].kwargs["reward_fns"][0].kwargs["solver_tokenizer_path"]
        )
    if "proposer" in cfg:
        found["proposer"] = instantiate(cfg.proposer.service_config).kwargs["model"]
    return found


def main() -> None:
    """Answer for each name."""
    folder, name, *models = sys.argv[1:]
    sys.meta_path.insert(0, StandIns())
    register_resolver(folder)
    inherited = os.environ.get("MODEL_NAME", "")
    with initialize_config_dir(folder, version_base=None):
        for model in models:
            os.environ["MODEL_NAME"] = inherited if model == "." else model
            if not os.environ["MODEL_NAME"]:
                del os.environ["MODEL_NAME"]
            print(json.dumps(choices(name)), flush=True)


if __name__ == "__main__":
    main()
