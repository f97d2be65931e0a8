"""SC106: one hub level too many, or too few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = 'FROM python:3.11\nWORKDIR /app\nCOPY . .\n{env}CMD ["python", "train.py"]\n'


@pytest.mark.parametrize(
    "setting",
    [
        "HF_HOME=~/.cache/huggingface/hub",
        "HF_HOME=/data/cache/huggingface/hub/",
        "HF_HUB_CACHE=~/.cache/huggingface",
        "HUGGINGFACE_HUB_CACHE=$HOME/.cache/huggingface",
    ],
)
def test_variables(setting: str, tmp_path: Path) -> None:
    """HF_HOME is the home, HF_HUB_CACHE the hub."""
    script = f"export {setting}\npython train.py\n"
    assert places(case(tmp_path, {"run.sh": script}), "SC106") == ["run.sh:1"]


@pytest.mark.parametrize(
    "setting",
    [
        "HF_HOME=~/.cache/huggingface",
        "HF_HUB_CACHE=~/.cache/huggingface/hub",
        "HF_HOME=/mnt/hub",
        "HF_HUB_CACHE=/models/huggingface",
        "HF_HOME=/data/hf",
    ],
)
def test_look_alikes(setting: str, tmp_path: Path) -> None:
    """Right, or folders that may be called so on purpose."""
    script = f"export {setting}\npython train.py\n"
    assert places(case(tmp_path, {"run.sh": script}), "SC106") == []


def test_with_both_only_the_token_is_off(tmp_path: Path) -> None:
    """Models are where HF_HUB_CACHE says."""
    script = "export HF_HOME=/c/.cache/huggingface/hub HF_HUB_CACHE=/c/hub\npython train.py\n"
    (finding,) = found(case(tmp_path, {"run.sh": script}), "SC106")
    assert finding.severity == "info"


def test_in_an_image(tmp_path: Path) -> None:
    """As many Dockerfiles have it."""
    env = "ENV HF_HOME=/root/.cache/huggingface/hub\n"
    files = {"Dockerfile": IMAGE.format(env=env)}
    assert places(case(tmp_path, files), "SC106") == ["Dockerfile:4"]


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ("~/.cache/huggingface/hub:/root/.cache/huggingface", ["compose.yaml:4"]),
        ("~/.cache/huggingface:/root/.cache/huggingface/hub", ["compose.yaml:4"]),
        ("~/.cache/huggingface:/root/.cache/huggingface", []),
        ("~/.cache/huggingface/hub:/root/.cache/huggingface/hub", []),
        ("~/.cache:/root/.cache", []),
        ("hub:/root/.cache/huggingface", []),
        ("./hub:/root/.cache/huggingface", []),
        ("./models:/root/.cache/huggingface/hub", []),
    ],
)
def test_mounts(mount: str, expected: list[str], tmp_path: Path) -> None:
    """Told by where the container's models are on this machine."""
    compose = f"services:\n  one:\n    build: .\n    volumes: ['{mount}']\n"
    files = {"Dockerfile": IMAGE.format(env=""), "compose.yaml": compose}
    assert places(case(tmp_path, files), "SC106") == expected
