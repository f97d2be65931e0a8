"""What `diagnose` says of small models in every state, and what it leaves behind."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

import torch
import transformers
from guarding import STATES, loss_of, with_lora
from small_models import SPECIAL, make, train_with_checkpointing
from states import differences, state_of
from transformers import GenerationConfig

from swarmcache.generation import diagnose

if TYPE_CHECKING:
    from swarmcache.generation import Diagnosis


def told(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return a diagnosis as JSON."""
    return {
        "verdict": diagnosis.verdict.value,
        "reason": diagnosis.reason.name,
        "flags": diagnosis.flags._asdict(),
        "as_is": diagnosis.as_is and diagnosis.as_is._asdict(),
        "clean": diagnosis.clean and diagnosis.clean._asdict(),
        "agreement": diagnosis.agreement,
        "deviation": diagnosis.deviation,
        "limits": [limit.value for limit in diagnosis.limits],
        "versions": dict(diagnosis.versions),
    }


def in_state(architecture: str, state: str, lora: bool = False) -> dict[str, Any]:
    """Diagnose a model in a state of training, or in eval mode; also as a float16 model."""
    model = make(architecture, dropout=0.1)
    if lora:
        model = with_lora(model).eval()
    if state != "eval":
        STATES[state](model)
    before = state_of(model)
    found = told(diagnose(model))
    return {**found, "changed": differences(before, state_of(model))}


def in_bfloat16(state: str) -> dict[str, Any]:
    """Diagnose a model in half the precision."""
    model = make("qwen2").to(torch.bfloat16)
    if state != "eval":
        STATES[state](model)
    return told(diagnose(model))


def without_cache(where: str) -> dict[str, Any]:
    """Diagnose an eval-mode model whose cache is off by a config."""
    model, passed = make("qwen2"), None
    if where == "passed":
        passed = GenerationConfig(**SPECIAL, use_cache=False)
    elif where == "generation config":
        model.generation_config.use_cache = False
    else:
        model.config.use_cache = False
    before = state_of(model)
    found = told(diagnose(model, generation_config=passed))
    return {**found, "changed": differences(before, state_of(model))}


def unfinished() -> dict[str, Any]:
    """Diagnose between a forward and its backward."""
    model = train_with_checkpointing(make("qwen2"))
    loss = loss_of(model)
    found = told(diagnose(model))
    loss.backward()
    return found


def sharded() -> dict[str, Any]:
    """Diagnose a model whose weights are nowhere."""
    return told(diagnose(make("qwen2").to("meta")))


def no_model() -> dict[str, Any]:
    """Diagnose a module that cannot generate."""
    return told(diagnose(torch.nn.Linear(2, 2)))


def wrapped_layers() -> dict[str, Any]:
    """Diagnose a model whose layers torch's CheckpointWrapper wraps, in train mode."""
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import (  # noqa: PLC0415
        apply_activation_checkpointing,
    )

    model = make("qwen2")
    layer = type(model.model.layers[0])
    apply_activation_checkpointing(model, check_fn=lambda module: isinstance(module, layer))
    return told(diagnose(model.train()))


def warnings_kept() -> dict[str, Any]:
    """Collect what transformers warns of once, during a diagnosis and at a forward after it."""
    model = train_with_checkpointing(make("qwen2"))
    said: list[str] = []
    logger = transformers.utils.logging.get_logger("transformers")
    transformers.utils.logging.set_verbosity_warning()
    logger.addFilter(lambda record: said.append(record.getMessage()) or True)
    for handler in logger.handlers:
        handler.addFilter(lambda record: said.append(record.getMessage()) or False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        diagnose(model)
        during = [*said, *map(str, caught)]
        model(input_ids=torch.tensor([[1, 2, 3]]))
    return {"during": during, "after": said}


def cost() -> dict[str, Any]:
    """Return the seconds of a second diagnosis, and of two clean generations of 8 tokens."""
    from small_models import generate  # noqa: PLC0415 - for this one

    model = train_with_checkpointing(make("qwen2"))
    diagnose(model)
    started = time.process_time()
    diagnose(model)
    spent = time.process_time() - started
    model.eval()
    started = time.process_time()
    generate(model, 8)
    generate(model, 8)
    return {"diagnosis": spent, "generations": time.process_time() - started}
