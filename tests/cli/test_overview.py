"""`swarmcache` alone: ten lines at most, one next step."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path

MODEL = {
    "config.json": b"{}",
    "model.safetensors": tiny_safetensors(1),
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b'{"a": 1}',
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a cache of its own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what the bare command prints."""
    assert main([]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_project_without_models(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to pull: the next step is a look at the cache."""
    told = lines(capsys)

    assert told[0] == f"Project: {project}; no model is named in its configuration"
    assert told[-1] == "Next: swarmcache status"


def test_from_missing_to_ready(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """First pull, then run the project's own script."""
    (project / "swarmcache.toml").write_text('[[models]]\nid = "org/name"\n')
    assert lines(capsys)[-1] == "Next: swarmcache pull"

    CacheMaker(tmp_path / "hub").repo("org/name", MODEL)
    (project / "run_training.sh").write_text("#!/bin/sh\n")
    os.chmod(project / "run_training.sh", 0o755)
    told = lines(capsys)

    assert told[0].startswith(f"Project: {project}; loads 1 model, ")
    assert told[1].endswith("(decided by HF_HUB_CACHE)")
    assert told[3].startswith("✓ Model org/name is cached")
    assert told[-1] == "Next: swarmcache run -- ./run_training.sh"


def test_many_models_still_fit_in_ten_lines(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five lines for models, the rest as a count."""
    text = "".join(f'[[models]]\nid = "org/m{index}"\n' for index in range(20))
    (project / "swarmcache.toml").write_text(text)

    told = lines(capsys)

    assert len(told) <= 10
    assert "… and 15 more" in told
    assert sum(line.startswith("Next: ") for line in told) == 1
