"""SC202: containers with models in them are thrown away by the project's own commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE = "services:\n  one:\n    build: .\n"
DOCKERFILE = 'FROM python:3.11\nWORKDIR /app\nCOPY . .\nCMD ["python", "train.py"]\n'
MOUNTED = f"{COMPOSE}    volumes: ['m:/root/.cache/huggingface']\n"


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("docker compose run --rm one\n", [1]),
        ("docker-compose run --rm --build -Pit one\n", [1]),
        ("docker compose -f compose.yaml --profile x run --rm one bash\n", [1]),
        ("while true; do\n  docker compose up\n  docker compose down\ndone\n", [3]),
        ("docker compose down && docker compose up -d\n", [1]),
        ("docker build -t mine .\ndocker run --rm mine\n", [2]),
        ("docker compose run one\n", []),
        ("docker compose run --rm other\n", []),
        ("docker compose restart\n", []),
        ("docker compose stop && docker compose start\n", []),
        ("docker compose down\n", []),
        ("while ! docker compose up one; do docker compose down; done\n", [1]),
        ("cd ~/swarm\ndocker compose down\ndocker compose up one\n", [2]),
        ("docker compose down\ndocker compose up other\n", []),
        ("cd /elsewhere\ndocker compose down\ndocker compose up\n", []),
        ("echo docker compose run --rm one\n", []),
    ],
)
def test_scripts(script: str, lines: list[int], tmp_path: Path) -> None:
    """What takes the container away and starts another; what keeps it, or only ends it."""
    files = {"compose.yaml": COMPOSE, "Dockerfile": DOCKERFILE, "go.sh": script}
    found = places(case(tmp_path, files), "SC202")
    assert found == [f"go.sh:{line}" for line in lines]


def test_a_mounted_cache_may_lose_its_container(tmp_path: Path) -> None:
    """Nothing goes with it."""
    script = "docker compose run --rm one\n"
    files = {"compose.yaml": MOUNTED, "Dockerfile": DOCKERFILE, "go.sh": script}
    assert places(case(tmp_path, files), "SC202") == []


def test_what_the_readme_tells_people_to_do(tmp_path: Path) -> None:
    """As RL-Swarm's does; a service of another name is none of this project's."""
    readme = (
        "Start:\n\n    docker compose run --rm --build -Pit one\n    docker compose run --rm two\n"
    )
    files = {"compose.yaml": COMPOSE, "Dockerfile": DOCKERFILE, "README.md": readme}
    assert places(case(tmp_path, files), "SC202") == ["README.md:3"]
