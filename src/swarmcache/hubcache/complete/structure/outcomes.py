"""What looking into a file's structure tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FlawKind = Literal[
    "empty", "truncated", "wrong-size", "bad-header", "bad-index", "bad-json", "missing-shard"
]


@dataclass(frozen=True, slots=True)
class Sound:
    """The file has the form that its format demands, from its first byte to its last."""


@dataclass(frozen=True, slots=True)
class Flawed:
    """The file cannot be what its name says."""

    kind: FlawKind
    reason: str
    """One sentence for a person."""
    expected: int | None = None
    """Bytes that the file must have, where its own header tells."""
    actual: int | None = None
    """Bytes that it has."""


@dataclass(frozen=True, slots=True)
class Unexamined:
    """Nothing is known of the form that this file must have, or it cannot be read."""

    reason: str
    """One sentence for a person."""


Examined: TypeAlias = "Sound | Flawed | Unexamined"
