"""SC505: the owner of a whole cache changed at each start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "line",
    [
        "sudo chown -R 1001:1001 ~/.cache",
        "chmod -R 777 ~/.cache/huggingface/hub",
        "chown --recursive me:me /srv/hub",
        "chown -R me /srv /other",
    ],
)
def test_true_cases(line: str, tmp_path: Path) -> None:
    """The default cache, the project's own, a folder above."""
    script = f"export HF_HUB_CACHE=/srv/hub\n{line}\npython train.py\n"
    assert places(case(tmp_path, {"run.sh": script}), "SC505") == ["run.sh:2"]


@pytest.mark.parametrize(
    "line",
    [
        "chown -R me ./configs",
        "chown me ~/.cache",
        "chmod 700 ~/.cache/huggingface",
        "chown -R me /srv/hub/.locks",
        "chown -R me $FOLDER",
        "ls -R ~/.cache",
    ],
)
def test_look_alikes(line: str, tmp_path: Path) -> None:
    """Other folders, one folder without what is in it, unknown ones, other commands."""
    script = f"export HF_HUB_CACHE=/srv/hub\n{line}\npython train.py\n"
    assert places(case(tmp_path, {"run.sh": script}), "SC505") == []


@pytest.mark.parametrize(
    ("mount", "expected"), [("h:/root/.cache", ["start.sh:3"]), ("h:/data", [])]
)
def test_containers(mount: str, expected: list[str], tmp_path: Path) -> None:
    """What lies in a mount is shared; the container's own layer is nobody else's."""
    files = {
        "compose.yaml": f"services:\n  a:\n    build: .\n    volumes: ['{mount}']\n",
        "Dockerfile": 'FROM python:3.11\nWORKDIR /a\nCOPY . /a\nCMD ["bash", "start.sh"]\n',
        "start.sh": (
            "F=(/a /root/.cache)\nfor f in ${F[@]}; do\n  chown -R 1:1 $f\ndone\npython train.py\n"
        ),
    }
    assert places(case(tmp_path, files), "SC505") == expected
