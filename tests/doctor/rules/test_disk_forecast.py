"""SC701: what is missing against what is free."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING

import pytest

from doctor.cases import found
from doctor.nodes import MODEL, needing, users_cache
from swarmcache.doctor.sizes import named_size

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("Gensyn/Qwen2.5-0.5B-Instruct", 1_000_000_000),
        ("Qwen/Qwen2.5-Coder-1.5B", 3_000_000_000),
        ("meta-llama/Llama-3.1-70B", 140_000_000_000),
        ("unsloth/Qwen2.5-72B-Instruct-bnb-4bit", 36_000_000_000),
        ("org/model-7B-8bit", 7_000_000_000),
        ("HuggingFaceTB/SmolLM2-135M", 270_000_000),
        ("microsoft/DialoGPT-small", 0),
        ("org/v2B4x", 0),
    ],
)
def test_sizes_by_name(name: str, size: int) -> None:
    """Two bytes for a parameter, one or a half where it is quantized; none where none is told."""
    assert named_size(name) == size


def test_a_name_that_fits_no_disk(tmp_path: Path) -> None:
    """The finding says that it goes by the name."""
    (finding,) = found(needing(tmp_path, "org/huge-900000B"), "SC701")
    assert finding.confidence == "medium"
    assert "org/huge-900000B" in finding.message


def test_what_a_manifest_lists(tmp_path: Path) -> None:
    """Sizes are known there."""
    cache = users_cache(tmp_path)
    commit = cache.repo("org/m", MODEL, absent=["model.safetensors"])
    manifest = pathlib.Path(cache.folder("org/m")) / f"trees/{commit}.json"
    document = json.loads(manifest.read_text())
    document["files"]["model.safetensors"].update(size=10**15, lfs_size=10**15)
    manifest.write_text(json.dumps(document))
    (finding,) = found(needing(tmp_path), "SC701")
    assert finding.confidence == "high"


def test_what_fits_is_no_finding(tmp_path: Path) -> None:
    """Nor what is there, whatever its name says."""
    assert found(needing(tmp_path / "a", "org/tiny-1M"), "SC701") == []
    users_cache(tmp_path / "b").repo("org/huge-900000B", MODEL)
    assert found(needing(tmp_path / "b", "org/huge-900000B"), "SC701") == []
