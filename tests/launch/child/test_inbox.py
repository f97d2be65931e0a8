"""Signals as messages: what arrives, who reads it, and that none which tells to end is lost."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from swarmcache.launch.child.inbox import receiving
from swarmcache.launch.child.restarting import pausing
from swarmcache.launch.child.supervise import supervise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TERM, HUP, USR1 = signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals that whoever listened before us hears."""
    numbers: list[int] = []
    before = {one: signal.signal(one, lambda n, _: numbers.append(n)) for one in (TERM, HUP, USR1)}
    yield numbers
    for number, action in before.items():
        signal.signal(number, action)


def test_what_arrives_is_read_and_not_acted_on(heard: list[int]) -> None:
    """In its order; whoever listened before hears nothing of it."""
    with receiving({TERM, USR1}, handed_on={TERM}) as inbox:
        signal.raise_signal(USR1)
        signal.raise_signal(TERM)
        assert inbox.wait() == bytes([USR1, TERM])
    assert heard == []


def test_what_nobody_read_is_handed_on(heard: list[int]) -> None:
    """Only what was named; a resized window or a child's end is nobody else's business."""
    with receiving({TERM, HUP, USR1}, handed_on={TERM, HUP}):
        signal.raise_signal(USR1)
        signal.raise_signal(TERM)
    assert heard == [TERM]


def test_a_signal_seen_while_another_was_looked_for_is_handed_on(heard: list[int]) -> None:
    """It was taken out of the pipe, and waits for a reader."""
    with receiving({TERM, HUP}, handed_on={TERM, HUP}) as inbox:
        signal.raise_signal(TERM)
        assert not inbox.holds(HUP, within=0)
        signal.raise_signal(HUP)
    assert sorted(heard) == sorted([TERM, HUP])


def pause() -> None:
    """Wait for nothing, as between two starts."""
    with pausing() as waiting:
        assert waiting.told_within(0) is None


def child() -> None:
    """Start what ends by itself."""
    assert supervise(["true"], os.environ, again=True).code == 0


@pytest.mark.parametrize("part", [pause, child])
def test_what_tells_a_loop_to_end_in_the_last_microsecond(
    part: Callable[[], None], heard: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last look, before who listened before us listens again: the loop went on."""
    listening, before = signal.signal, signal.getsignal(TERM)

    def listening_again(number: int, action: object) -> object:
        if number == TERM and action is before:
            signal.raise_signal(TERM)
        return listening(number, action)  # type: ignore[arg-type]

    monkeypatch.setattr(signal, "signal", listening_again)
    part()
    monkeypatch.undo()
    assert heard == [TERM]
