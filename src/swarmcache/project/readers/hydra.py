"""Hydra and other YAML configs as nodes that know their file and line.

PyYAML composes, as it does for OmegaConf: the same YAML 1.1 rules decide what is text and what
a number. Nothing is constructed, so tags of other programs do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from swarmcache.errors import ProjectError, os_reason
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1_000_000
"""No hand-written config is larger; dumps and data sets are."""

Path = tuple[str, ...]
"""Where a value stands in its config: keys and list positions from the top."""


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a config: its node and the way to it."""

    node: Node
    path: Path

    @property
    def line(self) -> int:
        """The line the value starts on, from 1."""
        return int(self.node.start_mark.line) + 1

    @property
    def file(self) -> str:
        """The file it is written in, absolute; a composed config has several."""
        return str(self.node.start_mark.name)

    @property
    def characters(self) -> tuple[int, int]:
        """Where the value stands in its file, as counts of characters."""
        return int(self.node.start_mark.index), int(self.node.end_mark.index)

    @property
    def text(self) -> str | None:
        """The scalar as written, without its quotes; None for lists, mappings and null."""
        if isinstance(self.node, ScalarNode) and not self.node.tag.endswith(":null"):
            return str(self.node.value)
        return None

    @property
    def is_text(self) -> bool:
        """Whether YAML takes the value for text rather than a number or a truth value."""
        return isinstance(self.node, ScalarNode) and self.node.tag.endswith(":str")

    def children(self) -> Iterator[tuple[str, Place]]:
        """Yield each key or list position with its value."""
        if isinstance(self.node, MappingNode):
            for key, value in self.node.value:
                if isinstance(key, ScalarNode):
                    yield key.value, Place(value, (*self.path, key.value))
        elif isinstance(self.node, SequenceNode):
            for position, value in enumerate(self.node.value):
                yield str(position), Place(value, (*self.path, str(position)))

    def child(self, key: str) -> Place | None:
        """Return the value under a key or list position; of a key given twice, the last."""
        found = None
        for name, place in self.children():
            if name == key:
                found = place
        return found


@dataclass(frozen=True, slots=True)
class Config:
    """One YAML file."""

    file: str
    """Absolute path."""
    top: Place

    def walk(self) -> Iterator[Place]:
        """Yield every value once, outer before inner; an anchored one where it is defined."""
        seen: set[int] = set()
        waiting = [self.top]
        while waiting:
            place = waiting.pop()
            if id(place.node) in seen:
                continue
            seen.add(id(place.node))
            yield place
            waiting.extend(reversed([child for _, child in place.children()]))


def read_config(file: str) -> Config | None:
    """Return the config in a YAML file, or None when its top is no mapping.

    Raises ProjectError, with the reason, for a file that cannot be read or is no YAML.
    """
    try:
        with open(file, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(file, os_reason(error)) from error
    if len(content) > MAX_BYTES:
        raise ProjectError(t("{path} is larger than a config.", path=file))
    try:
        return config_in(content, file)
    except (UnicodeError, yaml.YAMLError, RecursionError) as error:
        raise _unreadable(file, getattr(error, "problem", None) or type(error).__name__) from error


def _unreadable(file: str, reason: str) -> ProjectError:
    return ProjectError(t("{path} cannot be read as YAML: {reason}", path=file, reason=reason))


@lru_cache(maxsize=4)
def config_in(content: bytes, file: str) -> Config | None:
    """Return the config that bytes of a file hold, or None when its top is no mapping.

    A start asks twice, before and after it has drawn a model, and parsing takes 20 ms.

    Raises YAMLError, UnicodeError or RecursionError for what is no YAML.
    """
    node = composed(content, file)
    return Config(file, Place(node, ())) if isinstance(node, MappingNode) else None


def composed(content: bytes, file: str = "") -> Node | None:
    """Return the node at the top of a YAML text, its `<<` keys carried out; None if it is empty.

    Raises what PyYAML raises.
    """
    loader = yaml.SafeLoader(content)
    loader.name = file  # So that each node's mark names its file.
    try:
        node = loader.get_single_node()
        if node is not None:
            _merge(loader, node)
    finally:
        loader.dispose()
    return node


def _merge(loader: yaml.SafeLoader, top: Node) -> None:
    """Carry out the `<<` keys, as constructing the values would."""
    seen: set[int] = set()
    waiting = [top]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or isinstance(node, ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            loader.flatten_mapping(node)
            waiting.extend(value for _, value in node.value)
        else:
            waiting.extend(node.value)
