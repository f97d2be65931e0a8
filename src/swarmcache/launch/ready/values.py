"""What a start needs beside the Hub's models, and whether it is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.project.needs.in_code import CodeKind

Ready = Literal["yes", "no", "unknown"]


class States(NamedTuple):
    """What repos are like in the cache that counts."""

    model: Callable[[Target], Outcome]
    """Whether the whole of a model is complete."""
    tokenizer: Callable[[Target], Outcome]
    """Whether its tokenizer is."""


class Answer(NamedTuple):
    """Whether one thing is here."""

    ready: Ready
    reason: str
    """One translated sentence."""
    advice: str = ""
    """What to do, as a command where there is one; empty where nothing is to be done."""
    path: str | None = None
    """Where it is, or would be, absolute."""


class Need(NamedTuple):
    """One thing that a start needs, and the answer."""

    kind: CodeKind
    name: str
    """Empty where only running tells."""
    origin: str
    """`file:line`, the file relative to the project."""
    answer: Answer
