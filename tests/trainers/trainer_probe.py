r"""Loads what an RL-Swarm node loads: its own config, resolver, trainer, rewards and proposer.

    cd rl-swarm
    python trainer_probe.py --config-path "$PWD/code_gen_exp/config" \
        --config-name code-gen-swarm.yaml

The arguments are those of the launcher (`run_rl_swarm.sh`, its last command). Runs in the torch
environment, in the root of a checkout from v0.5.2 on. Left out is what needs peers, a wallet, a
judge, Ollama or streamed datasets. The last line is JSON, for the tests.

PROBE_GPU_GIB pretends a GPU of that size, so that the resolver takes the pool for it.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import json
import os
import re
import sys
import time
import types

STARTED = time.monotonic()
SNAPSHOT = re.compile(r"(.*/)models--(.+)--(.+)/snapshots/([0-9a-f]{40})/.*")
OPENED: set[tuple[str, str, str]] = set()
"""Cache folder, repo and commit of each snapshot of which Python opened a file."""


def note_snapshot(event: str, args: tuple[object, ...]) -> None:
    """Remember the snapshot that a file was opened in (an audit hook)."""
    path = args[0] if event == "open" else None
    if isinstance(path, str) and (match := SNAPSHOT.fullmatch(path)):
        OPENED.add((match[1].rstrip("/"), f"{match[2]}/{match[3]}", match[4]))


sys.addaudithook(note_snapshot)
sys.path.insert(0, os.getcwd())  # As `python -m` does for the launcher.

import hivemind  # noqa: E402 - after the hook
import hivemind.utils  # noqa: E402
import huggingface_hub  # noqa: E402
import hydra  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from omegaconf import DictConfig, OmegaConf  # noqa: E402

MODEL = "game_manager.trainer.models.0.pretrained_model_name_or_path"
CHAT = [{"role": "user", "content": "Write a Python function that returns the sum of a list."}]


def stand_in() -> None:
    """Supply what the released packages lack and loading does not use.

    rl-swarm builds hivemind from a commit that exports one name more than release 1.1.12. Its
    proposer generates with transformers unless told otherwise, yet cannot be imported without
    vLLM; and its sandbox for generated code is a Deno program.
    """
    if not hasattr(hivemind, "get_dht_time"):
        hivemind.get_dht_time = hivemind.utils.get_dht_time
    _module("vllm", LLM=object, SamplingParams=types.SimpleNamespace)
    _module("langchain_sandbox", PyodideSandbox=lambda **_: None)


def _module(name: str, **contents: object) -> None:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(contents)
    sys.modules[name] = module


def register_resolver() -> str:
    """Import the checkout's own `gpu_model_choice`, as its launcher does; return its package."""
    package = next(name for name in ("code_gen_exp", "rgym_exp") if os.path.isdir(name))
    resolver = importlib.import_module(f"{package}.src.utils.omega_gpu_resolver")
    if gibibytes := os.environ.get("PROBE_GPU_GIB"):
        resolver.get_gpu_vram = lambda: float(gibibytes)
    return package


def trainer(cfg: DictConfig) -> tuple[str, object, object]:
    """Return name, model and tokenizer of the trainer that the config describes."""
    module = hydra.utils.instantiate(cfg.game_manager.trainer)
    return module.model.name_or_path, module.model, module.processing_class


def rewards(cfg: DictConfig) -> tuple[str, object, object] | None:
    """Return name and tokenizer of the solver's rewards; configs before v0.7 have none."""
    if OmegaConf.select(cfg, "reward_config") is None:
        return None
    manager = hydra.utils.instantiate(cfg.game_manager.reward_manager)
    tokenizer = manager.dispatch_reward_fn(0, 0).tokenizer
    return tokenizer.name_or_path, None, tokenizer


def proposer(cfg: DictConfig) -> tuple[str, object, object] | None:
    """Return name, model and tokenizer of the proposer service; configs before v0.7 have none."""
    if "proposer" not in cfg:
        return None
    module = importlib.import_module("code_gen_exp.src.proposer")
    made = module.Proposer(cfg.proposer.service_config.model)
    return made.model.name_or_path, made.model, made.tokenizer


def generated(model: torch.nn.Module, tokenizer: transformers.PreTrainedTokenizerBase) -> int:
    """Return how many new tokens the model makes of a chat prompt, at most 8."""
    tokens = tokenizer.apply_chat_template(
        CHAT, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    prompt = tokens["input_ids"].to(model.device)
    model.eval()
    with torch.no_grad():
        return model.generate(prompt, max_new_tokens=8, min_new_tokens=8).shape[1] - prompt.shape[1]


def describe(role: str, loaded: tuple[str, object, object]) -> dict[str, object]:
    """Print what was loaded, and return it for JSON."""
    name, model, tokenizer = loaded
    facts = {"name": name, "vocabulary": len(tokenizer), "generated": 0}
    if model is not None:
        facts["generated"] = generated(model, tokenizer)
    what = (
        f"{type(model).__name__}, {facts['generated']} tokens generated" if model else "tokenizer"
    )
    print(f"  {role:<17} {name}: {what}", flush=True)
    return facts


PACKAGE = register_resolver()


@hydra.main(version_base=None)
def main(cfg: DictConfig) -> None:
    """Load every role of the config, and print what was loaded from where."""
    stand_in()
    print(f"transformers {transformers.__version__}, hub {huggingface_hub.__version__}, {PACKAGE}")
    drawn = {OmegaConf.select(cfg, MODEL) for _ in range(32)}
    print(f"  32 readings of the config's model: {', '.join(sorted(drawn))}")
    loaders = {"trainer": trainer, "reward tokenizer": rewards, "proposer": proposer}
    roles = {role: describe(role, found) for role, load in loaders.items() if (found := load(cfg))}
    facts = {
        "roles": roles,
        "drawn": sorted(drawn),
        "opened": sorted(OPENED),
        "model_name": os.environ.get("MODEL_NAME"),
        "transformers": transformers.__version__,
        "huggingface_hub": huggingface_hub.__version__,
        "seconds": round(time.monotonic() - STARTED, 2),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
