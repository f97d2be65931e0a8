"""The story itself: from a project with nothing cached to starts that need no network.

`tell` yields what happens as it happens. Every number in it is measured, and every step says
whether what it was to show was true.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.launch.demo import proofs
from swarmcache.launch.demo.models import make_models
from swarmcache.launch.demo.publish import publish
from swarmcache.locale import t
from swarmcache.serve.running import running
from swarmcache.serve.silent import SilentHub

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from swarmcache.launch.demo.models import Model
    from swarmcache.launch.demo.stage import Finished, Stage

_START = ("run", "--", "./run_mini_swarm.sh")


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the story, and what it is to show."""

    name: str
    title: str
    arguments: tuple[str, ...]
    """What is typed after `swarmcache`."""
    expected_exit: int = 0
    asks_hub: bool = False
    """Whether requests to the Hub are expected: some, or none at all."""
    starts: bool = False
    """Whether it starts the trainer."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The Hub is up and the project stands."""

    url: str
    project: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Typed:
    """A step begins."""

    step: Step


@dataclass(frozen=True, slots=True)
class Said:
    """The command wrote a line, without its newline; it may hold colour codes."""

    line: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A step is over."""

    step: Step
    exit_code: int
    seconds: float
    requests: int | None
    """What reached the Hub; None where there was no Hub to count."""
    faults: tuple[str, ...]
    """What was not true, in sentences; empty when the step showed what it was to show."""


Event = Opened | Typed | Said | Ended


def tell(stage: Stage) -> Generator[Event, None, None]:
    """Make the models, serve them, and lead the project through every step.

    Raises ServeError when the Hub cannot be opened. Closing the generator ends whatever runs.
    """
    models = make_models()
    for model in models:
        publish(model, stage.hub)
    teller = _Teller(stage, models)
    with running([stage.hub]) as hub:
        yield Opened(hub.url, stage.project, tuple(model.repo_id for model in models))
        for step in _with_hub():
            yield from teller.play(step, hub.url, lambda: len(hub.requests))
    with SilentHub() as silent:
        yield from teller.play(_with_silent_hub(), silent.url, lambda: silent.connections)
    yield from teller.play(_without_hub(), hub.url, None)


def _with_hub() -> tuple[Step, ...]:
    return (
        Step("look", t("This project, before anything is cached"), ()),
        Step("check-before", t("Could it start without the network?"), ("check",), expected_exit=1),
        Step("pull", t("Fetch what it needs, once"), ("pull",), asks_hub=True),
        Step("check-after", t("And now?"), ("check",)),
        _start("first-start", t("First start: the Hub is up")),
        _start("second-start", t("Second start: the Hub is up and counts")),
    )


def _with_silent_hub() -> Step:
    return _start("third-start", t("Third start: the Hub accepts and never answers"))


def _without_hub() -> Step:
    return _start("fourth-start", t("Fourth start: the Hub is stopped"))


def _start(name: str, title: str) -> Step:
    """Return a start, which asks the Hub for nothing once its models are there."""
    return Step(name, title, _START, starts=True)


@dataclass(slots=True)
class _Teller:
    """Plays steps, and remembers how long a start takes that has the Hub at hand."""

    stage: Stage
    models: tuple[Model, ...]
    usual: float = 0.0

    def play(
        self, step: Step, url: str, count: Callable[[], int] | None
    ) -> Generator[Event, None, None]:
        """Run a step against the Hub at `url`, whose requests `count` tells, and judge it."""
        yield Typed(step)
        with suppress(FileNotFoundError):
            os.remove(self.record)  # Each start proves itself.
        before = count() if count else 0
        lines: list[str] = []
        finished = yield from self._run(step, url, lines)
        requests = count() - before if count else None
        faults = self._faults(step, finished, lines, requests or 0)
        yield Ended(step, finished.exit_code, finished.seconds, requests, tuple(faults))

    @property
    def record(self) -> str:
        """Where the trainer writes what it read."""
        return os.path.join(self.stage.project, "logs", "started.json")

    def _run(self, step: Step, url: str, heard: list[str]) -> Generator[Event, None, Finished]:
        command = [sys.executable, "-m", "swarmcache", *step.arguments]
        with closing(self.stage.run(command, url)) as lines:
            while True:
                try:
                    heard.append(next(lines))
                except StopIteration as stop:
                    finished: Finished = stop.value
                    return finished
                yield Said(heard[-1])

    def _faults(
        self, step: Step, finished: Finished, lines: Sequence[str], requests: int
    ) -> list[str]:
        faults = proofs.ended_with(step.expected_exit, finished)
        faults += proofs.spoke_of(self.models, lines)
        faults += proofs.sent(requests, some=step.asks_hub)
        if step.name == "pull":
            faults += proofs.left_out(self.stage.cache, "pytorch_model.bin")
        if step.starts:
            faults += proofs.everything_read(self.record, self.models)
        if step.name == "second-start":
            self.usual = finished.seconds
        elif step.name in {"third-start", "fourth-start"}:
            faults += proofs.as_fast_as(self.usual, finished)
        return faults
