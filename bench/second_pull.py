"""What the second project's pull of a model costs, against `hf download` into a second cache.

    python bench/second_pull.py [--mib 64 256 1024] [--rounds 5] [--folder DIR]

The Hub is the embedded one, on loopback. Both have filled a first cache before; each round is one
more project with an empty cache. Then the same without a Hub, on a port that refuses connections.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

from measure.disk import taken
from measure.models import SMALL, small_file, weights
from measure.rounds import Cost, clean_variables, median, once

from cachemaker import CacheMaker
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from swarmcache.serve.running import RunningHub

REPO = "bench/model"
SHARDS = 4
CLOSED = "http://127.0.0.1:9"
TARGET = (
    "targets: bytes served 0, extra physical bytes <= 1 MiB; wall and CPU well below hf download"
)


class Taken(NamedTuple):
    """What one pull took of this machine and of the Hub."""

    cost: Cost
    served: int
    """Bytes of bodies."""
    requests: int
    physical: int
    """Allocated bytes that both caches have more."""


def main() -> None:
    """Measure each size, with the Hub and without."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mib", type=int, nargs="+", default=[64, 256, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder")
    options = parser.parse_args()
    for mib in options.mib:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            served = CacheMaker(f"{folder}/served")
            files = {name: small_file(name, REPO) for name in SMALL}
            served.repo(REPO, {**files, **weights(mib * 2**20, SHARDS)})
            del files
            with running([served.path]) as hub:
                report(mib, options.rounds, folder, hub)
    print(TARGET)


def report(mib: int, rounds: int, folder: str, hub: RunningHub) -> None:
    """Fill a first cache with each, then measure the second in turn, and print a row for each."""
    beside = os.path.dirname(sys.executable)
    commands = {
        "swarmcache pull": [f"{beside}/swarmcache", "pull", REPO, "--all-files"],
        "hf download": [f"{beside}/hf", "download", REPO],
    }
    places = {name: f"{folder}/{number}" for number, name in enumerate(commands)}
    for name, command in commands.items():
        once(command, variables(places[name], "first", hub.url), folder)
    time.sleep(3)  # What was written just now is not remembered.
    rounds_of: dict[str, list[Taken]] = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            project = variables(places[name], f"project-{number}", hub.url)
            rounds_of[name].append(second(command, project, places[name], hub))
    theirs = median([one.cost for one in rounds_of["hf download"]])
    heads = ("CPU ms", "wall ms", "served kB", "requests", "extra MB", "CPU/hf", "wall/hf")
    print(f"\n{f'{mib} MiB in {SHARDS} shards, {len(SMALL)} small':32}", end="")
    print("".join(f"{head:>11}" for head in heads))
    for name, found in rounds_of.items():
        cost = median([one.cost for one in found])
        most = Taken(cost, *(max(one[n] for one in found) for n in (1, 2, 3)))
        print(f"{name:32}{cost.cpu:>11.0f}{cost.wall:>11.0f}{most.served / 1e3:>11.1f}", end="")
        print(f"{most.requests:>11}{most.physical / 1e6:>11.2f}", end="")
        print(f"{cost.cpu / theirs.cpu:>11.3f}{cost.wall / theirs.wall:>11.3f}", flush=True)
    for name, command in commands.items():
        began = time.perf_counter()
        environment = variables(places[name], "without-a-hub", CLOSED)
        done = subprocess.run(
            command, env=environment, capture_output=True, check=False, timeout=300
        )
        seconds = time.perf_counter() - began
        print(f"{name + ', no Hub':32}exit code {done.returncode}, {seconds:.2f} s", flush=True)


def second(
    command: Sequence[str], project: Mapping[str, str], place: str, hub: RunningHub
) -> Taken:
    """Pull into the empty cache of one more project, and return what that took of `place`."""
    os.sync()
    before = taken(place)
    hub.requests.clear()
    cost = once(command, project, place)
    time.sleep(0.1)  # The Hub's thread notes a request once its last byte is gone.
    served = sum(one.bytes for one in hub.requests)
    return Taken(cost, served, len(hub.requests), taken(place) - before)


def variables(place: str, cache: str, url: str) -> Mapping[str, str]:
    """Return the environment of a project: a home for both, a cache of its own."""
    own = {"HF_ENDPOINT": url, "HF_HUB_CACHE": f"{place}/{cache}", "HOME": f"{place}/home"}
    return clean_variables(**own, HF_HUB_DISABLE_XET="1")


if __name__ == "__main__":
    main()
