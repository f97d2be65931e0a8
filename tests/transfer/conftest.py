"""Failures are followed by pauses; here by short ones."""

from __future__ import annotations

import pytest


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a hundredth of what is usual between two tries."""
    for module in ("download", "endpoint"):
        monkeypatch.setattr(f"swarmcache.transfer.{module}.backoff", lambda n: 0.005 * n)
