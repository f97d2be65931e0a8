"""swarmcache installs into a trainer's environment without moving the trainer's own pins."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import venv
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.compat, pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = pathlib.Path(__file__).resolve().parents[2]


def resolved(
    requirements: Sequence[str], home: pathlib.Path, environment: dict[str, str]
) -> dict[str, str]:
    """Return name -> version of what pip would install into an empty environment."""
    venv.create(home, with_pip=False, symlinks=True)
    python, report = str(home / "bin" / "python"), home / "report.json"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--dry-run"]
    done = subprocess.run(
        [*pip, "--report", str(report), *requirements],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    items = cast("list[dict[str, dict[str, str]]]", json.loads(report.read_text())["install"])
    return {
        item["metadata"]["name"].lower().replace("_", "-"): item["metadata"]["version"]
        for item in items
    }


@pytest.mark.parametrize(
    ("transformers", "hub"), [("4.51.3", "0.36.2"), ("5.23.0", "2.4.0")], ids=["2025", "2026"]
)
def test_the_pins_of_a_trainer_hold(
    transformers: str, hub: str, tmp_path: pathlib.Path, outside: dict[str, str]
) -> None:
    """Beside RL-Swarm's transformers of 2025 and beside today's, nothing else changes either."""
    pins = [f"transformers=={transformers}", f"huggingface_hub=={hub}"]
    alone = resolved(pins, tmp_path / "alone", outside)
    beside = resolved([*pins, str(ROOT)], tmp_path / "beside", outside)
    assert beside["huggingface-hub"] == hub
    assert {name: beside[name] for name in alone} == alone
