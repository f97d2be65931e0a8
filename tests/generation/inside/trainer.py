"""A trainer that knows nothing of swarmcache: rollouts in train mode with gradient checkpointing.

    python trainer.py [eval] [uncached] [passed] [unfinished]

The last line is JSON: the tokens of clean generation, those of the rollouts, and what is left.
"""

from __future__ import annotations

import json
import sys
import warnings

import small_models
import torch
import transformers
from small_models import PROMPT, generate, make, train_with_checkpointing
from states import differences, state_of
from transformers import GenerationConfig


def main() -> None:
    """Generate three times in the state that the arguments describe."""
    words = set(sys.argv[1:])
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    model = make("qwen2")
    clean = generate(model)
    options = {}
    if "uncached" in words:
        model.generation_config.use_cache = False
    if "passed" in words:
        options = {"generation_config": GenerationConfig(**small_models.SPECIAL)}
    if "eval" not in words:
        train_with_checkpointing(model)
    before = state_of(model)
    fed: list[int] = []
    hook = model.get_input_embeddings().register_forward_pre_hook(
        lambda _, arguments: fed.append(arguments[0].shape[1])
    )
    rollouts = []
    for _ in range(3):
        loss = model(input_ids=PROMPT, labels=PROMPT).loss if "unfinished" in words else None
        fed.clear()
        rollouts.append(generate(model, **options))
        if loss is not None:
            loss.backward()
            model.zero_grad(set_to_none=True)
    hook.remove()
    found = {"clean": clean, "rollouts": rollouts, "fed": fed}
    print(json.dumps({**found, "changed": differences(before, state_of(model))}))


if __name__ == "__main__":
    main()
