"""Makes `swarmcache.generation` importable in an interpreter that may have no swarmcache."""

from __future__ import annotations

import importlib.util
import os
import sys

PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def find_package() -> None:
    """Find the interpreter's own swarmcache, else ours, alone.

    Our site-packages stay off its path: they would shadow the trainer's packages. Of an older
    swarmcache without `generation`, everything else stays. Raises ImportError.
    """
    if importlib.util.find_spec("swarmcache") is None:
        place = os.path.join(PACKAGE, "__init__.py")
        spec = importlib.util.spec_from_file_location(
            "swarmcache", place, submodule_search_locations=[PACKAGE]
        )
        if spec is None or spec.loader is None:
            raise ImportError(place)
        sys.modules["swarmcache"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["swarmcache"])
    elif importlib.util.find_spec("swarmcache.generation") is None:
        sys.modules["swarmcache"].__path__.append(PACKAGE)
