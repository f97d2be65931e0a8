"""SC109: set where the container does not read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = 'FROM python:3.11\nWORKDIR /app\nCOPY *.py .\nCMD ["python", "train.py"]\n'
COMPOSE = "services:\n  one:\n    build: .\n"
MOUNT = "    volumes: ['h:/root/.cache/huggingface']\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", [".env:1"]),
        ("    env_file: .env\n", []),
        ("    environment: [HF_HOME]\n", []),
        ("    environment: ['HF_HOME=${HF_HOME}']\n", []),
        ("    volumes: ['${HF_HOME}:/root/.cache/huggingface']\n", []),
        (MOUNT, []),
    ],
)
def test_dotenv_beside_compose(more: str, expected: list[str], tmp_path: Path) -> None:
    """It only fills the compose file in, unless that passes it on; a mounted cache needs none."""
    files = {"Dockerfile": IMAGE, "compose.yaml": COMPOSE + more, ".env": "HF_HOME=/data/hf\n"}
    assert places(case(tmp_path, files), "SC109") == expected


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("export HF_HUB_CACHE=/data\ndocker compose up\n", ["go.sh:1"]),
        ("export HF_HUB_CACHE=/data\ndocker compose up other\n", []),
        ("HF_HUB_CACHE=/data\ndocker compose up\n", []),
        ("export HF_HUB_CACHE=/data\ndocker compose build\n", []),
        ("docker build -t me .\nexport HF_HUB_OFFLINE=1\ndocker run me\n", ["go.sh:2"]),
        ("docker build -t me .\nexport HF_HUB_OFFLINE=1\ndocker run -e HF_HUB_OFFLINE me\n", []),
    ],
)
def test_scripts(script: str, expected: list[str], tmp_path: Path) -> None:
    """What docker itself gets, its containers do not."""
    files = {"Dockerfile": IMAGE, "compose.yaml": COMPOSE, "go.sh": script}
    assert places(case(tmp_path, files), "SC109") == expected


def test_python_may_load_the_file_itself(tmp_path: Path) -> None:
    """Then it arrives after all."""
    code = (
        "from dotenv import load_dotenv\nload_dotenv()\n"
        'from transformers import AutoModel\nAutoModel.from_pretrained("a/b")\n'
    )
    files = {
        "Dockerfile": IMAGE,
        "compose.yaml": COMPOSE,
        ".env": "HF_HOME=/data/hf\n",
        "train.py": code,
    }
    assert places(case(tmp_path, files), "SC109") == []


UNIT = "[Service]\nUser=root\nWorkingDirectory={folder}\n{more}ExecStart=/usr/bin/python train.py\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ["swarm.service:4"]),
        ("Environment=HF_HOME=/srv/hf\n", []),
        ('Environment="A=b c" "HF_HOME=/srv/hf"\n', []),
        ("EnvironmentFile=/etc/nobody/knows\n", []),
        ("# Environment=HF_HOME=/srv/hf\n", ["swarm.service:5"]),
    ],
)
def test_units_have_nothing_of_a_shell(more: str, expected: list[str], tmp_path: Path) -> None:
    """Only what they say, and what files that they name say."""
    unit = UNIT.format(folder=tmp_path / "project", more=more)
    one = case(tmp_path, {"swarm.service": unit}, variables={"HF_HOME": "/data/hf"})
    assert places(one, "SC109") == expected


CRON = "@reboot cd {folder} && {more}python train.py\n"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", ["crontab:1"]),
        ("HF_HOME=/srv/hf ", []),
        (". ~/.profile && ", []),
        (". /venv/bin/activate && ", ["crontab:1"]),
    ],
)
def test_cron_has_nothing_of_a_shell(more: str, expected: list[str], tmp_path: Path) -> None:
    """Unless the command reads a profile itself."""
    line = CRON.format(folder=tmp_path / "project", more=more)
    one = case(tmp_path, {"crontab": line}, variables={"HF_HOME": "/data/hf"})
    assert places(one, "SC109") == expected


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        ("echo 'export HF_HOME=/data/hf' >> ~/.bashrc\n", ["install.sh:1"]),
        ('echo "export HF_HOME=/data/hf" >> "$HOME/.profile"\n', ["install.sh:1"]),
        ("cat >> ~/.bashrc <<'EOF'\nexport HF_HOME=/data/hf\nEOF\n", ["install.sh:1"]),
        ("echo 'export HF_HOME=/data/hf' >> notes.txt\n", []),
        ("echo 'export OTHER=/data/hf' >> ~/.bashrc\n", []),
    ],
)
def test_profiles_are_for_shells(writes: str, expected: list[str], tmp_path: Path) -> None:
    """What an installer writes into one reaches no unit and no cron job."""
    unit = UNIT.format(folder=tmp_path / "project", more="")
    one = case(tmp_path, {"swarm.service": unit, "install.sh": writes})
    assert places(one, "SC109") == expected
    assert places(case(tmp_path / "b", {"install.sh": writes}), "SC109") == []
