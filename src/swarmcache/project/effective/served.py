"""Whether the model that a command names is a folder or a bucket, and needs no cache of the Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.project.effective.arguments import option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.effective.executions import Execution

_FOLDERS = frozenset(
    {"models", "model", "checkpoints", "checkpoint", "outputs", "output", "weights", "ckpts"}
)
"""Names that no owner of models has, and many a folder."""
_OPTIONS = ("--model", "--model-id", "--model-path", "--model_name_or_path")


def may_serve_folder(execution: Execution) -> bool:
    """Tell whether a model that is named may be a folder; what is not known may be one."""
    return any(name is None or is_place(name) for name in _named(execution))


def serves_folder(execution: Execution) -> bool:
    """Tell whether the models that are named are folders, as far as they are known."""
    found = [name for name in _named(execution) if name]
    return bool(found) and all(map(is_place, found))


def is_place(name: str) -> bool:
    """Tell whether a model's name is a path or an address, and no repo of the Hub."""
    first = name.partition("/")[0]
    return name.startswith(("/", ".", "~")) or "://" in name or first in _FOLDERS


def _named(execution: Execution) -> Iterator[str | None]:
    for name in _OPTIONS:
        given = option(execution, name)
        if given is not None:
            yield from given.values
    words = execution.words()
    at = next((i for i, word in enumerate(words) if word.values == ("serve",)), len(words))
    for word in words[at + 1 : at + 2]:
        if not (word.values[0] or "").startswith("-"):
            yield from word.values
