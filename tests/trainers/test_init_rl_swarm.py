"""A real node after the original report's recipe has two caches; after `init` it has one.

The real script is told the recipe's exports, and the real YAML its `cache_dir`; the real trainer is
then started with what the script exports.
"""

from __future__ import annotations

import pathlib
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stubbed_node import STUBS
from swarmcache.environment import Environment
from swarmcache.launch.init import apply_setup, plan_init, undo_setup

if TYPE_CHECKING:
    from collections.abc import Callable

    from rl_swarm_node import Node
    from swarmcache.serve.running import RunningHub

pytestmark = pytest.mark.torch

RECIPE = """\
export TRANSFORMERS_CACHE="$ROOT/.cache/huggingface"
export HF_HOME="$ROOT/.cache/huggingface"
export HUGGINGFACE_HUB_CACHE="$ROOT/.cache/huggingface/hub"
"""
TARGET = "- _target_: transformers.AutoModelForCausalLM.from_pretrained\n"
CACHES = (
    *("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"),
    *("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE"),
)


def follow_the_recipe(node: Node) -> None:
    """Add to the real script and YAML what the original report advises."""
    script = pathlib.Path(node.checkout) / "run_rl_swarm.sh"
    text = script.read_text()
    assert text.count("ROOT=$PWD\n") == 1
    script.write_text(text.replace("ROOT=$PWD\n", f"ROOT=$PWD\n{RECIPE}"))
    (config,) = (pathlib.Path(node.checkout) / "code_gen_exp/config").glob("*.yaml")
    text = config.read_text()
    indent = text.partition(TARGET)[0].rpartition("\n")[2]
    extra = f"{indent}  cache_dir: ${{oc.env:TRANSFORMERS_CACHE,null}}\n"
    config.write_text(text.replace(TARGET, TARGET + extra))


def as_the_script_starts_it(node: Node) -> Node:
    """Return the node with the variables of caches that the script's trainer finds."""
    folder = pathlib.Path(node.home) / "stubs"
    folder.mkdir(exist_ok=True)
    shown = "".join(f'echo "{name}=${{{name}-unset}}"\n' for name in CACHES)
    for name, script in {**STUBS, "python": shown}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    login = pathlib.Path(node.checkout) / "modal-login"
    (login / "temp-data").mkdir(parents=True, exist_ok=True)
    (login / ".env").write_text("A=1\nB=2\nC=3\n")
    (login / "temp-data/userData.json").write_text('{\n  "org": "1"\n}\n')
    done = subprocess.run(
        ["bash", "./run_rl_swarm.sh"],
        cwd=node.checkout,
        env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": node.home},
        input="\n\n\n",
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=60,
    )
    rows = (line.partition("=") for line in done.stdout.splitlines())
    found = {name: value for name, _, value in rows if name in CACHES and value != "unset"}
    return replace(node, variables={**node.variables, **found})


def opened(node: Node, hub: RunningHub) -> set[str]:
    """Return the caches that a plain start of the trainer loads from."""
    return {cache for cache, _, _ in node.start(hub.url).facts["opened"]}


@pytest.mark.timeout(400)
def test_two_caches_become_one(
    make_node: Callable[..., Node], hub: RunningHub, tmp_path: pathlib.Path
) -> None:
    """Of the recipe, with transformers 4.51.3: what was pulled is found, and nothing else asked."""
    node = make_node("4.51.3")
    follow_the_recipe(node)
    inside = f"{node.checkout}/.cache/huggingface"
    before = as_the_script_starts_it(node)
    assert before.variables["TRANSFORMERS_CACHE"] == inside
    assert inside in opened(before, hub)  # And hub tools have …/hub.

    environment = Environment({"XDG_STATE_HOME": str(tmp_path / "state")}, node.home, node.checkout)
    venv = str(pathlib.Path(node.python).parent.parent)
    plan = plan_init(node.checkout, environment, layout="shared", python=venv)
    assert list(apply_setup(plan, environment)) == list(plan.writes)
    after = as_the_script_starts_it(node)
    assert after.variables["HF_HUB_CACHE"] == plan.folder.path == node.cache
    assert "TRANSFORMERS_CACHE" not in after.variables
    assert opened(after, hub) == {node.cache}
    assert {one.reason for one in undo_setup(node.checkout, environment)} == {""}
