"""What the disk refuses while a download runs is told as such, and nothing complete is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import small_disks
from cachemaker import CacheMaker, sha256, tiny_safetensors
from other_user import open_folder, run_as_other_user
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.pull import apply_pull, plan_pull
from swarmcache.serve.running import running
from swarmcache.transfer.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": tiny_safetensors(5, tensors=2, rows=60_000),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[RunningHub]:
    served = CacheMaker(tmp_path / "served")
    served.repo("org/name", FILES)
    with running([served.path]) as hub:
        yield hub


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[str]:
    with small_disks.small_disk(str(tmp_path / "small"), "tmpfs", "size=2m") as folder:
        yield folder


@pytest.mark.faults
def test_a_disk_that_fills_up_meanwhile_is_told_and_publishes_nothing_half(
    endpoint: RunningHub, small_disk: str
) -> None:
    cache = os.path.join(small_disk, "hub")
    with Hub([endpoint.url], Environment.current()) as hub:
        plan = plan_pull([parse_target("org/name")], cache, hub)
        assert not plan.fits
        # The plan was made when there was room; now there is none.
        (result,) = apply_pull(replace(plan, free_bytes=1 << 40), hub)
    assert result.error is not None
    assert (type(result.error).__name__, result.error.exit_code) == ("DiskFull", 3)
    blob = sha256(FILES["model.safetensors"])  # The others may have found no room either.
    assert not os.path.exists(os.path.join(cache, "models--org--name", "blobs", blob))
    assert not os.path.exists(os.path.join(cache, "models--org--name", "refs", "main"))


@pytest.mark.faults
def test_a_read_only_disk_is_told_with_the_path(endpoint: RunningHub, small_disk: str) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    cache = os.path.join(small_disk, "hub")
    with Hub([endpoint.url], Environment.current()) as hub:
        plan = plan_pull([parse_target("org/name")], cache, hub)
        (result,) = apply_pull(replace(plan, free_bytes=1 << 40), hub)
    assert result.error is not None
    assert (type(result.error).__name__, result.error.exit_code) == ("AccessDenied", 3)
    assert result.error.message == f"{cache} cannot be written: Read-only file system."


def test_a_cache_of_somebody_else_is_exit_code_3(endpoint: RunningHub) -> None:
    with open_folder() as folder:
        cache = os.path.join(folder, "hub")
        os.mkdir(cache, 0o755)
        program = [sys.executable, "-m", "swarmcache", "pull", "org/name", "--json"]
        done = run_as_other_user(
            [*program, "--cache-dir", cache],
            env={**os.environ, "HF_ENDPOINT": endpoint.url, "HOME": folder},
            cwd=folder,
        )
        left = os.listdir(cache)
    if f"{sys.executable}: Permission denied" in done.stderr:
        pytest.skip("the other user cannot start this interpreter a second time")
    assert done.returncode == 3, done.stderr
    (model,) = json.loads(done.stdout)["models"]
    assert model["error"]["kind"] == "AccessDenied"
    assert cache in model["error"]["message"]
    assert left == []
