"""What a variable may be when a program starts: known values, unset, or not to be known."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal, TypeAlias

from swarmcache.hubcache.variables import (
    READ_AT_IMPORT,
    READ_BY_DATASETS,
    READ_BY_TRANSFORMERS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from swarmcache.project.sources import Span

Way: TypeAlias = Literal["inherited", "script", "inline", "prompt", "image", "service", "unit"]
"""Who sets it: whoever starts the root, a script, one command's prefix, a person who is asked,
a container image, a compose service, a systemd unit."""

MAY_BE_SET = (*READ_AT_IMPORT, *READ_BY_TRANSFORMERS, *READ_BY_DATASETS, "MODEL_NAME")
"""What a file that nobody here knows may set, of all that the doctor asks for."""
MOST = 8
"""Alternatives of one variable; beyond that it is unknown."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that a variable may be."""

    value: str | None
    """None where only running tells."""
    span: Span | None
    """Where it is set; None where that is outside of the project."""
    exported: bool
    way: Way


Alternatives: TypeAlias = "tuple[Setting | None, ...]"
"""What a variable may be; None stands for unset."""
Variables: TypeAlias = "Mapping[str, Alternatives]"
"""By name; a name that is not there is unset."""

UNSET: Alternatives = (None,)


def of(variables: Variables, name: str) -> Alternatives:
    """Return what a variable may be."""
    return variables.get(name, UNSET)


def exported(variables: Variables) -> dict[str, Alternatives]:
    """Return what a program that is started now finds in its environment."""
    found: dict[str, Alternatives] = {}
    for name, alternatives in variables.items():
        seen = tuple(s if s is not None and s.exported else None for s in alternatives)
        if any(seen):
            found[name] = distinct(seen)
    return found


def merged(ways: Sequence[Variables]) -> dict[str, Alternatives]:
    """Return what variables may be after one of several ways was taken."""
    first, *others = ways
    if all(other is first for other in others):
        return dict(first)
    names = dict.fromkeys(name for variables in ways for name in variables)
    return {name: distinct([s for way in ways for s in of(way, name)]) for name in names}


def distinct(settings: Iterable[Setting | None]) -> Alternatives:
    """Return each alternative once; too many become one that is not known."""
    found = tuple(dict.fromkeys(settings))
    if len(found) <= MOST:
        return found
    last = next(setting for setting in reversed(found) if setting is not None)
    return (Setting(None, last.span, last.exported, last.way),)


def unsure(variables: Variables, way: Way) -> dict[str, Alternatives]:
    """Return variables behind something that is not known, and may set any of the Hub's."""
    unknown = Setting(None, None, exported=True, way=way)
    more = {name: distinct([*of(variables, name), unknown]) for name in MAY_BE_SET}
    return {**variables, **more}


def combined(pieces: Sequence[Sequence[str | None]]) -> tuple[str | None, ...]:
    """Return what a text made of these pieces may be; None where a piece is not known."""
    size = 1
    for piece in pieces:
        size *= len(piece)
        if size > MOST:
            return (None,)
    rows = product(*pieces)
    found = (None if None in row else "".join(p for p in row if p is not None) for row in rows)
    return tuple(dict.fromkeys(found))
