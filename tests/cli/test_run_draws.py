"""What `run` draws is what it draws again, until somebody or the project wants another."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from small_disks import bound
from stubbed_node import RUN, StubbedNode, loaded
from tinyswarm import CONFIG, SMALL_POOL, fill

TRAINER = ("python", "-m", "trainer")


@pytest.fixture
def node(tmp_path: pathlib.Path) -> StubbedNode:
    """A node whose pool has three models, all of them cached."""
    node = StubbedNode(tmp_path)
    node.write("config/swarm.yaml", CONFIG)
    fill(node.cache, *SMALL_POOL)
    return node


def draw(node: StubbedNode, *options: str) -> str:
    """Return what a start loads."""
    done = node.start("--pool", "small", *options, command=TRAINER)
    assert done.returncode == 0, done.stderr
    return loaded(done.stdout)


def told(node: StubbedNode, *options: str) -> list[str]:
    """Return what a start says about its draw."""
    said = node.start("--pool", "small", *options, command=TRAINER).stderr.splitlines()
    return [line for line in said if "raw" in line]


def test_a_restart_loads_what_it_had(node: StubbedNode) -> None:
    """Of three, nine times the same: by chance once in 19,683."""
    first = draw(node)
    assert told(node) == [
        f"As at the last start: MODEL_NAME={first}, one of 3; --redraw draws anew."
    ]
    assert {draw(node) for _ in range(8)} == {first}


def test_each_instance_has_a_draw_of_its_own(node: StubbedNode) -> None:
    """Of six instances, all the same by chance once in 243; each keeps its own."""
    names = [str(number) for number in range(6)]
    first = {name: draw(node, "--instance", name) for name in names}
    assert {name: draw(node, "--instance", name) for name in names} == first
    files = pathlib.Path(node.variables["HOME"]).rglob("instance.*")
    assert sorted(file.suffix for file in files) == [f".{name}" for name in names]


def test_the_variable_names_an_instance_too(node: StubbedNode) -> None:
    """As in a systemd template: Environment=SWARMCACHE_INSTANCE=%i."""
    first = draw(node, "--instance", "a")
    node.variables["SWARMCACHE_INSTANCE"] = "a"
    assert told(node) == [
        f"As at the last start: MODEL_NAME={first}, one of 3; --redraw draws anew."
    ]


def test_redraw_draws_anew(node: StubbedNode) -> None:
    """And that draw is kept; ten of three are all the same once in 19,683."""
    assert len({draw(node, "--redraw") for _ in range(10)}) > 1
    kept = draw(node, "--redraw")
    assert draw(node) == kept


def test_a_pool_without_it_is_drawn_from_anew(node: StubbedNode) -> None:
    """The project's config has changed, and what is no longer in it is told."""
    first = draw(node)
    others = [model for model in SMALL_POOL if model != first]
    changed = CONFIG.replace("tiny/one, tiny/two, tiny/three", ", ".join(others))
    node.write("config/swarm.yaml", changed)
    said = told(node)
    assert said[0] == f"{first}, which was drawn before, is no longer in the pool."
    assert draw(node) in others


def test_a_decided_model_is_no_draw(node: StubbedNode) -> None:
    """MODEL_NAME and --model win, and what was drawn before comes back after them."""
    first = draw(node)
    fill(node.cache, "org/named")
    assert draw(node, "--model", "org/named") == "org/named"
    node.variables["MODEL_NAME"] = "org/named"
    assert draw(node) == "org/named"
    del node.variables["MODEL_NAME"]
    assert draw(node) == first


def test_offline_another_complete_model_takes_its_place(node: StubbedNode) -> None:
    """A start that can load something is better than none; what is back is drawn again."""
    first = draw(node)
    ref = node.cache / f"models--{first.replace('/', '--')}" / "refs" / "main"
    commit = ref.read_text()
    ref.unlink()
    assert draw(node) != first
    ref.write_text(commit)


def test_what_cannot_be_had_is_drawn_no_longer(node: StubbedNode) -> None:
    """It stops this start; the next one takes what is there."""
    first = draw(node)
    (node.cache / f"models--{first.replace('/', '--')}" / "refs" / "main").unlink()
    online = [*RUN, "--pool", "small", "--", *TRAINER]
    start = [
        subprocess.run(
            online,
            cwd=node.project,
            env={**node.variables, "SWARMCACHE_HUB_ENDPOINTS": "http://127.0.0.1:1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    ]
    assert (start[0].returncode, f"not to be had now: {first}" in start[0].stderr) == (125, True)
    assert start[1].returncode == 0, start[1].stderr
    assert loaded(start[1].stdout) != first


def test_a_dry_run_keeps_nothing(node: StubbedNode) -> None:
    """It starts nothing that a restart could be like."""
    node.start("--pool", "small", "--dry-run", command=TRAINER)
    assert not list(pathlib.Path(node.variables["HOME"]).rglob("instance.*"))


def test_an_unwritable_home_is_one_warning(node: StubbedNode) -> None:
    """The start goes on: as root by a read-only mount, else without the permission."""
    home = pathlib.Path(node.variables["HOME"])
    home.mkdir()
    if os.getuid():
        home.chmod(0o555)
        done = node.start("--pool", "small", command=TRAINER)
    else:
        with bound(str(home), str(home), "ro"):
            done = node.start("--pool", "small", command=TRAINER)
    assert done.returncode == 0
    assert loaded(done.stdout) in SMALL_POOL
    warnings = [line for line in done.stderr.splitlines() if line.startswith("⚠")]
    assert len(warnings) == 1
    assert warnings[0].startswith("⚠ The next start may draw another model, since ")
