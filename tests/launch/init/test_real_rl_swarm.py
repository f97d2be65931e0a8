"""Unmodified RL-Swarm, version by version: set up, started, and undone to the byte.

From a checkout (SWARMCACHE_RL_SWARM); login, installs and trainer of a start are stubs on PATH.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from doctor.cases import interpreter
from launch.init.projects import Place, compose_services, hydra_python
from rl_swarm_checkout import exported
from stubbed_node import STUBS
from swarmcache.environment import Environment

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

VERSIONS = {
    "HEAD": ("swarm-cpu", "swarm-gpu"),
    "v0.6.4": ("swarm-cpu", "swarm-gpu"),
    "v0.5.0": ("swarm-cpu", "swarm-gpu"),
}
"""Each version, and its services that load models."""
PARTS = (
    *("code_gen_exp", "rgym_exp", "hivemind_exp", "run_rl_swarm.sh", "configs", "README.md"),
    *("docker-compose.yaml", "containerfiles", "Dockerfile.webserver", ".gitignore"),
    ".dockerignore",
)


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def node(version: str, tmp_path: pathlib.Path, outside: dict[str, str]) -> Place:
    """A checkout and its user, whose shell exports nothing of the Hub's."""
    project = tmp_path / "rl-swarm"
    exported(outside, version, project, PARTS)
    versions = {"transformers": "4.51.3", "huggingface_hub": "0.36.2"}
    python = interpreter(tmp_path / "env", **versions)
    (tmp_path / "home").mkdir()
    return Place(project, Environment({}, str(tmp_path / "home"), str(project)), python)


def scripts(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield every shell script."""
    yield from (path for path in folder.rglob("*.sh") if "node_modules" not in path.parts)


@pytest.mark.parametrize("layout", [None, "project"])
def test_set_up_and_undone(node: Place, version: str, layout: str | None) -> None:
    """Nothing that init is to mend is found; every script is one; a second time nothing happens."""
    before = node.files()
    assert {rule for rule, _ in node.findings()} == {"SC101", "SC201", "SC202"}
    plan = node.init(layout)
    assert plan.left == ()
    assert node.findings() == []
    for script in scripts(node.folder):
        subprocess.run(["bash", "-n", str(script)], check=True)
    override: dict[str, Any] = yaml.safe_load(node.text("docker-compose.override.yml"))
    assert tuple(override["services"]) == VERSIONS[version]
    for one in override["services"].values():
        assert one["environment"] == {"HF_HUB_CACHE": "/models/hub"}
        assert one["volumes"][0]["source"] == plan.folder.path
    assert node.init(layout).writes == ()
    changed = {name for name, data in node.files().items() if before.get(name) != data}
    own = {"swarmcache.toml", "docker-compose.override.yml", "run_rl_swarm.sh"}
    inside = {".gitignore", ".dockerignore"} if layout else set()
    assert own <= changed <= own | inside
    assert set(node.undo()) == {""}
    assert node.files() == before


def test_compose_itself_reads_the_override(node: Place, version: str) -> None:
    """Without being told, and with everything that the project's own file says."""
    before = compose_services(node.folder)
    plan = node.init()
    after = compose_services(node.folder)
    for name in VERSIONS[version]:
        one, old = after.pop(name), before.pop(name)
        assert one["environment"].pop("HF_HUB_CACHE") == "/models/hub"
        mount = {"type": "bind", "source": plan.folder.path, "target": "/models/hub"}
        assert one["volumes"].pop() == mount
        assert one.pop("group_add") == [str(os.getegid())]
        assert sorted(one.pop("volumes")) == sorted(old.pop("volumes"))  # Merging sorts them.
        assert one == old
    assert after == before


def test_a_start_finds_the_folder(node: Place, tmp_path: pathlib.Path) -> None:
    """The script itself, by hand: its trainer has HF_HUB_CACHE, and what was set before counts."""
    node.init()
    assert started(node, tmp_path) == f"{tmp_path}/home/.cache/huggingface/hub"
    assert started(node, tmp_path, HF_HUB_CACHE="/mine") == "/mine"


def started(node: Place, folder: pathlib.Path, **variables: str) -> str:
    """Return the cache that the trainer of a start is given."""
    stubs = folder / "stubs"
    stubs.mkdir(exist_ok=True)
    for name, script in {**STUBS, "python": 'echo "cache: ${HF_HUB_CACHE-}"'}.items():
        (stubs / name).write_text(f"#!/bin/sh\n{script}\n")
        (stubs / name).chmod(0o755)
    login = node.folder / "modal-login"
    (login / "temp-data").mkdir(parents=True, exist_ok=True)
    (login / ".env").write_text("A=1\nB=2\nC=3\n")
    (login / "temp-data/userData.json").write_text('{\n  "org": "1"\n}\n')
    recipe = node.folder / "genrl-swarm/recipes/rgym/rg-swarm.yaml"  # v0.5.0 clones it first.
    recipe.parent.mkdir(parents=True, exist_ok=True)
    recipe.write_text("a: 1\n")
    (node.folder / "configs").mkdir(exist_ok=True)
    environment = {"PATH": f"{stubs}:/usr/bin:/bin", "HOME": str(folder / "home"), **variables}
    done = subprocess.run(
        ["./run_rl_swarm.sh"],
        cwd=node.folder,
        env=environment,
        input="\n\n\n\n",
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=60,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("cache: ")]
    assert lines, done.stdout + done.stderr
    return lines[-1].removeprefix("cache: ")


@pytest.mark.compat
def test_hydra_composes_the_same_config(node: Place, version: str) -> None:
    """The real one, with what a fork adds at the load site, but for the key that is changed."""
    configs = [p for p in node.folder.rglob("*.yaml") if p.name.endswith("-swarm.yaml")]
    (path,) = [p for p in configs if p.parent.name == "config"] or [None]
    if path is None:
        pytest.skip(f"{version} has its config in another repository")
    target = "- _target_: transformers.AutoModelForCausalLM.from_pretrained\n"
    assert path.read_text().count(target) == 1
    indent = path.read_text().partition(target)[0].rpartition("\n")[2]
    path.write_text(
        path.read_text().replace(
            target, f"{target}{indent}  cache_dir: ${{oc.env:TRANSFORMERS_CACHE,null}}\n"
        )
    )
    before = composed(path)
    node.init()
    after = composed(path)
    (model,) = before["game_manager"]["trainer"]["models"]
    assert model.pop("cache_dir") == "${oc.env:TRANSFORMERS_CACHE,null}"
    (other,) = after["game_manager"]["trainer"]["models"]
    assert other.pop("cache_dir") is None
    assert after == before


def composed(path: pathlib.Path) -> dict[str, Any]:
    """Return a config as Hydra composes it, nothing resolved."""
    script = (
        "import json, sys; from hydra import compose, initialize_config_dir\n"
        "from omegaconf import OmegaConf\n"
        "with initialize_config_dir(sys.argv[1], version_base=None):\n"
        "    found = compose(sys.argv[2])\n"
        "print(json.dumps(OmegaConf.to_container(found, resolve=False)))"
    )
    done = subprocess.run(
        [hydra_python(), "-c", script, str(path.parent), path.stem],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
