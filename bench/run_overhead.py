"""What `swarmcache run -- true` costs over `true`: three complete models, then none.

    python bench/run_overhead.py [ROUNDS]

Prints CPU (of the process and its children) and wall time as medians of interleaved rounds, the
difference to `true`, and beside it what the interpreter and click alone take.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

from measure.words import asked

from tinyswarm import fill

MODELS = ("tiny/one", "tiny/two", "tiny/three")
DEAD = "http://127.0.0.1:1"


def measured(command: list[str], variables: dict[str, str], folder: str) -> tuple[float, float]:
    """Return the CPU and wall milliseconds of one run of a command in a folder."""
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        os.execve(command[0], command, variables)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return (usage.ru_utime + usage.ru_stime) * 1000, (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure, side by side in one run, and print the table."""
    rounds = asked(__doc__, rounds=31).rounds
    run = [sys.executable, "-m", "swarmcache", "run"]
    named = [word for model in MODELS for word in ("--model", model)]
    commands = {
        "true": ["/bin/true"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import click'": [sys.executable, "-c", "import click"],
        "run, no models": [*run, "--", "true"],
        "run, 3 complete models": [*run, *named, "--", "true"],
        "run --exec, 3 complete models": [*run, "--exec", *named, "--", "true"],
    }
    with tempfile.TemporaryDirectory() as folder:
        fill(pathlib.Path(folder) / "hub", *MODELS)
        (pathlib.Path(folder) / "project").mkdir()
        variables = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        variables |= {"HF_HUB_CACHE": f"{folder}/hub", "HF_ENDPOINT": DEAD}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                taken = measured(command, variables, f"{folder}/project")
                if number:  # The first round warms the bytecode and the page cache.
                    times[name].append(taken)
    print(f"{'':32}{'CPU ms':>9}{'over true':>11}{'wall ms':>9}{'over true':>11}")
    base = [statistics.median(column) for column in zip(*times["true"], strict=True)]
    for name, taken in times.items():
        cpu, wall = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"{name:32}{cpu:9.1f}{cpu - base[0]:11.1f}{wall:9.1f}{wall - base[1]:11.1f}")


if __name__ == "__main__":
    main()
