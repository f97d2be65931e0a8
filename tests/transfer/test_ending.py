"""A pull that is ended from outside stops at once, and leaves a cache that the next one uses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache.hubcache.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.serve.running import running
from transfer.stalling import StallingProxy, partials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": tiny_safetensors(5, tensors=2, rows=200_000),
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[RunningHub]:
    served = CacheMaker(tmp_path / "served")
    served.repo("org/name", FILES)
    with running([served.path]) as hub:
        yield hub


def pull(endpoint: str, cache: str) -> subprocess.Popen[str]:
    """Start a real pull."""
    return subprocess.Popen(
        [sys.executable, "-m", "swarmcache", "pull", "org/name", "--cache-dir", cache],
        env={**os.environ, "HF_ENDPOINT": endpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_partial(cache: str) -> None:
    """Return once a weights file is in the middle of its download."""
    deadline = time.monotonic() + 20
    while not any(os.path.getsize(path) for path in partials(cache)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}") and open(f"/proc/{pid}/stat").read().split()[2] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ending_the_command_ends_its_download_and_takes_the_partial_file_along(
    endpoint: RunningHub, tmp_path: Path, how: signal.Signals
) -> None:
    cache = str(tmp_path / "cache")
    with StallingProxy(endpoint.url, after=1_000_000) as slow:
        process = pull(slow.url, cache)
        wait_for_partial(cache)
        (worker,) = children_of(process.pid)
        started = time.monotonic()
        process.send_signal(how)
        _, chatter = process.communicate(timeout=20)
        while is_alive(worker):
            assert time.monotonic() - started < 10
            time.sleep(0.02)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert time.monotonic() - started < 10
    assert partials(cache) == []
    assert "Traceback" not in chatter
    again = pull(endpoint.url, cache)
    said = again.communicate(timeout=30)
    assert again.returncode == 0, said
    assert check(parse_target("org/name"), cache).state == "complete"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_says_how_to_go_on(endpoint: RunningHub, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    with StallingProxy(endpoint.url, after=1_000_000) as slow:
        process = pull(slow.url, cache)
        wait_for_partial(cache)
        os.killpg(process.pid, signal.SIGINT)  # As a terminal does: to the whole group.
        _, chatter = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Files that had arrived stay; the same command goes on from there." in chatter
