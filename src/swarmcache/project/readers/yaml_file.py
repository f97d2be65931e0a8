"""A YAML file of any program as places with spans, for readers that know its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml
from yaml.nodes import MappingNode, SequenceNode

from swarmcache.project.readers.hydra import Place, composed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.sources import Source, Span


class YamlFile:
    """One YAML file whose top is a mapping."""

    def __init__(self, source: Source, top: Place) -> None:
        """Take what `read_yaml` found."""
        self.source = source
        self.top = top
        self._plain = source.data.isascii()

    def span(self, place: Place) -> Span:
        """Return where a value stands, its quotes with it; a block without what comes behind."""
        start, end = place.node.start_mark.index, place.node.end_mark.index
        if not self._plain:
            text = self.source.text
            start, end = len(text[:start].encode()), len(text[:end].encode())
        end = start + len(self.source.data[start:end].rstrip())
        return self.source.span(start, end)


def read_yaml(source: Source) -> YamlFile | None:
    """Return a source as YAML; None where it is none, or its top is no mapping."""
    try:
        node = composed(source.data)
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError):
        return None
    return YamlFile(source, Place(node, ())) if isinstance(node, MappingNode) else None


def items(place: Place | None) -> Iterator[Place]:
    """Yield the values of a list; a value alone counts as a list of one."""
    if place is None:
        return
    if isinstance(place.node, SequenceNode):
        yield from (child for _, child in place.children())
    elif place.text is not None or isinstance(place.node, MappingNode):
        yield place
