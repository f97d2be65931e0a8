"""What a crew's events mean for a Progress: a bar for the whole, and one for each large file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import t
from swarmcache.transfer.contents import (
    Advanced,
    Awaited,
    Failed,
    Fetched,
    Present,
    Started,
    place_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from swarmcache.progress import Progress
    from swarmcache.transfer.contents import Content, Event, Outcome

_OWN_BAR = 2**20
"""Bytes from which on a file has a bar of its own."""


def told(
    events: Iterable[Event], task: str, contents: Sequence[Content], progress: Progress
) -> Iterator[Outcome]:
    """Tell a Progress of the events, and yield the outcomes; `task` names the whole."""
    telling = _Telling(task, progress)
    progress.start(task, sum(content.size for content in contents))
    try:
        for event in events:
            telling.hear(event)
            if isinstance(event, (Fetched, Present, Failed)):
                yield event
    finally:
        telling.end()


class _Telling:
    def __init__(self, task: str, progress: Progress) -> None:
        self._task = task
        self._progress = progress
        self._have: dict[str, int] = {}
        self._bars: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        if isinstance(event, Started):
            self._advance(event.content, event.have - self._have.get(event.content.location, 0))
            self._bar(
                event.content,
                t("{path} from {source}", path=event.content.path, source=place_of(event.source)),
            )
        elif isinstance(event, Advanced):
            self._advance(event.content, event.count)
        elif isinstance(event, Awaited):
            self._bar(
                event.content,
                t("{path}: waiting for {who}", path=event.content.path, who=event.who),
            )
        else:
            if not isinstance(event, Failed):
                left = event.content.size - self._have.get(event.content.location, 0)
                self._advance(event.content, left)
            self._close(event.content)

    def end(self) -> None:
        for label in self._bars.values():
            self._progress.finish(label)
        self._progress.finish(self._task)

    def _advance(self, content: Content, count: int) -> None:
        if count:
            key = content.location
            self._have[key] = self._have.get(key, 0) + count
            self._progress.advance(self._task, count)
            if key in self._bars:
                self._progress.advance(self._bars[key], count)

    def _bar(self, content: Content, label: str) -> None:
        self._close(content)
        if content.size < _OWN_BAR:
            return
        self._bars[content.location] = label
        self._progress.start(label, content.size)
        self._progress.advance(label, self._have.get(content.location, 0))

    def _close(self, content: Content) -> None:
        label = self._bars.pop(content.location, None)
        if label is not None:
            self._progress.finish(label)
