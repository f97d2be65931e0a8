"""Planning a `clean` against `status`, whole processes: 500 repos, and then one of them.

    python bench/clean.py [ROUNDS]

The target is a ratio of 1.5 in CPU for a plan over all of them. A plan for one model looks at no
other, so it must cost about as much in a cache of 5 repos as in one of 500.
"""

from __future__ import annotations

import os
import sys
import tempfile

from measure.models import fill
from measure.rounds import clean_variables, medians
from measure.words import asked

REPOS = 500


def main() -> None:
    """Measure in turn, and print the ratios."""
    rounds = asked(__doc__, rounds=9).rounds
    program = f"{os.path.dirname(sys.executable)}/swarmcache"
    commands = {
        "status": [program, "status"],
        "clean --all": [program, "clean", "--all", "--dry-run"],
        "clean --detached": [program, "clean", "--all", "--detached", "--dry-run"],
        "clean --leftovers": [program, "clean", "--leftovers", "--dry-run"],
        "clean --budget": [program, "clean", "--budget", "1GB", "--dry-run"],
        "clean MODEL": [program, "clean", "org0/model0", "--dry-run"],
    }
    found = {}
    for repos in (5, REPOS):
        with tempfile.TemporaryDirectory() as hub, tempfile.TemporaryDirectory() as project:
            fill(hub, repos, trees=True)
            variables = clean_variables(HF_HUB_CACHE=hub)
            found[repos] = medians(commands, variables, project, rounds=rounds)
    for name, cost in found[REPOS].items():
        ratio = cost.cpu / found[REPOS]["status"].cpu
        few = found[5][name].cpu
        print(f"{name:18} {cost.cpu:6.0f} ms CPU, {ratio:.2f} of status; of 5 repos {few:.0f} ms")
    print("the target is 1.50 of status for a plan over 500 repos of 10 files")


if __name__ == "__main__":
    main()
