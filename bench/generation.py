"""What guarded rollouts cost, and what unguarded ones do.

    python bench/generation.py [ROUNDS]
    python bench/generation.py --python PATH --device cuda     # on a GPU, in bfloat16, full shape

On the CPU it needs the environments of `tasks/generation_environment.py`, and counts seconds of one
thread's CPU. On a GPU it needs an interpreter with torch and transformers, and counts the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
from statistics import median
from typing import Any

from measure.plot import lines

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
OUT = HERE / "out"
NEWEST, SLOW = "5.23.0", "4.46.3"
TOKENS = [64, 128, 256, 512]
CASES = ["clean", "guarded", "as it is", "use_cache=False"]
RATIO, MICROSECONDS, MILLISECONDS = 1.02, 1000.0, 5.0
"""The targets: guarded over clean; entering and leaving; the import."""
IMPORT = (
    "import time; a = time.process_time(); import swarmcache.generation\n"
    "print((time.process_time() - a) * 1e3)"
)


def asked(python: str, **order: Any) -> dict[str, Any]:
    """Return what `measure/rollouts.py` measures in an interpreter."""
    done = subprocess.run(
        [python, str(HERE / "measure" / "rollouts.py"), json.dumps(order)],
        env={
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def python_of(version: str) -> str:
    """Return the interpreter beside a version of transformers."""
    sys.path.insert(0, str(HERE.parent / "tasks"))
    import generation_environment  # noqa: PLC0415 - tasks are no package

    return str(generation_environment.python_of(version))


def compare(python: str, options: argparse.Namespace) -> None:
    """Print the table of one interpreter, and draw it."""
    gpu = options.device != "cpu"
    answer = asked(
        python,
        measure="generations",
        shape="qwen2.5-0.5b" if gpu else "small",
        device=options.device,
        dtype="bfloat16" if gpu else "float32",
        batch=8 if gpu else 1,
        prompt=64,
        tokens=options.tokens,
        cases=options.cases,
        once=["use_cache=False", *(["as it is"] if answer_is_slow(python) else [])],
        rounds=options.rounds,
    )
    name = f"transformers {answer['transformers']}, torch {answer['torch']}, {options.device}"
    print(f"\n{name}: seconds, and times the clean ones; ≠ where the tokens are others")
    print(f"{'new tokens':>10}" + "".join(f"{case:>24}" for case in options.cases))
    curves: dict[str, list[tuple[float, float]]] = {case: [] for case in options.cases[1:]}
    for new, found in answer["found"].items():
        base = found["clean"]["seconds"]
        cells = ""
        for case in options.cases:
            one = found[case]
            mark = "" if one["same"] else " ≠"
            cells += f"{one['seconds']:14.2f} ({one['seconds'] / base:5.2f}){mark:2}"
            if case != "clean":
                curves[case].append((float(new), one["seconds"] / base))
        print(f"{new:>10}{cells}")
    worst = median(ratio for _, ratio in curves["guarded"])
    print(f"guarded over clean, median: {worst:.3f}; the target is {RATIO}")
    OUT.mkdir(exist_ok=True)
    picture = lines(name, "new tokens", "cost over clean generation", curves, logarithmic=True)
    (OUT / f"generation-{answer['transformers']}-{options.device}.svg").write_text(picture)


def answer_is_slow(python: str) -> bool:
    """Tell whether this interpreter's transformers generates without a cache in train mode."""
    return SLOW in python


def entering(python: str) -> None:
    """Print what a block costs by itself."""
    found = asked(python, measure="blocks", rounds=15)["found"]
    spent = found["microseconds"]
    print(
        f"\nentering and leaving, 24 layers, {found['modules']} modules: "
        f"{spent:.0f} µs; the target is {MICROSECONDS:.0f}"
    )


def importing() -> None:
    """Print the CPU that the import takes in a fresh process of ours."""
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
            ).stdout
        )
        for _ in range(15)
    ]
    spent = f"{median(times):.2f} ms of CPU; the target is {MILLISECONDS:.0f}"
    print(f"import swarmcache.generation: {spent}")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS)
    parser.add_argument("--cases", nargs="+", default=CASES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--python")
    options = parser.parse_args()
    if options.python:
        compare(options.python, options)
        return
    importing()
    entering(python_of(NEWEST))
    for version in (NEWEST, SLOW):
        compare(python_of(version), options)


if __name__ == "__main__":
    main()
