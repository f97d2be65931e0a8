"""SC502: a program that loads models is started again for ever, at once or nearly so.

Where the start itself fails (no network, a full disk, a missing model) each round asks the Hub
again, may download again, and with huggingface_hub from 1.18 on begins a killed download at 0. A
counter that stands in the script does not help where the script starts itself anew (`exec "$0"`):
it is 0 again. systemd's own limit is five starts in ten seconds, which a program that fails after
its imports never reaches; supervisor counts only what fails within `startsecs`.

What it cannot know: how long the program usually runs. A loop that waits a minute or more, waits
longer each time, or gives up after a number of tries is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.commands.restarting import (
    gives_up,
    is_own_script,
    runs_for_ever,
    waits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.readers.shell.syntax import Loop
    from swarmcache.project.readers.units import Restart, Unit
    from swarmcache.project.sources import Span

_LONG = 60
"""Seconds between two starts that are no hurry."""


def check(case: Case) -> Iterator[Finding]:
    """Find the loops, each once, then scripts that start themselves."""
    seen: set[Span] = set()
    for loader in case.project.loaders:
        for loop in loader.execution.loops:
            if loop.span not in seen and _hurries(loop):
                seen.add(loop.span)
                yield _loop(loop, loader)
    yield from _themselves(case)
    yield from _units(case)


def _units(case: Case) -> Iterator[Finding]:
    """Find units that load models and come back at once, each once."""
    starts: dict[tuple[str, Span | None], Loader] = {}
    for loader in case.project.loaders:
        root = loader.execution.root
        starts.setdefault((root.name, root.span), loader)
    for unit in case.project.units if starts else ():
        start = starts.get((unit.name, unit.span))
        if start is not None and unit.restart is not None and unit.restart.seconds < _LONG:
            yield _unit(unit, unit.restart, start)


def _unit(unit: Unit, restart: Restart, loader: Loader) -> Finding:
    message = t(
        "{unit} is started again {seconds} s after it has failed, for ever: where the start itself"
        " fails, each round asks the Hub and may download from the beginning.",
        unit=unit.name,
        seconds=f"{restart.seconds:g}",
    )
    if unit.manager == "systemd":
        lines = "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=5\n[Service]\nRestartSec=60"
    else:
        lines = "startsecs=120\nstartretries=5"
    return RULE.finding(
        t("restarts without back-off or limit"),
        message,
        restart.span,
        evidence=[Evidence(loader.execution.span, t("what is started again"))],
        fix=Fix("display", lines),
        confidence="high" if restart.always else "medium",
    )


def _hurries(loop: Loop) -> bool:
    if not runs_for_ever(loop) or gives_up(loop.body):
        return False
    seconds = waits(loop.body)
    return seconds is not None and seconds < _LONG


def _loop(loop: Loop, loader: Loader) -> Finding:
    seconds = waits(loop.body) or 0
    message = t(
        "This loop starts the program again {seconds} s after it has ended, for ever: where the"
        " start itself fails, each round asks the Hub and may download from the beginning.",
        seconds=f"{seconds:g}",
    )
    start = Evidence(loader.execution.span, t("what is started again"))
    fix = Fix(
        "display",
        t("Wait longer each time, give up after some tries, and run swarmcache pull before it."),
    )
    title = t("restarts without back-off or limit")
    return RULE.finding(title, message, loop.span, evidence=[start], fix=fix)


def _themselves(case: Case) -> Iterator[Finding]:
    """Find `exec "$0"` in scripts that start a program that loads models."""
    starts = {loader.execution.span.file for loader in case.project.loaders}
    seen: set[Span] = set()
    for execution in case.project.executions:
        span = execution.span
        if (
            span in seen
            or span.file not in starts
            or not is_own_script(execution.command.words[:3])
        ):
            continue
        if execution.command.name != "exec":
            continue
        seen.add(span)
        message = t(
            "The script starts itself anew, for ever: whatever it has counted begins again with it."
        )
        yield RULE.finding(t("a script that restarts itself"), message, span, confidence="medium")


RULE = Rule("SC502", "restart-loop", "warning", "high", check)
