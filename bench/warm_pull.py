"""What a pull costs where nothing is missing: 20 locked models, and no Hub to ask.

    python bench/warm_pull.py [ROUNDS]

The endpoint's port is closed, so a single request would fail. `hf download` asks its Hub for each
model's commit; it is measured model by model with HF_HUB_OFFLINE=1, which spares it that.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile

from measure.models import fill
from measure.nginx import free_port, process
from measure.rounds import clean_variables, medians
from measure.words import asked

MODELS = 20
TARGET = "target: no request, and at most 100 ms"


def main() -> None:
    """Lock the models with a Hub, take the Hub away, and pull."""
    rounds = asked(__doc__, rounds=9).rounds
    beside = os.path.dirname(sys.executable)
    with tempfile.TemporaryDirectory() as hub, tempfile.TemporaryDirectory() as project:
        ids = fill(hub, MODELS, trees=True, tensors=300)
        settings = "".join(f'[[models]]\nid = "{one}"\n' for one in ids)
        pathlib.Path(project, "swarmcache.toml").write_text(settings)
        port = free_port()
        variables = clean_variables(HF_HUB_CACHE=hub, HF_ENDPOINT=f"http://127.0.0.1:{port}")
        serve = [f"{beside}/swarmcache", "serve", hub, "--port", str(port)]
        with process(serve, port):
            lock = [f"{beside}/swarmcache", "lock"]
            subprocess.run(lock, cwd=project, env=variables, check=True, capture_output=True)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "swarmcache pull": [f"{beside}/swarmcache", "pull"],
            "hf download, one model": [
                "env",
                "HF_HUB_OFFLINE=1",
                f"{beside}/hf",
                "download",
                ids[0],
            ],
        }
        costs = medians(commands, variables, project, rounds=rounds)
    print(f"{'':28}{'CPU ms':>10}{'wall ms':>10}")
    for name, cost in costs.items():
        print(f"{name:28}{cost.cpu:>10.0f}{cost.wall:>10.0f}")
    print(TARGET)


if __name__ == "__main__":
    main()
