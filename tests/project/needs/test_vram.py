"""The pool that RL-Swarm takes on a machine, by what its nvidia-smi says."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.project.needs import vram
from swarmcache.project.needs.vram import pool_here

if TYPE_CHECKING:
    from pathlib import Path


def machine(folder: Path, script: str, **variables: str) -> Environment:
    """Return an environment whose nvidia-smi is this shell script."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return Environment({"PATH": path, **variables}, "/", "/")


@pytest.mark.parametrize(
    ("printed", "pools"),
    [
        ("24576", ("small",)),
        ("143771", ("large",)),
        ("40960", ("large", "small")),
        ("41984", ("large",)),
        ("40959", ("small",)),
        ("81559\\n81559", ("large",)),
        ("24576\\n81559", ("large", "small")),
        ("No devices were found", ("small",)),
        ("[N/A]", ("small",)),
        ("", ("small",)),
    ],
)
def test_memory_selects_the_pool(tmp_path: Path, printed: str, pools: tuple[str, ...]) -> None:
    assert pool_here(machine(tmp_path, f"printf '{printed}\\n'")).pools == pools


def test_the_query_is_the_documented_one(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pool_here(machine(tmp_path, f'echo "$@" > {log}; echo 24576'))
    assert log.read_text() == "--query-gpu=memory.total --format=csv,noheader,nounits\n"


def test_a_tool_that_fails_leaves_the_small_pool_and_says_so(tmp_path: Path) -> None:
    choice = pool_here(machine(tmp_path, "exit 9"))
    assert choice.pools == ("small",)
    assert choice.reason == (
        "nvidia-smi does not tell the GPU's memory: the small model pool is assumed."
    )


def test_a_tool_that_hangs_is_waited_for_briefly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vram, "TIMEOUT_SECONDS", 0.2)
    started = time.monotonic()
    assert pool_here(machine(tmp_path, "exec sleep 30")).pools == ("small",)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_gpu_does_not_count(tmp_path: Path, hidden: str) -> None:
    environment = machine(tmp_path, "echo 81559", CUDA_VISIBLE_DEVICES=hidden)
    assert pool_here(environment).pools == ("small",)


@pytest.mark.parametrize(
    ("visible", "order", "pools"),
    [
        ("0", "PCI_BUS_ID", ("small",)),
        ("1", "PCI_BUS_ID", ("large",)),
        ("1,0", "PCI_BUS_ID", ("large",)),
        ("1", "", ("large", "small")),
        ("7", "PCI_BUS_ID", ("large", "small")),
        ("GPU-8f5c", "PCI_BUS_ID", ("large", "small")),
    ],
)
def test_the_gpu_of_an_instance_selects_its_pool(
    tmp_path: Path, visible: str, order: str, pools: tuple[str, ...]
) -> None:
    """Where CUDA counts as nvidia-smi does; else either card may be the first."""
    variables = {"CUDA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": order}
    assert pool_here(machine(tmp_path, "printf '24576\\n81559\\n'", **variables)).pools == pools
