"""A pull that is ended from outside stops at once, and leaves a cache that the next one uses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache.hubcache.complete.integrity import check
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


TOTAL = sum({content: len(content) for content in FILES.values()}.values())


def pull(endpoint: str, cache: str, *options: str) -> subprocess.Popen[str]:
    """Start a real pull."""
    return subprocess.Popen(
        [sys.executable, "-m", "swarmcache", "pull", "org/name", "--cache-dir", cache, *options],
        env={**os.environ, "HF_ENDPOINT": endpoint},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_partial(cache: str) -> None:
    """Return once a weights file is in the middle of its download."""
    deadline = time.monotonic() + 20
    while not any(os.path.getsize(path) > 1_500_000 for path in partials(cache)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_pull_that_is_ended_is_gone_on_with(
    endpoint: RunningHub, tmp_path: Path, how: signal.Signals
) -> None:
    """However it ends, what had arrived is not fetched again."""
    cache = str(tmp_path / "cache")
    with StallingProxy(endpoint.url, after=3_000_000) as slow:
        process = pull(slow.url, cache)
        wait_for_partial(cache)
        started = time.monotonic()
        os.killpg(process.pid, how)  # As a terminal does: to the whole group.
        _, chatter = process.communicate(timeout=20)
        assert time.monotonic() - started < 5
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert "Traceback" not in chatter
    if how == signal.SIGINT:
        assert "What had arrived stays; the same command goes on from there." in chatter
    again = pull(endpoint.url, cache, "--json")
    out, said = again.communicate(timeout=30)
    assert again.returncode == 0, said
    (model,) = json.loads(out)["models"]
    assert model["resumed_bytes"] >= 1_000_000
    weights = len(FILES["model.safetensors"])  # The small ones had arrived, and are cached.
    assert weights <= model["resumed_bytes"] + model["downloaded_bytes"] <= TOTAL
    assert check(parse_target("org/name"), cache).state == "complete"
    assert os.listdir(os.path.join(cache, ".locks", ".swarmcache", "partial")) == []
