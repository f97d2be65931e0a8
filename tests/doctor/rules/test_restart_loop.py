"""SC502: restarts without back-off or limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "script",
    [
        "while true; do\n  python train.py\n  sleep 3\ndone\n",
        "while :; do\n  python train.py || echo again\ndone\n",
        "while true; do\n  bash start.sh\n  sleep 5\ndone\n",
        "while true; do\n  if ! python train.py; then pkill -f train.py; sleep 5; fi\ndone\n",
    ],
)
def test_true_cases(script: str, tmp_path: Path) -> None:
    """At once, after seconds, through another script."""
    one = case(tmp_path, {"run.sh": script, "start.sh": "python train.py\n"})
    assert places(one, "SC502") == ["run.sh:1"]


@pytest.mark.parametrize(
    "script",
    [
        "for seed in 1 2 3; do python train.py; done\n",
        "while true; do python train.py; sleep 300; done\n",
        "while true; do python train.py; sleep 5m; done\n",
        "d=1\nwhile true; do python train.py; sleep $d; d=$((d*2)); done\n",
        "n=0\nwhile true; do python train.py; n=$((n+1)); [ $n -ge 5 ] && break; sleep 3; done\n",
        "n=0\nwhile [ $n -lt 5 ]; do python train.py; n=$((n+1)); done\n",
        "while true; do curl -s localhost; sleep 5; done\n",
        "until python train.py; do sleep 90; done\n",
    ],
)
def test_look_alikes(script: str, tmp_path: Path) -> None:
    """A sweep, a long or growing wait, a limit, a loop that only waits."""
    assert places(case(tmp_path, {"run.sh": script}), "SC502") == []


def test_a_script_that_starts_itself(tmp_path: Path) -> None:
    """Its counter begins again with it."""
    script = 'n=0\npython train.py\nn=$((n+1))\nif [ $n -lt 3 ]; then exec "$0" "$@"; fi\n'
    assert places(case(tmp_path, {"run.sh": script}), "SC502") == ["run.sh:4"]
    other = 'python train.py\nexec "$1"\n'
    assert places(case(tmp_path / "b", {"run.sh": other}), "SC502") == []


UNIT = "[Unit]\n{unit}[Service]\nWorkingDirectory={folder}\nExecStart=python train.py\n{service}"


@pytest.mark.parametrize(
    ("unit", "service", "expected"),
    [
        ("", "Restart=always\nRestartSec=3\n", ["a.service:5"]),
        ("", "Restart=on-failure\n", ["a.service:5"]),
        ("StartLimitIntervalSec=0\n", "Restart=always\nRestartSec=5\n", ["a.service:6"]),
        ("StartLimitIntervalSec=600\n", "Restart=always\nRestartSec=5\n", []),
        ("", "Restart=always\nRestartSec=120\n", []),
        ("", "", []),
    ],
)
def test_units(unit: str, service: str, expected: list[str], tmp_path: Path) -> None:
    """Without a limit that is ever reached, and in a hurry."""
    text = UNIT.format(unit=unit, service=service, folder=tmp_path / "project")
    assert places(case(tmp_path, {"a.service": text}), "SC502") == expected


def test_units_that_load_nothing(tmp_path: Path) -> None:
    """A web server may come back as it likes."""
    text = UNIT.format(unit="", service="Restart=always\n", folder="/srv").replace("train", "web")
    assert places(case(tmp_path, {"a.service": text}), "SC502") == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [("autorestart=true\nstartretries=300\n", ["s.conf:3"]), ("autorestart=false\n", [])],
)
def test_supervisor(more: str, expected: list[str], tmp_path: Path) -> None:
    """It counts only what fails within `startsecs`."""
    text = f"[program:swarm]\ncommand=python {tmp_path}/project/train.py\n{more}"
    assert places(case(tmp_path, {"s.conf": text}), "SC502") == expected
