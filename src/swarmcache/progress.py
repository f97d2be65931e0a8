"""How long work tells of itself: an injected protocol, and a listener that ignores it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears of work that takes longer than a second; a renderer draws it, the library calls it."""

    def start(self, task: str, total: int) -> None:
        """Work named `task` (already translated) begins; `total` is in bytes, 0 if unknown."""

    def advance(self, task: str, count: int) -> None:
        """`count` more bytes of `task` are done."""

    def finish(self, task: str) -> None:
        """`task` is over, whether it succeeded or not."""


class Silent:
    """The default listener: hears everything and says nothing."""

    def start(self, task: str, total: int) -> None:
        """Ignore the start."""

    def advance(self, task: str, count: int) -> None:
        """Ignore the advance."""

    def finish(self, task: str) -> None:
        """Ignore the end."""
