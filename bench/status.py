"""`swarmcache status` against `hf cache ls`, whole processes, over caches of growing size.

    python bench/status.py [ROUNDS]

The target is a ratio of 0.20 in CPU at 500 repos of 10 files. huggingface_hub from 1.22 on leaves
manifests, which only ours reads, to tell which models are complete; both kinds of cache are here.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import NamedTuple

from measure.models import fill
from measure.rounds import clean_variables, medians


class Size(NamedTuple):
    """One cache to measure with."""

    repos: int
    files: int
    trees: bool = False

    def __str__(self) -> str:
        manifests = ", manifests" if self.trees else ""
        return f"{self.repos} repos x {self.files} files{manifests}"


SIZES = (
    Size(0, 10),
    Size(100, 10),
    Size(500, 10),
    Size(500, 10, trees=True),
    Size(2000, 10),
    Size(500, 50),
)
TARGET = "500 repos of 10 files; the target is 0.20"


def main() -> None:
    """Measure each size, ours and theirs in turn, and print the ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    beside = os.path.dirname(sys.executable)
    commands = {
        "ours": [f"{beside}/swarmcache", "status"],
        "hf": [f"{beside}/hf", "cache", "ls"],
    }
    print(f"{'CPU ms (peak MB)':38}{'status':>16}{'hf cache ls':>16}{'ratio':>8}")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as hub, tempfile.TemporaryDirectory() as project:
            fill(hub, size.repos, files=size.files, trees=size.trees)
            costs = medians(commands, clean_variables(HF_HUB_CACHE=hub), project, rounds=rounds)
        shown = [f"{cost.cpu:.0f} ({cost.peak:.0f})" for cost in costs.values()]
        ratio = costs["ours"].cpu / costs["hf"].cpu
        print(f"{size!s:38}{shown[0]:>16}{shown[1]:>16}{ratio:8.3f}", flush=True)
    print(TARGET)


if __name__ == "__main__":
    main()
