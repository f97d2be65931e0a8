"""Byte edits of a project's files: combined, applied to the text, and proven to still be read.

What an edit must not do is checked here for every kind of file: break the grammar that the file is
read by. That it changes only what it should is for its rule to prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import yaml

from swarmcache.errors import ProjectError
from swarmcache.hubcache.foreign_json import parse
from swarmcache.locale import t
from swarmcache.project.files import kind_of
from swarmcache.project.readers.python.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Edit:
    """Bytes of a file that become others."""

    file: str
    """Relative to the project."""
    start: int
    end: int
    """The byte behind the last; `start` for an insertion."""
    text: str


class Unfit(Exception):
    """Edits cannot be carried out together, or break their file; the message says which."""


def combined(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Return edits sorted and each once; raises Unfit where two of them touch the same bytes."""
    found = sorted(dict.fromkeys(edits), key=lambda one: (one.file, one.start, one.end))
    for one, other in pairwise(found):
        touching = other.start < one.end or (one.start, one.end) == (other.start, other.end)
        if one.file == other.file and touching:
            raise Unfit(t("another fix changes the same place"))
    return tuple(found)


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return a file's bytes after edits of it that are `combined`."""
    pieces: list[bytes] = []
    at = 0
    for one in edits:
        pieces += [data[at : one.start], one.text.encode()]
        at = one.end
    return b"".join([*pieces, data[at:]])


def line_end(data: bytes) -> str:
    """Return how the lines of a file end; where both ends occur, as those of Windows."""
    return "\r\n" if b"\r\n" in data else "\n"


def refuse_broken(path: str, before: bytes, after: bytes) -> None:
    """Raise Unfit where a file that could be read by its grammar no longer can."""
    if kind_of(path) == "notebook":
        raise Unfit(t("notebooks are left to their own editor"))
    reads = {
        "shell": _reads_shell,
        "python": _reads_python,
        "yaml": _reads_yaml,
        "compose": _reads_yaml,
        "json": _reads_json,
    }.get(kind_of(path) or "")
    if reads is not None and reads(before) and not reads(after):
        raise Unfit(t("the file could no longer be read afterwards"))


def _reads_shell(data: bytes) -> bool:
    from swarmcache.project.readers.grammars import parser  # noqa: PLC0415 - tree-sitter

    try:
        grammar = parser("bash")
    except ProjectError:  # Not installed: nothing tells, before or after.
        return True
    return not grammar.parse(data).root_node.has_error


def _reads_python(data: bytes) -> bool:
    return parsed(data) is not None


def _reads_json(data: bytes) -> bool:
    try:
        parse(data)
    except ValueError:
        return False
    return True


def _reads_yaml(data: bytes) -> bool:
    try:
        for _ in yaml.parse(data, Loader=yaml.SafeLoader):
            pass
    except (yaml.YAMLError, UnicodeError, RecursionError):
        return False
    return True
