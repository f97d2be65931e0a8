"""What `swarmcache check` of five models takes over `python -c pass`: at most 50 ms of CPU.

    python bench/start_up.py [ROUNDS]

The models have 300 tensors each, so that their headers are as long as real ones. `import click`
stands beside it to tell what the commands take that need it.
"""

from __future__ import annotations

import sys
import tempfile

from measure.models import fill
from measure.rounds import clean_variables, medians
from measure.words import asked

TARGET = 50.0
"""Milliseconds of CPU over `python -c pass` for five models."""
FIVE = "check, 5 models"


def main() -> None:
    """Measure, side by side in one run, and print the table."""
    rounds = asked(__doc__, rounds=21).rounds
    swarmcache = [sys.executable, "-m", "swarmcache"]
    with tempfile.TemporaryDirectory() as hub, tempfile.TemporaryDirectory() as project:
        ids = fill(hub, 5, trees=True, tensors=300)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "python -c 'import click'": [sys.executable, "-c", "import click"],
            "check, 1 model": [*swarmcache, "check", ids[0]],
            FIVE: [*swarmcache, "check", *ids],
            "check --json, 5 models": [*swarmcache, "check", "--json", *ids],
            "check --full, 5 models (click)": [*swarmcache, "check", "--full", *ids],
            "status (5 models)": [*swarmcache, "status"],
            "--help (click)": [*swarmcache, "--help"],
        }
        costs = medians(commands, clean_variables(HF_HUB_CACHE=hub), project, rounds=rounds)
    base = costs["python -c pass"].cpu
    print(f"{'':32}{'CPU ms':>9}{'over pass':>11}{'wall ms':>9}{'peak MB':>9}")
    for name, cost in costs.items():
        print(f"{name:32}{cost.cpu:9.1f}{cost.cpu - base:11.1f}{cost.wall:9.1f}{cost.peak:9.1f}")
    print(f"{FIVE}: {costs[FIVE].cpu - base:.1f} ms over pass; the target is {TARGET:.0f}")


if __name__ == "__main__":
    main()
