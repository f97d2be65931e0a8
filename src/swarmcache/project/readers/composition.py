"""Hydra's defaults lists: one config composed of several files, each value still in its own.

    defaults:
      - trainer: grpo                  trainer/grpo.yaml, below `trainer`
      - actor@trainer.actor: small     actor/small.yaml, below `trainer.actor`
      - base                           base.yaml, beside this file
      - _self_                         this file; at the end where it is not named

Source: hydra.cc, "The Defaults List" and "Packages" (1.3). What cannot be found makes the result
incomplete: it may come from another package, or from the program itself.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from swarmcache.project.readers.hydra import Config, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAX_DEPTH = 12
_ENTRY = re.compile(r"(?:optional\s+)?(?P<group>[^@\s]+)(?:@(?P<package>\S+))?")
_TAG = "tag:yaml.org,2002:map"
_HEADER = re.compile(r"\s*#\s*@package\s+(\S+)")


class Composed(NamedTuple):
    """A config with all that its defaults lists bring."""

    config: Config
    files: tuple[str, ...]
    """All that it is made of, absolute."""
    complete: bool
    """False where a part was not found, so that keys may be missing for no fault of it."""


class Reading(NamedTuple):
    """One file as it is found."""

    config: Config
    head: str
    """Its first lines, where `# @package` may stand."""


def with_defaults(file: str, folder: str, read: Callable[[str], Reading | None]) -> Composed | None:
    """Return the config in a file with its defaults; `folder` is where groups are looked for."""
    composer = _Composer(folder, read)
    node = composer.node(file, "", (), 0)
    if node is None:
        return None
    return Composed(Config(file, Place(node, ())), tuple(composer.files), composer.complete)


class _Composer:
    """Reads files and lays them over each other."""

    def __init__(self, folder: str, read: Callable[[str], Reading | None]) -> None:
        self.files: list[str] = []
        self.complete = True
        self._folder = folder
        self._read = read

    def node(
        self, file: str, group: str, package: tuple[str, ...], depth: int
    ) -> MappingNode | None:
        """Return a file's content at its package, over and under its defaults."""
        reading = self._read(file) if depth < _MAX_DEPTH else None
        if reading is None:
            self.complete = False
            return None
        self.files.append(file)
        header = _HEADER.match(reading.head)
        if header:
            package = _package(header[1], group, ())
        top = reading.config.top
        own = _without_defaults(top.node)
        node = MappingNode(_TAG, [], top.node.start_mark, top.node.end_mark)
        defaults = top.child("defaults")
        if defaults is None or not isinstance(defaults.node, SequenceNode):
            return _merged(node, _below(own, package))
        is_in = False
        for _, entry in defaults.children():
            if entry.text == "_self_":
                node, is_in = _merged(node, _below(own, package)), True
                continue
            for part in self._entry(entry, group, package, depth):
                node = _merged(node, part)
        return node if is_in else _merged(node, _below(own, package))

    def _entry(
        self, entry: Place, group: str, package: tuple[str, ...], depth: int
    ) -> Iterator[MappingNode]:
        if entry.text is not None:
            yield from self._option(entry.text, "", None, group, package, depth)
            return
        for key, value in entry.children():
            if key.startswith("override "):
                # It decides which file another entry means.
                self.complete = False
                continue
            match = _ENTRY.fullmatch(key)
            names = [v.text for _, v in value.children()] if value.text is None else [value.text]
            for name in names if match else ():
                if name is not None and match is not None:
                    below, own = match["group"], match["package"]
                    yield from self._option(name, below, own, group, package, depth)

    def _option(  # noqa: PLR0913, PLR0917 - what an entry has
        self,
        name: str,
        below: str,
        own: str | None,
        group: str,
        package: tuple[str, ...],
        depth: int,
    ) -> Iterator[MappingNode]:
        if "${" in name:
            self.complete = False
            return
        absolute = below.startswith("/") or name.startswith("/")
        folder = "/".join(p for p in ("" if absolute else group, below.strip("/")) if p)
        name = name.lstrip("/")
        where = (
            _package(own, below, package)
            if own is not None
            else (*(() if absolute else package), *filter(None, below.strip("/").split("/")))
        )
        file = os.path.join(self._folder, folder, name)
        file += "" if file.endswith((".yaml", ".yml")) else ".yaml"
        found = self.node(os.path.normpath(file), folder, where, depth + 1)
        if found is not None:
            yield found


def _package(text: str, group: str, around: tuple[str, ...]) -> tuple[str, ...]:
    if text == "_global_":
        return ()
    if text == "_here_":
        return around
    text = text.replace("_group_", group.replace("/", "."))
    absolute = text.startswith("_global_.")
    return (*(() if absolute else around), *text.removeprefix("_global_.").split("."))


def _without_defaults(node: Node) -> MappingNode:
    pairs = [(k, v) for k, v in node.value if k.value != "defaults"]
    return MappingNode(_TAG, pairs, node.start_mark, node.end_mark)


def _below(node: MappingNode, package: tuple[str, ...]) -> MappingNode:
    for key in reversed(package):
        name = ScalarNode("tag:yaml.org,2002:str", key, node.start_mark, node.start_mark)
        node = MappingNode(_TAG, [(name, node)], node.start_mark, node.end_mark)
    return node


def _merged(under: MappingNode, over: MappingNode) -> MappingNode:
    """Return mappings laid over each other, as OmegaConf merges: anything but mappings replaces."""
    pairs = {key.value: (key, value) for key, value in under.value}
    for key, value in over.value:
        before = pairs.get(key.value)
        if before and isinstance(before[1], MappingNode) and isinstance(value, MappingNode):
            value = _merged(before[1], value)  # noqa: PLW2901 - it is what counts from here
        pairs[key.value] = (key, value)
    return MappingNode(_TAG, list(pairs.values()), under.start_mark, under.end_mark)
