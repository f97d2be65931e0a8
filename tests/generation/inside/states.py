"""Everything about a model that a guard could leave changed, as plain text to compare."""

from __future__ import annotations

import hashlib
from typing import Any

import torch


def state_of(model: Any, *configs: Any) -> dict[str, str]:
    """Return every attribute of every module, config, hook, weight and random state.

    Objects are told by their identity; flags, numbers and texts by their value, and both in the
    order in which they were set.
    """
    found = {}
    for name, module in model.named_modules():
        for key, value in module.__dict__.items():
            found[f"{name}.{key}"] = _told(value)
        found[f"{name} order"] = repr(list(module.__dict__))
    seen = {id(m.config): m.config for m in model.modules() if hasattr(m, "config")}
    for config in [*seen.values(), model.generation_config, *configs]:
        found[f"config {id(config)}"] = repr([(k, _told(v)) for k, v in vars(config).items()])
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        bits = hashlib.sha256(tensor.detach().reshape(-1).view(torch.uint8).numpy().tobytes())
        grad = None if tensor.grad is None else tensor.grad.sum().item()
        found[f"{name} bits"] = (
            f"{bits.hexdigest()} {tensor._version} {tensor.requires_grad} {grad}"
        )
    found["random"] = hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest()
    found["gradients"] = repr(torch.is_grad_enabled())
    return found


def _told(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, dict):
        return repr([(key, _told(item)) for key, item in value.items()])
    keywords = getattr(value, "keywords", None)  # The checkpoint function's arguments.
    return f"{type(value).__name__} {id(value)} {keywords}"


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the names of what is not the same."""
    return sorted(name for name in {*before, *after} if before.get(name, "") != after.get(name, ""))
