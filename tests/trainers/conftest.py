"""A real RL-Swarm checkout, real trainers' libraries, and the embedded Hub with small models."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import CacheMaker
from rl_swarm_checkout import exported
from rl_swarm_node import Node
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmcache.serve.running import RunningHub

HERE = pathlib.Path(__file__).parent


def trainer_python(outside: dict[str, str], version: str) -> str:
    """Return the interpreter beside that transformers version; skips the test if none was made."""
    folder = outside.get("SWARMCACHE_COMPAT_ENVS") or compat_environments.ROOT / ".cache" / "envs"
    home = pathlib.Path(folder).absolute() / f"trainer-{version}"
    if not (home / "made").is_file():
        pytest.skip(f"No {home}: make it by python tasks/torch_environment.py {version}")
    return str(home / "bin" / "python")


@pytest.fixture(scope="session")
def models(outside: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a cache folder with small models under the names that RL-Swarm draws from."""
    folder = tmp_path_factory.mktemp("models")
    python = trainer_python(outside, "4.51.3")
    made = subprocess.run(
        [python, str(HERE / "make_models.py"), str(folder)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    maker = CacheMaker(tmp_path_factory.mktemp("origin"))
    for repo_id, names in json.loads(made.stdout.splitlines()[-1]).items():
        maker.repo(repo_id, {name: (folder / repo_id / name).read_bytes() for name in names})
    return maker.path


@pytest.fixture
def hub(models: str) -> Iterator[RunningHub]:
    """Serve the models, and count."""
    with running([models]) as hub:
        yield hub


@pytest.fixture
def make_node(outside: dict[str, str], tmp_path: pathlib.Path) -> Callable[[str, str, float], Node]:
    """Return a function that sets up a node: transformers version, rl-swarm revision, its GPU."""

    def make(version: str, revision: str = "HEAD", gpu_gibibytes: float = 0) -> Node:
        python = trainer_python(outside, version)
        checkout = exported(outside, revision, tmp_path / "rl-swarm")
        home = tmp_path / "home" / "node"
        home.mkdir(parents=True)
        return Node(checkout, str(home), python, gpu_gibibytes)

    return make


@pytest.fixture
def trainer(outside: dict[str, str]) -> Callable[[str], str]:
    """Return a function that names the interpreter beside a transformers version."""
    return lambda version: trainer_python(outside, version)
