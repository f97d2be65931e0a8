"""What wraps a model so that the flags do not reach it, or its parameters are elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.generation.verdicts import Limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.generation.modules import Module

_BY_CLASS = {
    "FullyShardedDataParallel": Limit.FSDP,
    "FSDPModule": Limit.FSDP,  # FSDP 2 makes it a base of each module's class.
    "CheckpointWrapper": Limit.CHECKPOINT_WRAPPER,
}
_FAIRSCALE = "fairscale.nn.checkpoint"
"""Replaces the module's `forward` by a partial of a function that lives there."""


def limits_of(modules: Sequence[Module]) -> tuple[Limit, ...]:
    """Return what stands between a guard and the model, each once."""
    return tuple(dict.fromkeys(limit for module in modules for limit in _limits(module)))


def is_elsewhere(modules: Sequence[Module]) -> bool:
    """Tell whether a parameter has no values here: sharded away, or on the meta device."""
    return any(
        tensor.device.type == "meta" or hasattr(tensor, "ds_id") or hasattr(tensor, "_local_tensor")
        for module in modules
        for tensor in module.__dict__["_parameters"].values()
        if tensor is not None
    )


def _limits(module: Module) -> Iterator[Limit]:
    for kind in type(module).__mro__:
        if kind.__name__ in _BY_CLASS:
            yield _BY_CLASS[kind.__name__]
    if any(hasattr(tensor, "ds_id") for tensor in module.__dict__["_parameters"].values()):
        yield Limit.ZERO3
    own_forward = getattr(module.__dict__.get("forward"), "func", None)
    if getattr(own_forward, "__module__", "").startswith(_FAIRSCALE):
        yield Limit.CHECKPOINT_WRAPPER
