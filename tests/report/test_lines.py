"""Progress as plain lines."""

from __future__ import annotations

import pytest

from swarmcache.report.lines import Lines


@pytest.fixture
def clock():
    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


def test_a_long_task_is_told_at_the_start_each_five_seconds_and_at_the_end(clock):
    said = []
    lines = Lines(said.append, clock)
    lines.start("Qwen", 1_000_000)
    for _ in range(10):
        clock.now += 1
        lines.advance("Qwen", 100_000)
    lines.finish("Qwen")
    assert said == [
        "Qwen: 1.0 MB",
        "Qwen: 500 kB of 1.0 MB, 100 kB/s, 5.0 s left",
        "Qwen: 1.0 MB of 1.0 MB, 100 kB/s, 0.0 s left",
        "Qwen: 1.0 MB in 10 s",
    ]


def test_a_night_makes_a_page_of_lines(clock):
    """Twelve hours, heard of each second."""
    said = []
    lines = Lines(said.append, clock)
    lines.start("Verifying", 43_200_000)
    for _ in range(43_200):
        clock.now += 1
        lines.advance("Verifying", 1000)
    assert len(said) < 80


def test_a_task_without_a_total_tells_its_rate(clock):
    said = []
    lines = Lines(said.append, clock)
    lines.start("listing", 0)
    clock.now += 5
    lines.advance("listing", 1000)
    assert said == ["listing", "listing: 1.0 kB, 200 B/s"]


def test_a_task_that_never_began_is_ignored(clock):
    said = []
    lines = Lines(said.append, clock)
    lines.advance("ghost", 1)
    lines.finish("ghost")
    assert said == []
