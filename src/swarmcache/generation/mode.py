"""Generate with the KV cache alive, whatever state training left the model in."""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from swarmcache.generation.flags import (
    configs_of,
    restore,
    save_flags,
    save_use_cache,
    switch_off,
)
from swarmcache.generation.modules import core_of, modules_of
from swarmcache.generation.unfinished import UnfinishedBackwardError, waits_for_backward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmcache.generation.flags import Saved

Model = TypeVar("Model")
_TRIES = 100
"""Interruptions of one restoring; more are no accident."""


class _Held:
    """One model: the blocks that hold it, and what its flags were before the first."""

    __slots__ = ("__weakref__", "blocks", "gradients", "lock", "saved")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.blocks: set[object] = set()
        self.saved: list[Saved] = []
        self.gradients = True


_held: weakref.WeakKeyDictionary[Any, _Held] = weakref.WeakKeyDictionary()
"""By the model inside all wrappers, so that a block around a wrapper excludes one around it."""
_finding = threading.Lock()


@contextmanager
def generation_mode(model: Model, *generation_configs: object) -> Iterator[Model]:
    """Hold `model` in the state in which `generate()` is fast and right, and restore it exactly.

    Inside the block every module is in eval mode, gradient checkpointing is off, `use_cache` is on
    in the model's config, its sub-configs, its generation config and in `generation_configs` (those
    that will be passed to `generate()`), and no gradients are recorded. A `use_cache=False` that is
    passed to `generate()` itself still counts. Afterwards, however the block ended, everything is
    as it was, bit by bit; hooks, checkpoint functions and their arguments were never touched.

    Pass the outermost wrapper: PEFT, DDP and torch.compile are looked through. The sharded
    parameters of FSDP and ZeRO-3 stay the caller's to gather, and torch's `CheckpointWrapper` does
    not listen to the flags (`diagnose` names all three).

    Blocks of one model may be nested, and exclude each other among threads. Other threads must not
    train the model meanwhile: the flags are the model's, not the thread's. Raises
    UnfinishedBackwardError between a checkpointed forward and its backward, with nothing changed.
    """
    held, block = _held_of(model), object()
    with held.lock:
        found = _look(held, model, generation_configs)
        held.blocks.add(block)
        try:
            _switch(held, *found)
            yield model
        finally:
            _insist(lambda: _leave(held, block))


def _held_of(model: Any) -> _Held:
    core = core_of(model)
    with _finding:
        return _held.setdefault(core, _Held())


def _look(
    held: _Held, model: Any, generation_configs: tuple[object, ...]
) -> tuple[list[Saved], list[Saved]]:
    """Return the flags to switch off and those to switch on, as they are; refuse if it must be."""
    modules = modules_of(model)
    if not held.blocks and waits_for_backward(model, modules):
        raise UnfinishedBackwardError(
            f"generation_mode cannot begin between a forward and its backward: a checkpointed "
            f"forward of this {type(core_of(model)).__name__} still waits for backward(), which "
            "would run it again with other flags. Call backward() first, or drop the loss."
        )
    return save_flags(modules), save_use_cache([*configs_of(core_of(model)), *generation_configs])


def _switch(held: _Held, off: list[Saved], on: list[Saved]) -> None:
    import torch  # noqa: PLC0415 - torch only when used

    if len(held.blocks) == 1:
        held.gradients = torch.is_grad_enabled()
    if held.saved:
        known = {(id(own), name) for own, name, _ in held.saved}
        held.saved += [flag for flag in (*off, *on) if (id(flag[0]), flag[1]) not in known]
    else:
        held.saved = [*off, *on]
    switch_off(off)
    for own, name, _ in on:
        own[name] = True
    torch.set_grad_enabled(False)


def _leave(held: _Held, block: object) -> None:
    """End a block; the last one restores everything. Idempotent."""
    if held.blocks == {block}:
        import torch  # noqa: PLC0415 - torch only when used

        restore(held.saved)
        held.saved = []
        torch.set_grad_enabled(held.gradients)
    held.blocks.discard(block)


def _insist(action: Callable[[], None]) -> None:
    """Run an idempotent action to its end, and only then let pass what interrupted it."""
    interruption: BaseException | None = None
    for _ in range(_TRIES):
        try:
            action()
        except BaseException as error:  # noqa: BLE001, PERF203 - a second Ctrl-C: later
            interruption = error
        else:
            break
    if interruption is not None:
        raise interruption
