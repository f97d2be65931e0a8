"""One wrapper around a class's `generate`, through which every guard acts.

It stands on the class, not on the model: a model that is copied, pickled or saved carries nothing
of it, and models that nobody guards only pass through.
"""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_UNWRAPPED = "_swarmcache_unwrapped"
_inside = threading.local()
_changing = threading.Lock()


class Around(Protocol):
    """Decides about one call of `generate`."""

    def __call__(
        self, model: Any, options: dict[str, Any], /
    ) -> AbstractContextManager[object] | None:
        """Return what to hold around a call with these keyword arguments, or None."""


_deciders: list[Around] = []


def add(around: Around, kind: type) -> None:
    """Let `around` decide about each call of `kind.generate`, wherever that is defined.

    Raises TypeError where no class of `kind` defines it.
    """
    home = next((home for home in kind.__mro__ if "generate" in vars(home)), None)
    if home is None:
        raise TypeError(f"{kind.__name__} cannot generate")
    with _changing:
        if around not in _deciders:
            _deciders.append(around)
        if not hasattr(vars(home)["generate"], _UNWRAPPED):
            home.generate = _wrapped(vars(home)["generate"])  # type: ignore[attr-defined] # just seen


@contextmanager
def passed_through() -> Iterator[None]:
    """Let calls of this thread through, undecided."""
    before = getattr(_inside, "passes", False)
    _inside.passes = True
    try:
        yield
    finally:
        _inside.passes = before


def _wrapped(generate: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(generate)
    def guarded(self: Any, *arguments: Any, **options: Any) -> object:
        if getattr(_inside, "passes", False):
            return generate(self, *arguments, **options)
        with passed_through():
            told = dict(zip(("inputs", "generation_config"), arguments, strict=False)) | options
            held = next((held for decide in _deciders if (held := decide(self, told))), None)
        if held is None:
            return generate(self, *arguments, **options)
        with held:
            return generate(self, *arguments, **options)

    setattr(guarded, _UNWRAPPED, generate)
    return guarded
