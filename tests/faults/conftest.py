"""What tests of faults have."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest

from small_disks import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY = "/dev/shm"


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield a folder in memory where there is one, since hundreds of kills sync thousands of times.

    There is no network: whatever would ask it, fails.
    """
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    place = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    folder = os.path.realpath(tempfile.mkdtemp(prefix="swarmcache-test-", dir=place))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def disk(ground: str) -> Iterator[str]:
    """Yield a small file system that needs a block for each new folder."""
    os.makedirs(f"{ground}/work")
    with small_disk(f"{ground}/disk", "ext4") as folder:
        yield folder
