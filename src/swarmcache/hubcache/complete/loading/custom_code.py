"""The Python files that a model brings along (`trust_remote_code`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.hubcache.complete.snapshot import Snapshot

_RELATIVE_IMPORT = rb"(?m)^\s*(?:from\s+\.(\w+)\s+import|import\s+\.(\w+))"
"""As transformers looks for them: `get_relative_imports` in `dynamic_module_utils.py`."""


def custom_code(snapshot: Snapshot) -> set[str]:
    """Return the files that `auto_map` names, and what they import from beside them."""
    found: set[str] = set()
    waiting = [*_auto_map(snapshot, "config.json"), *_auto_map(snapshot, "tokenizer_config.json")]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            imports = re.findall(_RELATIVE_IMPORT, snapshot.read(path))
            waiting += [f"{(a or b).decode()}.py" for a, b in imports]
    return found


def _auto_map(snapshot: Snapshot, path: str) -> Iterator[str]:
    """Yield the modules of `auto_map`; `other/repo--module.Class` is another repo's code."""
    if b'"auto_map"' not in snapshot.read(path):
        return  # Parsing a tokenizer's long config only to find none would cost most of a check.
    classes = snapshot.json_object(path).get("auto_map")
    for value in classes.values() if isinstance(classes, dict) else ():
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and "." in name and "--" not in name:
                yield name.rpartition(".")[0].replace(".", "/") + ".py"
