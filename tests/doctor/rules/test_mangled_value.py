"""SC112: more in a value than was meant, by the rules of whoever reads the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE = "services:\n  one:\n    image: corp/thing\n"
SOURCING = "set -a\n. ./hf.env\nset +a\npython train.py\n"
RUN = "docker run --env-file hf.env corp/thing\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"compose.yaml": f'{COMPOSE}    environment:\n      - HF_HOME="/x"\n'},
            ["compose.yaml:5"],
        ),
        ({"compose.yaml": f'{COMPOSE}    environment:\n      HF_HOME: "/x"\n'}, []),
        ({"compose.yaml": f"{COMPOSE}    environment: ['HF_HOME=/x']\n"}, []),
        ({"compose.yaml": f"{COMPOSE}    env_file: hf.env\n", "hf.env": 'HF_HOME="/x"\n'}, []),
        ({"go.sh": RUN, "hf.env": 'HF_HOME="/x"\n'}, ["hf.env:1"]),
        ({"go.sh": RUN, "hf.env": "HF_HOME=/x\n"}, []),
        ({"go.sh": SOURCING, "hf.env": 'HF_HOME="/x"\n'}, []),
        ({"go.sh": SOURCING, "hf.env": 'A=1\r\nHF_HOME="/x"\r\n'}, ["hf.env:2"]),
        ({"compose.yaml": f"{COMPOSE}    env_file: hf.env\n", "hf.env": "HF_HOME=/x\r\n"}, []),
        ({"go.sh": "export HF_HOME='/x\\n'\npython train.py\n"}, ["go.sh:1"]),
        ({"go.sh": "export TRANSFORMERS_CACHE='~/x'\npython train.py\n"}, ["go.sh:1"]),
        ({"go.sh": "export TRANSFORMERS_CACHE=~/x\npython train.py\n"}, []),
        ({"go.sh": "export HF_HOME='~/x'\npython train.py\n"}, []),
        ({"go.sh": "export HF_HOME='$HOME/x'\npython train.py\n"}, []),
        ({"Dockerfile": "FROM x\nENV HF_XET_CACHE=~/x\nCMD x\n"}, ["Dockerfile:2"]),
        ({"Dockerfile": 'FROM x\nENV HF_HOME="/x"\nCMD x\n'}, []),
    ],
)
def test_cases(files: dict[str, str], expected: list[str], tmp_path: Path) -> None:
    """A list of compose keeps quotes, its env_file does not, docker's does, a shell's does not."""
    assert places(case(tmp_path, files), "SC112") == expected


def test_no_token_is_shown(tmp_path: Path) -> None:
    """What is wrong with it is enough."""
    text = f'{COMPOSE}    environment:\n      - HF_TOKEN="hf_abcdefghijklmnopqrstu"\n'
    (finding,) = found(case(tmp_path, {"compose.yaml": text}), "SC112")
    assert "abcdef" not in finding.message
