"""What a start on a warm cache asks of the Hub and waits for: plainly, and under `swarmcache run`.

    python bench/warm_start.py [--transformers 4.51.3 5.23.0] [--rounds N] [--svg FILE]

A program loads a model and its tokenizer by transformers, and ends. Its project streams a dataset,
so that offline mode would break it. The Hub is the embedded one: healthy, 200 ms away, silent (it
accepts and never answers), and dead (the port refuses). Seconds are those of loading, without the
imports, which take more than all else and tell of the machine; medians. A start that has not ended
after BOUND seconds is killed. What `run` itself takes before, `run_overhead.py` measures.

Needs the environments that `python tasks/torch_environment.py` makes.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

from measure.late_proxy import LateProxy
from measure.plot import bars

from cachemaker import CacheMaker
from swarmcache.serve.running import running
from swarmcache.serve.silent import SilentHub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).parent.parent
MODEL = "Qwen/Qwen2.5-Coder-0.5B-Instruct"
BOUND = 60.0
DEAD = "http://127.0.0.1:1"
FAR = 0.2
LOADS = f"""
import time, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
import transformers.models.qwen2.modeling_qwen2, transformers.models.qwen2.tokenization_qwen2
import transformers.generation, huggingface_hub.file_download
began = time.perf_counter()
AutoTokenizer.from_pretrained("{MODEL}")
AutoModelForCausalLM.from_pretrained("{MODEL}")
print(time.perf_counter() - began)
"""
STREAMS = 'from datasets import load_dataset\nload_dataset("org/rows", streaming=True)\n'
CONFIG = f"model_name_or_path: {MODEL}\n"
PLAIN, RUN = "plain start", "swarmcache run"


class Start(NamedTuple):
    """One start."""

    seconds: float
    requests: int | None
    """None where nobody could count them."""
    ended: bool


class Stage:
    """A project, a user with a warm cache, and the Hub that filled it."""

    def __init__(self, folder: pathlib.Path, python: str, origin: str) -> None:
        self.python = python
        self.origin = origin
        self.project = folder / "project"
        self.project.mkdir()
        (self.project / "train.py").write_text(LOADS)
        (self.project / "data.py").write_text(STREAMS)
        (self.project / "config.yaml").write_text(CONFIG)
        self.home = folder / "home"
        self.home.mkdir()

    def start(self, way: str, url: str, count: Callable[[], int | None]) -> Start:
        """Start the program once; `count` tells what the Hub was asked since it was last called."""
        program = [self.python, "train.py"]
        own = [sys.executable, "-m", "swarmcache", "run", "--quiet", "--"] if way == RUN else []
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.home), "HF_ENDPOINT": url}
        count()
        process = subprocess.Popen(
            [*own, *program],
            cwd=self.project,
            env={**variables, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, err = process.communicate(timeout=BOUND)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Start(BOUND, count(), ended=False)
        if process.returncode:
            sys.exit(f"{way} failed with {url}:\n{err}")
        return Start(float(out.splitlines()[-1]), count(), ended=True)


@contextmanager
def hubs(origin: str) -> Iterator[dict[str, tuple[str, Callable[[], int | None]]]]:
    """Yield, by the kind of Hub, its address and who counts its requests."""
    with running([origin]) as hub, LateProxy(hub.url, FAR) as late, SilentHub() as silent:
        connected = 0

        def answered() -> int:
            found = len(hub.requests)
            hub.requests.clear()
            return found

        def accepted() -> int:
            nonlocal connected
            before, connected = connected, silent.connections
            return connected - before

        yield {
            "healthy": (hub.url, answered),
            "200 ms away": (late.url, answered),
            "silent": (silent.url, accepted),
            "dead": (DEAD, lambda: None),
        }


def made_origin(folder: pathlib.Path, python: str) -> str:
    """Return a cache with the small model, to be served."""
    script = ROOT / "tests" / "trainers" / "make_models.py"
    made = subprocess.run(
        [python, str(script), str(folder / "made"), MODEL],
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    maker = CacheMaker(folder / "origin")
    for repo_id, names in json.loads(made.stdout.splitlines()[-1]).items():
        files = {name: (folder / "made" / repo_id / name).read_bytes() for name in names}
        maker.repo(repo_id, files)
    return maker.path


def measured(python: str, rounds: int) -> dict[str, dict[str, Start]]:
    """Return the median start by the kind of Hub and the way; the ways take turns."""
    found: dict[str, dict[str, Start]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        stage = Stage(place, python, made_origin(place, python))
        with hubs(stage.origin) as kinds:
            stage.start(PLAIN, *kinds["healthy"])  # Fills the cache.
            for kind, (url, count) in kinds.items():
                taken: dict[str, list[Start]] = {PLAIN: [], RUN: []}
                for number in range(rounds):
                    for way, starts in taken.items():
                        # A start that does not end says the same each time.
                        if not number or starts[-1].ended:
                            starts.append(stage.start(way, url, count))
                found[kind] = {way: _median(starts) for way, starts in taken.items()}
    return found


def _median(starts: list[Start]) -> Start:
    seconds = statistics.median(start.seconds for start in starts)
    return starts[-1]._replace(seconds=seconds)


def python_of(version: str) -> str:
    """Return the interpreter beside that transformers version."""
    folder = os.environ.get("SWARMCACHE_COMPAT_ENVS") or ROOT / ".cache" / "envs"
    found = pathlib.Path(folder) / f"trainer-{version}" / "bin" / "python"
    if not found.exists():
        sys.exit(f"no {found}: python tasks/torch_environment.py {version}")
    return str(found)


def shown(start: Start) -> str:
    """Return a start as a cell of the table."""
    requests = "" if start.requests is None else f", {start.requests} requests"
    return f"{start.seconds:.2f} s{requests}" if start.ended else f"> {BOUND:.0f} s{requests}"


def main() -> None:
    """Measure, and print the table; draw it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transformers", nargs="+", default=["4.51.3", "5.23.0"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--svg")
    options = parser.parse_args()
    groups: dict[str, dict[str, tuple[float, str]]] = {}
    for version in options.transformers:
        print(f"transformers {version}")
        print(f"| Hub | {PLAIN} | {RUN} |\n|---|---|---|")
        for kind, ways in measured(python_of(version), options.rounds).items():
            print(f"| {kind} | {shown(ways[PLAIN])} | {shown(ways[RUN])} |", flush=True)
            cells = {way: (start.seconds, shown(start)) for way, start in ways.items()}
            groups[f"{version}, Hub {kind}"] = cells
    if options.svg:
        title = "Loading a model and its tokenizer from a warm cache"
        pathlib.Path(options.svg).write_text(bars(title, "seconds", groups, BOUND))


if __name__ == "__main__":
    main()
