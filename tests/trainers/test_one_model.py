"""Trainer, reward tokenizer and proposer of the real config get one and the same model.

Real hydra-core and omegaconf, RL-Swarm's own config and resolver on a GPU of 48 GiB, whose pool
has two models; what would be loaded is told, and not loaded, so that a thousand starts are tried.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rl_swarm_checkout import exported
from swarmcache.environment import Environment
from swarmcache.launch.start.run import Cached, select_models
from tinyswarm import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pytestmark = [pytest.mark.torch, pytest.mark.timeout(900)]

LARGE = ("deepseek-ai/deepseek-coder-1.3b-instruct", "Qwen/Qwen2.5-Coder-1.5B-Instruct")
PROBE = pathlib.Path(__file__).parent / "choices_probe.py"
FEW = 20
MANY = [FEW, pytest.param(1000, marks=pytest.mark.slow)]


class Config:
    """RL-Swarm's config in a project, with both models of the large pool cached."""

    def __init__(self, project: str, cache: pathlib.Path, python: str) -> None:
        self.project = project
        self.cache = cache
        folder = f"{project}/code_gen_exp/config"
        self.probe = [python, str(PROBE), folder, "code-gen-swarm.yaml"]
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(cache.parent),
            "ROOT": project,
            "PROBE_GPU_GIB": "48",
        }
        fill(cache, *LARGE)

    def starts(self, names: Sequence[str]) -> list[frozenset[str]]:
        """Return the models that each of these starts would load, MODEL_NAME being set so."""
        done = subprocess.run(
            [*self.probe, *names],
            cwd=self.project,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        roles = [json.loads(line) for line in done.stdout.splitlines()]
        assert all(set(one) == {"trainer", "reward tokenizer", "proposer"} for one in roles)
        return [frozenset(one.values()) for one in roles]

    def draws(self, count: int) -> list[str]:
        """Return what as many first starts under `run` draw."""
        environment = Environment(self.variables, str(self.cache.parent), self.project)
        cached = Cached(str(self.cache))
        chosen = [select_models(environment, cached, pool="large") for _ in range(count)]
        return [selection.pins["MODEL_NAME"] for selection in chosen]


@pytest.fixture
def config(
    outside: dict[str, str], tmp_path: pathlib.Path, trainer: Callable[[str], str]
) -> Config:
    project = exported(outside, "HEAD", tmp_path / "rl-swarm")
    return Config(project, tmp_path / "hub", trainer("4.51.3"))


@pytest.mark.parametrize("count", MANY)
def test_each_start_has_one_model(config: Config, count: int) -> None:
    """In all of them, and each model of the pool is drawn in some."""
    drawn = config.draws(count)
    assert set(drawn) == set(LARGE)
    assert config.starts(drawn) == [frozenset({name}) for name in drawn]


@pytest.mark.parametrize("count", MANY)
def test_without_run_most_starts_have_two(config: Config, count: int) -> None:
    """The control: three independent draws of two are the same in one of four."""
    models = Counter(map(len, config.starts([""] * count)))
    assert models[2] > count * 0.5, models
    assert models[1] + models[2] == count


def test_the_variable_reaches_the_config(config: Config) -> None:
    """Through real starts of `run`, each drawing anew."""
    run = [sys.executable, "-m", "swarmcache", "run", "--offline", "--redraw", "--pool", "large"]
    for _ in range(4):
        done = subprocess.run(
            [*run, "--", *config.probe, ".", ".", "."],
            cwd=config.project,
            env={**config.variables, "HF_HUB_CACHE": str(config.cache)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = {name for line in done.stdout.splitlines() for name in json.loads(line).values()}
        assert len(loaded) == 1
        assert f"MODEL_NAME={loaded.pop()}, one of 2" in done.stderr
