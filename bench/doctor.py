"""What `swarmcache doctor` takes on a project, and how that grows with the number of its files.

    python bench/doctor.py [ROUNDS] [CHECKOUT]

CHECKOUT is a real project, such as a checkout of RL-Swarm; the others are made: of ten files one is
a script, one a YAML config, one a module that loads a model, and seven are modules that do not.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

from measure.rounds import clean_variables, medians
from measure.words import asked

SIZES = (100, 400, 1600)
"""Files."""
TARGET = "target for a full RL-Swarm checkout: at most 500 ms wall"
LAUNCHER = """\
#!/bin/bash
set -euo pipefail
export HF_HUB_DOWNLOAD_TIMEOUT=120
if [ -z "${{DOCKER:-}}" ]; then pip install -r requirements.txt; fi
while true; do
    python -m package{number}.train --config-path "$PWD/package{number}" --config-name config.yaml
    sleep 5
done
"""
CONFIG = """\
log_dir: ${oc.env:ROOT,.}/logs
trainer:
  models:
    - _target_: transformers.AutoModelForCausalLM.from_pretrained
      pretrained_model_name_or_path: ${oc.env:MODEL_NAME, org/model}
"""
TRAIN = """\
from transformers import AutoModelForCausalLM, AutoTokenizer
from package{number} import {others}

def main(name="org/model"):
    return AutoModelForCausalLM.from_pretrained(name), AutoTokenizer.from_pretrained(name)
"""
OTHER = """\
import os
class Round:
    def __init__(self, size):
        self.size = size
        self.folder = os.environ.get("ROOT", ".")
    def step(self, batch):
        return [one * self.size for one in batch if one is not None]
"""


def make(folder: pathlib.Path, files: int) -> None:
    """Write a project of so many files."""
    for number in range(files // 10):
        package = folder / f"package{number}"
        package.mkdir()
        names = [f"part{one}" for one in range(7)]
        (folder / f"run{number}.sh").write_text(LAUNCHER.format(number=number))
        (package / "config.yaml").write_text(CONFIG)
        text = TRAIN.format(number=number, others=", ".join(names))
        (package / "train.py").write_text(text)
        for name in names:
            (package / f"{name}.py").write_text(OTHER * 10)


def main() -> None:
    """Measure in turn, and print the growth."""
    words = asked(__doc__, rounds=7, checkout="")
    checkouts = [words.checkout] if words.checkout else []
    # Findings are no failure here, and SARIF says so by its exit code.
    doctor = [sys.executable, "-m", "swarmcache", "doctor", "--format", "sarif"]
    with tempfile.TemporaryDirectory() as top:
        commands = {"python -c pass": [sys.executable, "-c", "pass"]}
        for files in SIZES:
            folder = pathlib.Path(top, str(files))
            folder.mkdir()
            make(folder, files)
            commands[f"doctor, {files} files"] = [*doctor, str(folder)]
        commands |= {f"doctor, {path}": [*doctor, path] for path in checkouts}
        variables = clean_variables(HF_HUB_CACHE=f"{top}/hub", XDG_STATE_HOME=top)
        costs = medians(commands, variables, top, rounds=words.rounds)
    print(f"{'':32}{'CPU ms':>10}{'wall ms':>10}{'peak MB':>10}")
    for name, cost in costs.items():
        print(f"{name[-32:]:32}{cost.cpu:>10.0f}{cost.wall:>10.0f}{cost.peak:>10.0f}")
    small, large = (costs[f"doctor, {files} files"].cpu for files in (SIZES[0], SIZES[-1]))
    each = (large - small) / (SIZES[-1] - SIZES[0])
    print(f"each further file: {each:.2f} ms of CPU; {TARGET}")


if __name__ == "__main__":
    main()
