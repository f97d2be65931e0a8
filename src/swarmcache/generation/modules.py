"""What a model is here: any torch module, whatever wraps it, read without calling its methods.

Methods differ by version (transformers 5.23 renames `gradient_checkpointing_*`, v6 drops it) and
by wrapper; attributes stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Module(Protocol):
    """A `torch.nn.Module`."""

    _modules: Mapping[str, Module | None]
    training: bool


WRAPPED_AS = ("_orig_mod", "module", "pretrained_model")
"""The child that a wrapper wraps: torch.compile; DDP, FSDP, DataParallel, DeepSpeed; TRL's value
head. `module` counts only where the wrapper cannot generate by itself."""


def modules_of(model: Module) -> list[Module]:
    """Return the model and every module below it, each once, in no order to rely on.

    Three times as fast as `model.modules()`, which climbs through one generator per level.
    """
    seen, found, waiting = {id(model)}, [model], [model]
    while waiting:
        for child in waiting.pop().__dict__["_modules"].values():
            if child is not None and id(child) not in seen:
                seen.add(id(child))
                found.append(child)
                waiting.append(child)
    return found


def is_module(value: object) -> bool:
    """Tell whether a value is a torch module, without importing torch."""
    return isinstance(getattr(value, "__dict__", {}).get("_modules"), dict)


def core_of(model: Module) -> Module:
    """Return the model inside all wrappers: the one that has the config and the layers."""
    while True:
        inner = _unwrapped(model)
        if inner is model:
            return model
        model = inner


def _unwrapped(model: Module) -> Module:
    base = getattr(type(model), "get_base_model", None)  # PEFT
    if base is not None:
        found: Module = base(model)
        return found
    children = model.__dict__["_modules"]
    for name in WRAPPED_AS:
        child = children.get(name)
        if child is not None and (name != "module" or not hasattr(type(model), "generate")):
            inner: Module = child
            return inner
    return model
