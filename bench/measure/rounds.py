"""Commands run in turn, so that a machine's slow minute meets all of them alike."""

from __future__ import annotations

import os
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took, or the medians of several."""

    cpu: float
    """Milliseconds of user and system time, children included."""
    wall: float
    """Milliseconds."""
    peak: float
    """Largest resident memory in MB."""


def medians(
    commands: Mapping[str, Sequence[str]],
    variables: Mapping[str, str],
    folder: str,
    *,
    rounds: int = 7,
) -> dict[str, Cost]:
    """Return each command's medians over `rounds`; a first round that warms caches is left out."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            cost = once(command, variables, folder)
            if number:
                costs[name].append(cost)
    return {name: median(found) for name, found in costs.items()}


def once(command: Sequence[str], variables: Mapping[str, str], folder: str) -> Cost:
    """Run a command in a folder, its output thrown away, and return what it took."""
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        os.execvpe(command[0], list(command), dict(variables))
    _, status, usage = os.wait4(pid, 0)
    wall = (time.perf_counter() - began) * 1000
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    to_mb = 1e6 if sys.platform == "darwin" else 1e3
    return Cost((usage.ru_utime + usage.ru_stime) * 1000, wall, usage.ru_maxrss / to_mb)


def clean_variables(**more: str) -> dict[str, str]:
    """Return this process's variables without what slows a start, and with `more`."""
    left_out = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "HF_HOME", "HF_TOKEN", "HF_HUB_OFFLINE"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "LANG": "C.UTF-8", **more}


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each figure."""
    return Cost(
        statistics.median([cost.cpu for cost in costs]),
        statistics.median([cost.wall for cost in costs]),
        statistics.median([cost.peak for cost in costs]),
    )
