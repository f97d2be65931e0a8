"""What `guard` and `rollout` do to models, copies and trainers."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import torch
from guarding import with_lora
from small_models import SPECIAL, generate, make, train_with_checkpointing
from states import differences, state_of
from transformers import GenerationConfig

from swarmcache.generation import guard, rollout


class Trainer:
    """A trainer as simple as GenRL's: its `train` ends in eval mode unless it raises."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.generation_config = GenerationConfig(**SPECIAL, use_cache=False)

    def train(self, *, fails: bool) -> str:
        """Train, or fail."""
        self.model.train()
        if fails:
            raise RuntimeError("CUDA out of memory")
        self.model.eval()
        return "trained"

    @rollout
    def generate(self) -> list[int]:
        """Return a rollout; the config here forbids the cache, and the guard allows it."""
        self.inside = (self.model.training, self.generation_config.use_cache)
        return generate(self.model)


def models() -> dict[str, Any]:
    """Guard a model; then a copy of it, a pickled one and another model are not guarded."""
    model, other = make("qwen2"), train_with_checkpointing(make("qwen2"))
    clean = generate(model)
    standing = guard(model)
    guard(model)
    # Before: 5.23 hangs a local function on the model, which no pickle takes.
    thawed = train_with_checkpointing(pickle.loads(pickle.dumps(model)))
    before = state_of(train_with_checkpointing(model))
    guarded = generate(model)
    changed = differences(before, state_of(model))
    twin = copy.deepcopy(model)
    found = {
        "guarded": guarded == clean,
        "changed": changed,
        "twin": generate(twin) == clean,
        "thawed": generate(thawed) == clean,
        "other": generate(other) == clean,
    }
    standing.remove()
    return {**found, "removed": generate(model) == clean}


def adapters() -> dict[str, Any]:
    """Guard a PEFT model, and generate through it and through its base."""
    model = with_lora(make("qwen2")).eval()
    clean = generate(model)
    train_with_checkpointing(model)
    with guard(model):
        return {"same": [generate(model) == clean, generate(model.get_base_model()) == clean]}


def trainers() -> dict[str, Any]:
    """Guard a trainer, let it fail, and generate."""
    model = make("qwen2")
    clean = generate(model)
    model.gradient_checkpointing_enable()
    model.lm_head.training = True  # What was in train mode before stays so.
    trainer = Trainer(model)
    standing = guard(trainer)
    try:
        trainer.train(fails=True)
        raised = False
    except RuntimeError:
        raised = True
    modes = sorted({name for name, module in model.named_modules() if module.training})
    found = {"raised": raised, "in train mode": modes, "same": generate(model) == clean}
    found["trained"] = trainer.train(fails=False)
    standing.remove()
    return {**found, "own train": "train" not in vars(trainer)}


def rollouts() -> dict[str, Any]:
    """Call a decorated method of a trainer in train mode."""
    model = make("qwen2")
    clean = generate(model)
    trainer = Trainer(train_with_checkpointing(model))
    before = state_of(model, trainer.generation_config)
    same = trainer.generate() == clean
    changed = differences(before, state_of(model, trainer.generation_config))
    return {"same": same, "inside": list(trainer.inside), "changed": changed}


def refusals() -> dict[str, str]:
    """Guard what cannot be guarded."""
    found = {}
    for name, target in (("module", torch.nn.Linear(2, 2)), ("nothing", object())):
        try:
            guard(target)
        except TypeError as error:  # noqa: PERF203 - two targets
            found[name] = str(error)
    return found
