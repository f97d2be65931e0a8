"""Found first on PYTHONPATH by every Python that `swarmcache run --guard-generation` starts.

It waits for transformers to be imported, and wraps its `generate` then; a process that never
imports it notices nothing. The `sitecustomize` that would have been found without us runs as if
it had been. Nothing here may stop a trainer: what fails is said in one line.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import PathFinder

from _swarmcache_package import find_package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = "transformers.generation.utils"
"""The module that defines GenerationMixin, in transformers 4.46 to 5.23."""


class WaitsForTransformers:
    """A finder that finds nothing itself, and looks at one module right after its import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders say, with a loader that tells us when it is done."""
        if name != HOME:
            return None
        sys.meta_path.remove(self)
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            _follow(spec.loader)
        return spec


def _follow(loader: object) -> None:
    """Have `loader`, still of its own type, guard the module that it executes."""
    execute = loader.exec_module  # type: ignore[attr-defined] # every loader of a spec has it

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _guard(module)

    loader.exec_module = exec_module  # type: ignore[attr-defined] # on this instance alone


def _guard(module: ModuleType) -> None:
    try:
        find_package()
        from swarmcache.generation.automatic import guard_all

        guard_all(module.GenerationMixin)
    except Exception as error:  # noqa: BLE001 - the trainer starts without a guard, and says so
        _say_failed(f"{type(error).__name__}: {error}")


def _say_failed(error: str) -> None:
    """Log one line, without anything of the package, which may be what failed."""
    import json
    import logging

    try:
        text = json.loads(os.environ["SWARMCACHE_GENERATION_GUARD"])["failed"]
    except (KeyError, ValueError):
        text = "swarmcache: no generation guard: {error}"
    logging.getLogger("swarmcache.generation").warning(text.replace("{error}", error))


def _run_the_next_one() -> None:
    """Run the `sitecustomize` that stands behind ours, under its own name."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != HERE]
    spec = PathFinder.find_spec("sitecustomize")
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


sys.meta_path.insert(0, WaitsForTransformers())
_run_the_next_one()
