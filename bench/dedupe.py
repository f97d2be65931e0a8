"""`dedupe` against the distribution's tools, which know no hashes: half of the repos are copies.

    python bench/dedupe.py [ROUNDS]

Every run gets a fresh copy of the cache; the page cache is warm for all. `remembered` is a cache
that swarmcache has filled, so that its hashes are known; else one copy of each content is hashed.
Those of rdfind, jdupes and hardlink that are installed are measured.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from measure.disk import taken
from measure.models import fill
from measure.rounds import Cost, clean_variables, once
from measure.words import asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SIZES = (50, 100, 200)
"""Repos."""
WEIGHTS = 16 * 2**20
"""Bytes of each model's weights."""
PEERS = {
    "rdfind": ["rdfind", "-makehardlinks", "true", "-outputname", "/dev/null"],
    "jdupes": ["jdupes", "-q", "-r", "-L"],
    "hardlink": ["hardlink", "-t", "-o"],
}
"""How each makes hard links of equal files below a folder."""


def make(folder: str, repos: int) -> None:
    """Make a cache of which every second repo has the weights of the one before."""
    names = fill(folder, repos)
    for number, name in enumerate(names):
        blobs = f"{folder}/models--{name.replace('/', '--')}/blobs"
        seed = (number // 2).to_bytes(4, "big")
        _add(blobs, seed * (WEIGHTS // 4))
    for path, _, files in os.walk(folder):
        for file in files:
            # What was written just now is not remembered.
            os.utime(f"{path}/{file}", (1_700_000_000, 1_700_000_000), follow_symlinks=False)


def _add(blobs: str, content: bytes) -> None:
    path = f"{blobs}/{hashlib.sha256(content).hexdigest()}"
    with open(path, "wb") as file:
        file.write(content)


def measured(
    template: str, command: Sequence[str], variables: Mapping[str, str], before: Sequence[str]
) -> tuple[Cost, int]:
    """Run one tool on a fresh copy, and return its cost and the bytes that it freed.

    `before` is a command that is run first and not measured.
    """
    with tempfile.TemporaryDirectory(dir=os.path.dirname(template)) as folder:
        cache = f"{folder}/hub"
        subprocess.run(["cp", "-a", template, cache], check=True)
        if before:
            once([*before, cache], variables, folder)
        had = taken(cache)
        cost = once([*command, cache], variables, folder)
        return cost, had - taken(cache)


def main() -> None:
    """Measure in turn, and print the ratios."""
    rounds = asked(__doc__, rounds=3).rounds
    program = f"{os.path.dirname(sys.executable)}/swarmcache"
    commands: dict[str, tuple[Sequence[str], Sequence[str]]] = {
        "swarmcache, remembered": (
            [program, "dedupe"],
            [program, "verify", "--all", "--cache-dir"],
        ),
        "swarmcache": ([program, "dedupe"], []),
    }
    commands |= {name: (words, []) for name, words in PEERS.items() if shutil.which(name)}
    for repos in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            make(f"{folder}/template", repos)
            variables = clean_variables(XDG_STATE_HOME=folder)
            costs: dict[str, list[Cost]] = {name: [] for name in commands}
            freed: dict[str, int] = {}
            for _ in range(rounds):
                for name, (command, before) in commands.items():
                    cost, freed[name] = measured(f"{folder}/template", command, variables, before)
                    costs[name].append(cost)
        _print(repos, costs, freed)


def _print(repos: int, costs: Mapping[str, list[Cost]], freed: Mapping[str, int]) -> None:
    print(f"{repos} repos, {repos * WEIGHTS / 1e9:.2f} GB, half of it twice:")
    wall = {name: statistics.median(one.wall for one in found) for name, found in costs.items()}
    for name, found in costs.items():
        cpu = statistics.median(one.cpu for one in found)
        known, ours = (wall[one] / wall[name] for one in ("swarmcache, remembered", "swarmcache"))
        print(
            f"  {name:22} {wall[name]:6.0f} ms wall, {cpu:6.0f} ms CPU, frees "
            f"{freed[name] / 1e6:.0f} MB; we take {known:.2f} of it, with hashing {ours:.2f}"
        )


if __name__ == "__main__":
    main()
