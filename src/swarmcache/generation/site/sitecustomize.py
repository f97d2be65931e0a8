"""Found first on PYTHONPATH by the Pythons that `swarmcache run` starts, where it has work there.

It waits for transformers to be imported, and wraps its `generate` then (`--guard-generation`); or
for huggingface_hub, and keeps requests for complete models at home. A process that imports neither
notices nothing. The `sitecustomize` that would have been found without us runs as if it had been.
Nothing here may stop a trainer: what fails is said in one line.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import PathFinder

from _swarmcache_package import find_package

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = "transformers.generation.utils"
"""The module that defines GenerationMixin, in transformers 4.46 to 5.23."""


HTTP = "huggingface_hub.utils._http"
"""The module through which huggingface_hub makes its requests, in 0.36 to 2.4."""


class Waits:
    """A finder that finds nothing itself, and looks at a module right after its import."""

    def __init__(self, name: str, look: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._look = look

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders say, with a loader that tells us when it is done."""
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            _follow(spec.loader, self._look)
        return spec


def _follow(loader: object, look: Callable[[ModuleType], None]) -> None:
    """Have `loader`, still of its own type, show the module that it executes."""
    execute = loader.exec_module  # type: ignore[attr-defined] # every loader of a spec has it

    def exec_module(module: ModuleType) -> None:
        execute(module)
        look(module)

    loader.exec_module = exec_module  # type: ignore[attr-defined] # on this instance alone


def _guard(module: ModuleType) -> None:
    try:
        find_package()
        from swarmcache.generation.automatic import guard_all

        guard_all(module.GenerationMixin)
    except Exception as error:  # noqa: BLE001 - the trainer starts without a guard, and says so
        _say_failed(f"{type(error).__name__}: {error}")


def _keep_local(module: ModuleType) -> None:
    try:
        place = os.path.join(HERE, "_local_models.py")
        spec = importlib.util.spec_from_file_location("_swarmcache_local_models", place)
        local_models = importlib.util.module_from_spec(spec)  # type: ignore[arg-type] # it is there
        spec.loader.exec_module(local_models)  # type: ignore[union-attr]
        local_models.keep(module)
    except Exception as error:  # noqa: BLE001 - the Hub is asked as without us
        import logging

        text = "swarmcache: the Hub is asked for complete models too: %s: %s"
        logging.getLogger("swarmcache").warning(text, type(error).__name__, error)


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


if "SWARMCACHE_GENERATION_GUARD" in os.environ:
    sys.meta_path.insert(0, Waits(HOME, _guard))
if os.environ.get("SWARMCACHE_COMPLETE_MODELS"):
    sys.meta_path.insert(0, Waits(HTTP, _keep_local))
_run_the_next_one()
