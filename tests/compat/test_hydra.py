"""Real Hydra finds our resolvers by itself, and every instantiation gets one model."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import Any

import compat_environments
import pytest

import swarmcache
import tinyswarm

pytestmark = pytest.mark.compat

HERE = pathlib.Path(__file__).parent
SOURCE = pathlib.Path(swarmcache.__file__).parent.parent
OURS = "${swarmcache.pinned_model:${large},${small}}"
THEIRS = "${gpu_model_choice:${large},${small}}"
CONFIG = """\
large: [big/one]
small: [tiny/one, tiny/two, tiny/three]
game:
  trainer:
    models:
      - _target_: __main__.load
        name: ${{oc.env:MODEL_NAME, {draw}}}
  reward:
    _target_: __main__.load
    name: ${{game.trainer.models.0.name}}
proposer:
  _target_: __main__.load
  name: ${{oc.env:MODEL_NAME, {draw}}}
  cache_dir: ${{swarmcache.cache_dir:}}
"""


def start(folder: pathlib.Path, draw: str, *options: str, **variables: str) -> dict[str, Any]:
    """Return what the program says of the config with this draw, started in `folder`."""
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config/swarm.yaml").write_text(CONFIG.format(draw=draw))
    python = str(compat_environments.hydra())
    config = ["--config-path", str(folder / "config"), "--config-name", "swarm.yaml"]
    done = subprocess.run(
        [python, str(HERE / "hydra_program.py"), *config, *options],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(SOURCE),
            "HF_HUB_CACHE": str(folder / "hub"),
            "CUDA_VISIBLE_DEVICES": "",
            **variables,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


def test_three_hundred_instantiations_see_one_model(tmp_path: pathlib.Path) -> None:
    """The program registers nothing; RL-Swarm's own resolver draws anew each time."""
    theirs = start(tmp_path, THEIRS)
    assert theirs["together"] > 3
    ours = start(tmp_path, OURS)
    assert ours["together"] == 1
    assert ours["trainer"] == ours["reward"] == ours["proposer"]
    assert ours["trainer"][0] in tinyswarm.SMALL_POOL
    assert ours["folders"] == [f"{tmp_path}/hub"]


def test_a_pin_and_the_cache_decide(tmp_path: pathlib.Path) -> None:
    """MODEL_NAME first, then the model of the pool that is complete."""
    assert start(tmp_path, OURS, MODEL_NAME="org/pinned")["reward"] == ["org/pinned"]
    tinyswarm.fill(tmp_path / "hub", "tiny/two")
    assert start(tmp_path, OURS)["proposer"] == ["tiny/two"]


def test_a_job_in_a_folder_of_its_own_keeps_the_projects_settings(tmp_path: pathlib.Path) -> None:
    """`hydra.job.chdir` moves the working directory before anything is interpolated."""
    (tmp_path / "swarmcache.toml").write_text('[cache]\ndir = "its"\n')
    facts = start(tmp_path, OURS, "hydra.job.chdir=True")
    assert facts["folders"] == [f"{tmp_path}/its"]


def test_hydra_starts_as_quickly_as_without_us(tmp_path: pathlib.Path) -> None:
    """A program that uses none of the resolvers loads nothing of what they need."""
    python = str(compat_environments.hydra())
    script = (
        "import sys; from hydra.core.plugins import Plugins; Plugins.instance();"
        "print([m for m in sys.modules if m.startswith('swarmcache.')])"
    )
    done = subprocess.run(
        [python, "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(json.loads(done.stdout.replace("'", '"'))) == {
        "swarmcache.launch",
        "swarmcache.launch.in_code",
        "swarmcache.launch.in_code.resolvers",
        "swarmcache.errors",
        "swarmcache.locale",
        "swarmcache.project",
        "swarmcache.project.needs",
        "swarmcache.project.needs.own_resolvers",
    }
