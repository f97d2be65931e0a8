"""`swarmcache status` against `hf cache ls`, whole processes, over caches of growing size.

    python bench/status.py [ROUNDS]

The target is a ratio of 0.20 in CPU at 500 repos of 10 files. `hf` is measured as it is typed, and
with HF_HUB_OFFLINE=1, which spares it the look for a newer version of itself. huggingface_hub from
1.22 on leaves manifests, which only ours reads, to tell which models are complete; both kinds of
cache are here.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import NamedTuple

from measure.models import fill
from measure.rounds import Cost, clean_variables, medians
from measure.words import asked


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
    rounds = asked(__doc__, rounds=9).rounds
    beside = os.path.dirname(sys.executable)
    commands = {
        "ours": [f"{beside}/swarmcache", "status"],
        "hf": [f"{beside}/hf", "cache", "ls"],
        "hf offline": ["env", "HF_HUB_OFFLINE=1", f"{beside}/hf", "cache", "ls"],
    }
    heads = ("status", "hf cache ls", "ratio", "hf, offline", "ratio")
    print(f"{'CPU ms (peak MB)':34}" + "".join(f"{head:>13}" for head in heads))
    for size in SIZES:
        with tempfile.TemporaryDirectory() as hub, tempfile.TemporaryDirectory() as project:
            fill(hub, size.repos, files=size.files, trees=size.trees)
            costs = medians(commands, clean_variables(HF_HUB_CACHE=hub), project, rounds=rounds)
        ours, hf, offline = costs.values()
        cells = [_shown(ours)]
        for theirs in (hf, offline):
            cells += [_shown(theirs), f"{ours.cpu / theirs.cpu:.3f}"]
        print(f"{size!s:34}" + "".join(f"{cell:>13}" for cell in cells), flush=True)
    print(TARGET)


def _shown(cost: Cost) -> str:
    return f"{cost.cpu:.0f} ({cost.peak:.0f})"


if __name__ == "__main__":
    main()
