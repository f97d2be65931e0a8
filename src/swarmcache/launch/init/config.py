"""What load sites of the YAML that is really loaded must no longer say, value by value.

- `cache_dir` and `download_dir` that name another place become `null`: then the site goes by
  `HF_HUB_CACHE` like every other one, those in code too.
- `force_download: true` becomes `false`.

`revision` and `local_files_only` stay: `swarmcache lock` pins commits and `run` forbids requests
for all sites at once, those in code too, while a value here would hold for this one alone.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from yaml import YAMLError
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from swarmcache.project.edits import Edit, edited
from swarmcache.project.readers.hydra import composed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from yaml.nodes import Node

    from swarmcache.project.loads.values import Load, Option
    from swarmcache.project.readers.hydra import Path
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

PLACES = ("cache_dir", "download_dir")
FORCED = "force_download"
_EXPLICIT = "HF_HUB_CACHE"
_MOST = 100_000
"""Values of a file; aliases of aliases can come to any number."""


class ConfigEdit(NamedTuple):
    """One value that is replaced."""

    key: str
    span: Span
    text: str


def wanted_edits(project: Project, folder: str) -> dict[str, list[ConfigEdit]]:
    """Return the values that keep a load site from the one folder, by file."""
    found: dict[Span, ConfigEdit] = {}
    for site in project.loads_in_configs:
        found |= {edit.span: edit for edit in _of(site.load, folder)}
    by_file: dict[str, list[ConfigEdit]] = {}
    for edit in sorted(found.values(), key=lambda one: one.span.start):
        by_file.setdefault(edit.span.file, []).append(edit)
    return by_file


def _of(load: Load, folder: str) -> Iterator[ConfigEdit]:
    for key in PLACES:
        option = load.options.get(key)
        if option is not None and _is_elsewhere(option, folder):
            yield ConfigEdit(key, option.span, "null")
    forced = load.options.get(FORCED)
    if forced is not None and forced.value is True:
        yield ConfigEdit(FORCED, forced.span, "false")


def _is_elsewhere(option: Option, folder: str) -> bool:
    """Tell whether a value may name another place; one that only running tells is left alone."""
    if option.variable:
        return option.variable != _EXPLICIT
    return any(isinstance(value, str) and value != folder for value in option.values)


def as_edits(edits: Sequence[ConfigEdit]) -> list[Edit]:
    """Return byte edits of the values."""
    return [Edit(one.span.file, one.span.start, one.span.end, one.text) for one in edits]


def changes_only(data: bytes, edits: Sequence[ConfigEdit]) -> bool:
    """Prove that edits of a file change the values that they are meant for, and nothing else.

    PyYAML composes as it does for OmegaConf, so what is equal here is equal there.
    """
    after = edited(data, as_edits(edits))
    try:
        old, new = (dict(islice(_leaves(composed(text), ()), _MOST)) for text in (data, after))
    except (YAMLError, UnicodeError, RecursionError, ValueError):
        return False
    if len(old) >= _MOST:
        return False
    changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    keys = sorted(edit.key for edit in edits)
    return sorted(path[-1] for path in changed if path) == keys and old.keys() == new.keys()


def _leaves(node: Node | None, path: Path) -> Iterator[tuple[Path, tuple[str, str]]]:
    """Yield every scalar with its type, and every list and mapping as such."""
    if isinstance(node, ScalarNode):
        yield path, (str(node.tag), str(node.value))
        return
    yield path, (str(node.tag) if node is not None else "", "")
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _leaves(value, (*path, str(getattr(key, "value", ""))))
    elif isinstance(node, SequenceNode):
        for position, value in enumerate(node.value):
            yield from _leaves(value, (*path, str(position)))
