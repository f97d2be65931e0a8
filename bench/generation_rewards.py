"""What GRPO learns from its rollouts, as TRL is and with its trainer guarded: a toy task's rewards.

    python bench/generation_rewards.py [STEPS] [SEED]

TRL 0.21.0 beside transformers 4.57.1, in an environment of `tasks/generation_environment.py`. What
is trained, and how, stands in `tests/generation/inside/grpo.py`.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from statistics import mean

from measure.plot import lines
from measure.words import asked

HERE = pathlib.Path(__file__).resolve().parent
INSIDE = HERE.parent / "tests" / "generation" / "inside"
VERSION = "4.57.1"
EXAMPLES = "35"
"""Steps of learning from examples before: few, so that there is something to learn."""
WINDOW = 10
"""Steps of which the table tells the mean."""


def main() -> None:
    """Train twice, print the means, draw both curves."""
    words = asked(__doc__, steps=60, seed=1)
    sys.path.insert(0, str(HERE.parent / "tasks"))
    import generation_environment  # noqa: PLC0415 - tasks are no package

    done = subprocess.run(
        [
            *[str(generation_environment.python_of(VERSION)), str(INSIDE / "grpo.py")],
            *["--steps", str(words.steps), "--seed", str(words.seed), "--examples", EXAMPLES],
        ],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(INSIDE), str(HERE.parent / "src")]),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    name = f"TRL {found['trl']}, transformers {found['transformers']}"
    print(f"{name}: mean reward of {WINDOW} steps each, of at most 1")
    for run in ("plain", "guarded"):
        means = [mean(found[run][at : at + WINDOW]) for at in range(0, words.steps, WINDOW)]
        print(f"{run:>10} " + " ".join(f"{value:6.2f}" for value in means))
    curves = {
        word: [(float(step), reward) for step, reward in enumerate(found[run], 1)]
        for word, run in (("as TRL is", "plain"), ("guarded", "guarded"))
    }
    (HERE / "out").mkdir(exist_ok=True)
    picture = lines(f"GRPO on a toy task: {name}", "step", "reward", curves)
    (HERE / "out" / "generation-rewards.svg").write_text(picture)


if __name__ == "__main__":
    main()
