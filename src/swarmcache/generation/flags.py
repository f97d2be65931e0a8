"""The flags that decide about the KV cache, saved and restored exactly, in the modules' `__dict__`.

`train()`, `eval()` and `gradient_checkpointing_enable()` are not exact: they set every module
alike, replace the checkpoint function with its arguments, and on transformers 5.23 add hooks at
each call. So none of them is called here, and hooks and functions are never touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.generation.modules import Module

ABSENT = object()
"""An attribute that the object itself does not have, so that it must not have it afterwards."""
TRAINING, CHECKPOINTING, USE_CACHE = "training", "gradient_checkpointing", "use_cache"


Saved = tuple[dict[str, object], str, object]
"""One attribute as it was: the `__dict__` that it stands in, its name, its value. A plain tuple, of
which a model of 24 layers has 370 in each block: entering and leaving may take a millisecond."""


def restore(saved: Iterable[Saved]) -> None:
    """Make the attributes what they were, or absent; idempotent."""
    for own, name, value in saved:
        if value is ABSENT:
            own.pop(name, None)
        else:
            own[name] = value


def is_checkpointing(module: Module) -> bool:
    """Tell whether a module's own flag asks for gradient checkpointing, on it or on its class."""
    return bool(getattr(module, CHECKPOINTING, False))


def is_in_the_way(module: Module) -> bool:
    """Tell whether transformers would take the cache from this module as it is.

    The condition is the same in 4.46 to 5.23; `no_grad` plays no part in it.
    """
    return module.training and is_checkpointing(module)


def save_flags(modules: Iterable[Module]) -> list[Saved]:
    """Return both flags of every module that can have them."""
    saved: list[Saved] = []
    for module in modules:
        own = module.__dict__
        if TRAINING in own:  # torch.compile's wrapper only forwards it.
            saved.append((own, TRAINING, own[TRAINING]))
        if CHECKPOINTING in own:
            saved.append((own, CHECKPOINTING, own[CHECKPOINTING]))
        elif getattr(type(module), CHECKPOINTING, False) is True:
            saved.append((own, CHECKPOINTING, ABSENT))
    return saved


def switch_off(saved: Iterable[Saved]) -> None:
    """Set the saved flags to False."""
    for own, name, value in saved:
        if value:  # ABSENT too: the class asks for it.
            own[name] = False


def configs_of(core: Module) -> list[object]:
    """Return the config of a model with its sub-configs, and its generation config, each once.

    Not those of inner modules: the encoder of T5 has a copy of the config that forbids the cache.
    """
    found: dict[int, object] = {}
    waiting = [core.__dict__.get("config"), core.__dict__.get("generation_config")]
    while waiting:
        config = waiting.pop()
        if config is not None and id(config) not in found and hasattr(config, "__dict__"):
            found[id(config)] = config
            waiting.extend(_sub_configs(config))
    return list(found.values())


def _sub_configs(config: object) -> Iterator[object]:
    for value in vars(config).values():
        if hasattr(type(value), "model_type"):  # What every PretrainedConfig has.
            yield value


def save_use_cache(configs: Iterable[object]) -> list[Saved]:
    """Return `use_cache` of those configs that say False, also where their class says it."""
    return [
        (vars(config), USE_CACHE, vars(config).get(USE_CACHE, ABSENT))
        for config in configs
        if getattr(config, USE_CACHE, None) is False
    ]
