"""A node whose start script is real, and whose login, installs and trainer are stubs on PATH."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from processes import ran
from tinyswarm import CONFIG

if TYPE_CHECKING:
    import pathlib
    import subprocess
    from collections.abc import Sequence

RUN = [sys.executable, "-m", "swarmcache", "run"]
LOADS = "trainer loads: "
STUBS = {
    **dict.fromkeys(("node", "npm", "yarn", "pip", "ollama", "hf", "git", "sleep", "sudo"), ""),
    "open": "exit 1",
    "curl": "echo activated",
    "python": f'echo "{LOADS}${{MODEL_NAME-unset}}"',
}
"""What RL-Swarm's script calls; only the trainer says something."""
OWN_SCRIPT = r"""#!/usr/bin/env bash
set -euo pipefail
export HUGGINGFACE_ACCESS_TOKEN="None"
cleanup() {
    kill -- -$$ || true
    exit 0
}
trap cleanup EXIT
yarn start > /dev/null 2>&1 &
status=$(curl -s http://localhost:3000)
[ "$status" = activated ]
echo -en "\033[32m"
read -p ">> Would you like to push? [y/N] " yn
echo -en "\033[0m"
yn=${yn:-N}
case $yn in
    [Yy]*) read -p "Enter your access token: " HUGGINGFACE_ACCESS_TOKEN ;;
    *) HUGGINGFACE_ACCESS_TOKEN="None" ;;
esac
read -p ">> Enter the name of the model you want to use, or press [Enter]. " MODEL_NAME
if [ -n "$MODEL_NAME" ]; then
    export MODEL_NAME
    echo ">> Using model: $MODEL_NAME"
fi
read -p ">> Take part in the market? [Y/n] " yn
echo "market: ${yn:-Enter}"
echo "token: $HUGGINGFACE_ACCESS_TOKEN"
python -m trainer --config-path "$PWD/config" --config-name swarm.yaml
wait
"""
"""Asks in the forms in which RL-Swarm's script asks, and ends as it does."""


class StubbedNode:
    """A folder with a start script, a cache, and what is on PATH there."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.project = folder / "project"
        self.cache = folder / "hub"
        self.project.mkdir(parents=True, exist_ok=True)
        stubs = folder / "stubs"
        stubs.mkdir()
        for name, script in STUBS.items():
            (stubs / name).write_text(f"#!/bin/sh\n{script}\n")
            (stubs / name).chmod(0o755)
        self.variables = {
            "PATH": f"{stubs}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "HF_HUB_CACHE": str(self.cache),
            "HF_ENDPOINT": "http://127.0.0.1:1",
        }

    def write_own_script(self, script: str = OWN_SCRIPT) -> None:
        """Make this the project's start script, beside the config that it names."""
        self.write("run_rl_swarm.sh", script)
        self.write("config/swarm.yaml", CONFIG)
        (self.project / "run_rl_swarm.sh").chmod(0o755)

    def log_in(self) -> None:
        """Leave what RL-Swarm's login would, which its script removes at the end."""
        self.write("modal-login/.env", "A=1\nB=2\nC=3\n")
        self.write("modal-login/temp-data/userData.json", '{\n  "org": "1"\n}\n')

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        file = self.project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(
        self, *options: str, typed: str | None = None, command: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run the script under `swarmcache run` to its end, with `typed` in a pipe or no input."""
        self.log_in()
        return ran(
            [*RUN, "--offline", *options, "--", *(command or ["./run_rl_swarm.sh"])],
            cwd=self.project,
            env=self.variables,
            **({} if typed is None else {"input": typed}),
        )


def loaded(output: str) -> str:
    """Return the model that the trainer was told to load; fails with the output if none was."""
    lines = [line for line in output.splitlines() if line.startswith(LOADS)]
    assert lines, output
    return lines[-1].removeprefix(LOADS).strip()
