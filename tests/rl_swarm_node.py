"""A node: a checkout of RL-Swarm, a user with an empty cache, and starts of the real trainer."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBE = pathlib.Path(__file__).parent / "trainers" / "trainer_probe.py"
START_SECONDS = 100
"""After which a start hangs; on two busy cores one takes about 15."""


@dataclass(frozen=True)
class Start:
    """A trainer's start that has ended."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the probe says of itself; fails with everything printed if it did not end well."""
        assert self.code == 0, self.out + self.err
        facts: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return facts

    @property
    def names(self) -> dict[str, str]:
        """The model that each role of the config loaded."""
        return {role: loaded["name"] for role, loaded in self.facts["roles"].items()}


@dataclass(frozen=True)
class Node:
    """A machine with a checkout of RL-Swarm and one user, whose cache is empty at first."""

    checkout: str
    home: str
    python: str
    """The interpreter of the trainer's own environment."""
    gpu_gibibytes: float = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    """What the user exports."""

    @property
    def cache(self) -> str:
        """Where huggingface_hub keeps models when nothing is set."""
        return os.path.join(self.home, ".cache", "huggingface", "hub")

    def run(self, endpoint: str, *options: str) -> Start:
        """Start the trainer under `swarmcache run`."""
        return self._start(endpoint, sys.executable, "-m", "swarmcache", "run", *options, "--")

    def start(self, endpoint: str) -> Start:
        """Start the trainer as RL-Swarm's own script does, without us."""
        return self._start(endpoint)

    def _start(self, endpoint: str, *launcher: str) -> Start:
        package, name = self._config()
        config = ["--config-path", f"{self.checkout}/{package}/config", "--config-name", name]
        quiet = "game_manager.trainer.log_with=none"  # Else wandb starts a service of its own.
        probe = ["python", str(PROBE), *config, quiet]
        done = subprocess.run(
            [*launcher, *probe],
            cwd=self.checkout,
            env=self._environment(endpoint),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        return Start(done.returncode, done.stdout, done.stderr)

    def _config(self) -> tuple[str, str]:
        if os.path.isdir(os.path.join(self.checkout, "code_gen_exp")):
            return "code_gen_exp", "code-gen-swarm.yaml"
        return "rgym_exp", "rg-swarm.yaml"

    def _environment(self, endpoint: str) -> dict[str, str]:
        """Return what the user has: the trainer's `python` first on PATH, and nothing of ours."""
        path = [os.path.dirname(self.python), os.environ["PATH"]]
        gpu = {}
        if self.gpu_gibibytes:
            path.insert(0, self._driver())
            gpu = {"PROBE_GPU_GIB": str(self.gpu_gibibytes)}
        return {
            "PATH": os.pathsep.join(path),
            "HOME": self.home,
            "LANG": "C.UTF-8",
            "ROOT": self.checkout,
            "HF_ENDPOINT": endpoint,
            **gpu,
            **self.variables,
        }

    def _driver(self) -> str:
        """Return a folder with an `nvidia-smi` that reports the GPU which the probe pretends."""
        folder = pathlib.Path(self.home) / "driver"
        folder.mkdir(exist_ok=True)
        tool = folder / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\necho {int(self.gpu_gibibytes * 1024)}\n")
        tool.chmod(0o755)
        return str(folder)
