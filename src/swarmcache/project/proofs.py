"""What edits change of a file, told by its grammar: as few facts as there are edits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import yaml

from swarmcache.errors import ProjectError
from swarmcache.locale import t
from swarmcache.project.edits import Unfit
from swarmcache.project.files import kind_of
from swarmcache.project.readers.hydra import Place
from swarmcache.project.readers.shell.syntax import Array
from swarmcache.project.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.readers.shell.syntax import Assignment, Statement, Word

_EACH = 2
"""Facts that one edit may change: a statement, and a condition in which its text stands."""


def refuse_wide(path: str, before: bytes, after: bytes, edits: int) -> None:
    """Raise Unfit where so many edits change more of a file than they should."""
    facts = {
        "shell": _of_script,
        "dotenv": _of_script,
        "yaml": _of_yaml,
        "compose": _of_yaml,
    }.get(kind_of(path) or "")
    if facts is None:
        return
    try:
        old, new = Counter(facts(path, before)), Counter(facts(path, after))
    except (ProjectError, yaml.YAMLError, UnicodeError, RecursionError, ValueError):
        return  # What cannot be read was not readable before either: `refuse_broken`.
    changed = max((old - new).total(), (new - old).total())
    if changed > edits * _EACH:
        raise Unfit(t("more of the file would mean something else afterwards"))


def _of_script(path: str, data: bytes) -> Iterator[str]:
    from swarmcache.project.readers.shell import read_script  # noqa: PLC0415 - tree-sitter
    from swarmcache.project.readers.shell.within import statements  # noqa: PLC0415

    for one, around in statements(read_script(Source(path, path, data)).body):
        yield f"{len(around)} {_shape(one)}"


def _shape(one: Statement) -> str:
    """Return a statement without what stands in it, and without its place."""
    from swarmcache.project.readers.shell.syntax import (  # noqa: PLC0415
        Branch,
        Command,
        Declare,
        Loop,
    )

    if isinstance(one, Declare):
        return f"{one.kind} {one.names} {[*map(_assignment, one.assignments)]}"
    if isinstance(one, Command):
        redirects = [
            (r.operator, r.target and _parts(r.target), r.content and r.content.data)
            for r in one.redirects
        ]
        words, assignments = [*map(_parts, one.words)], [*map(_assignment, one.assignments)]
        return f"{words} {assignments} {redirects} {one.background}"
    if isinstance(one, Branch):
        return f"{[arm.text for arm in one.arms]} {one.exhaustive} {one.subject}"
    if isinstance(one, Loop):
        return f"{one.kind} {one.text} {one.variable} {[*map(_parts, one.words)]}"
    return f"{type(one).__name__} {getattr(one, 'name', getattr(one, 'names', ''))}"


def _assignment(one: Assignment) -> tuple[str, str]:
    return one.name, _parts(one.value)


def _parts(word: Word) -> str:
    found = []
    for part in word.parts:
        if isinstance(part, Array):
            found.append(f"{[*map(_parts, part.items)]} {part.more}")
            continue
        inner = getattr(part, "word", None)
        found.append(repr(part) if inner is None else f"{part.name}{part.operator}{_parts(inner)}")  # type: ignore[union-attr]
    return f"{found} {word.quoted}"


def _of_yaml(path: str, data: bytes) -> Iterator[str]:
    del path
    for top in yaml.compose_all(data, Loader=yaml.SafeLoader):
        waiting = [] if top is None else [Place(top, ())]
        for _ in range(100_000):
            if not waiting:
                break
            place = waiting.pop()
            children = [child for _, child in place.children()]
            waiting += children
            if not children:
                yield f"{place.path} {place.text}"
