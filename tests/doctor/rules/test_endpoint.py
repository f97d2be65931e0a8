"""SC405: mirrors that do not arrive, that are no address, or that Xet goes around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = 'FROM python:3.11\nWORKDIR /app\nCOPY *.py .\nCMD ["python", "train.py"]\n'
COMPOSE = "services:\n  one:\n    build: .\n"
MIRROR = "export HF_ENDPOINT=https://hf-mirror.com\n"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("export HF_ENDPOINT=hf-mirror.com\npython train.py\n", ["error"]),
        (f"{MIRROR}python train.py\n", ["info"]),
        (f"{MIRROR}export HF_HUB_DISABLE_XET=1\npython train.py\n", []),
        ("export HF_ENDPOINT=https://hub.corp.example\npython train.py\n", []),
        ("export HF_ENDPOINT=http://10.0.0.1:8080\npython train.py\n", []),
        ("export HF_ENDPOINT=\npython train.py\n", []),
        ("export HF_ENDPOINT=$MIRROR_OF_MINE\npython train.py\n", []),
        ("export HF_ENDPOINT=https://huggingface.co\npython train.py\n", []),
    ],
)
def test_values(script: str, expected: list[str], tmp_path: Path) -> None:
    """No scheme; a public mirror without Xet's switch; a company's own may hand Xet through."""
    assert [one.severity for one in found(case(tmp_path, {"run.sh": script}), "SC405")] == expected


def test_before_xet_there_is_nothing_to_go_around(tmp_path: Path) -> None:
    """0.29 knows nothing of it."""
    one = case(tmp_path, {"run.sh": f"{MIRROR}python train.py\n"}, huggingface_hub="0.29.3")
    assert found(one, "SC405") == []


@pytest.mark.parametrize(
    ("more", "expected"), [("", ["go.sh:1"]), ("    environment: [HF_ENDPOINT]\n", [])]
)
def test_a_container_has_to_get_it(more: str, expected: list[str], tmp_path: Path) -> None:
    """What the script exports, docker gets."""
    script = f"{MIRROR}docker compose up\n"
    files = {"Dockerfile": IMAGE, "compose.yaml": COMPOSE + more, "go.sh": script}
    assert places(case(tmp_path, files), "SC405") == expected
