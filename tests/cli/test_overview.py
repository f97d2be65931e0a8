"""`swarmcache` alone: ten lines at most, one next step."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker, tiny_safetensors
from swarmcache import report
from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "overview.json").read_text())
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


@pytest.mark.parametrize(("cache", "shown"), [(None, 5), ("", 4)])
def test_many_models_still_fit_in_ten_lines(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cache: str | None,
    shown: int,
) -> None:
    """Five lines for models, one fewer beside a warning, the rest as a count."""
    if cache is not None:
        monkeypatch.setenv("HF_HUB_CACHE", cache)
    text = "".join(f'[[models]]\nid = "org/m{index}"\n' for index in range(20))
    (project / "swarmcache.toml").write_text(text)

    told = lines(capsys)

    assert len(told) == 10
    assert f"… and {20 - shown} more" in told
    assert sum(line.startswith("Next: ") for line in told) == 1


def test_an_odd_setting_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty HF_HUB_CACHE means the working directory, which nobody wants."""
    monkeypatch.setenv("HF_HUB_CACHE", "")

    told = lines(capsys)

    assert told[1] == f"Cache: {project} (decided by HF_HUB_CACHE)"
    assert told[2].startswith("⚠ HF_HUB_CACHE is set but empty")


def test_programs_get_the_same(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One document, valid by its schema."""
    (project / "swarmcache.toml").write_text('[[models]]\nid = "org/name"\n')
    commit = CacheMaker(tmp_path / "other").repo("org/name", MODEL)

    assert main(["--json", "--cache-dir", "../other"]) == 0
    told = json.loads(capsys.readouterr().out)

    jsonschema.validate(told, SCHEMA)
    assert told["project"] == str(project)
    assert told["next"] == "swarmcache run --cache-dir ../other -- CMD"
    assert (told["cache"]["path"], told["cache"]["decided_by"]) == (
        str(tmp_path / "other"),
        "--cache-dir",
    )
    assert [(m["id"], m["commit"], m["state"]) for m in told["models"]] == [
        ("org/name", commit, "complete")
    ]


def test_a_named_cache_must_exist(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As for every other command."""
    assert main(["--cache-dir", str(project / "none")]) == 3
    assert "does not exist" in capsys.readouterr().err


def test_an_option_before_a_command_is_not_dropped(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`swarmcache --json status` would print no JSON, so it is refused with the right order."""
    assert main(["--json", "-q", "status"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Options come after the command: swarmcache status --json --quiet" in captured.err
