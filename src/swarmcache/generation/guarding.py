"""Guards that stay: on a model, on a trainer, on a function that makes rollouts."""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from swarmcache.generation import wrapping
from swarmcache.generation.flags import TRAINING, restore, save_flags
from swarmcache.generation.mode import generation_mode
from swarmcache.generation.modules import core_of, is_module, modules_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

P = ParamSpec("P")
R = TypeVar("R")

_guarded: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()
"""The models that are guarded, and the outermost wrapper that each was given in."""


class Guard:
    """A guard that stands until it is removed, or until the `with` block that holds it ends."""

    def __init__(self, target: Any) -> None:
        """Guard a model, or a trainer with a `model`."""
        self._core = core_of(model_of(target))
        self._trainer = None if is_module(target) else target
        wrapping.add(_around, type(self._core))
        _guarded[self._core] = weakref.ref(model_of(target))
        if self._trainer is not None and callable(getattr(self._trainer, "train", None)):
            self._trainer.train = _restoring(self._trainer)

    def remove(self) -> None:
        """Take the guard away; the trainer's own methods stand again."""
        _guarded.pop(self._core, None)
        if self._trainer is not None:
            vars(self._trainer).pop("train", None)

    def __enter__(self) -> Guard:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def guard(target: Any) -> Guard:
    """Guard every `generate()` of a model, or of a trainer's `model`, from now on.

    Each call runs in `generation_mode`, whoever makes it and through whatever wrapper. Of a trainer
    the method `train` is guarded too: if it raises, every module is in the mode again in which it
    was before, so that a round after a failed one does not generate in train mode (GenRL 0.3.0
    does). Raises TypeError when there is no model, or one that cannot generate.
    """
    return Guard(target)


def rollout(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function in `generation_mode` of its first argument: a model, or what has a `model`.

    A `generation_config` that the argument has is made to use the cache too.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if not args:
            raise TypeError(f"{function.__qualname__} needs its model, or a trainer, as the first")
        config = getattr(args[0], "generation_config", None)
        with generation_mode(model_of(args[0]), *([] if config is None else [config])):
            return function(*args, **kwargs)

    return guarded


def model_of(target: Any) -> Any:
    """Return the model that a model or a trainer is about; TypeError if there is none."""
    model = target if is_module(target) else getattr(target, "model", None)
    if not is_module(model):
        raise TypeError(
            f"expected a torch module, or a trainer with one as its `model`, not {type(target)}"
        )
    return model


def _around(model: Any, options: dict[str, Any]) -> AbstractContextManager[object] | None:
    outermost = _guarded.get(core_of(model))
    if outermost is None:
        return None
    passed = options.get("generation_config")
    return generation_mode(outermost() or model, *([] if passed is None else [passed]))


def _restoring(trainer: Any) -> Callable[..., object]:
    """Return the trainer's `train` that restores the modules' modes when it raises."""
    train = trainer.train

    @functools.wraps(train)
    def guarded(*args: Any, **kwargs: Any) -> object:
        flags = save_flags(modules_of(trainer.model))
        modes = [flag for flag in flags if flag[1] == TRAINING]
        try:
            return train(*args, **kwargs)
        except BaseException:
            restore(modes)
            raise

    return guarded
