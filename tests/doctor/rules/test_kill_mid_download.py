"""SC503: watchdogs that kill what is silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, places

if TYPE_CHECKING:
    from pathlib import Path

WATCH = """\
LOG=/tmp/train.log
while true; do
  age=$(( $(date +%s) - $(stat -c %Y "$LOG") ))
  if [ $age -gt 600 ]; then pkill -9 -f train.py; fi
  sleep 30
done
"""


def test_killed_when_the_log_is_still(tmp_path: Path) -> None:
    """Ten minutes without a line are a slow download too."""
    assert places(case(tmp_path, {"watch.sh": WATCH}), "SC503") == ["watch.sh:3"]


@pytest.mark.parametrize(
    "stop", ["docker restart trainer", "systemctl restart train", "kill -9 $P"]
)
def test_other_ways_to_end_it(stop: str, tmp_path: Path) -> None:
    """By signal, container or unit."""
    script = WATCH.replace("pkill -9 -f train.py", stop)
    assert places(case(tmp_path, {"watch.sh": script}), "SC503") == ["watch.sh:3"]


def test_a_watchdog_that_an_installer_writes(tmp_path: Path) -> None:
    """Its lines are lines of the installer."""
    script = f"cat > /opt/watch.sh <<'EOF'\n#!/bin/bash\n{WATCH}EOF\nchmod +x /opt/watch.sh\n"
    assert places(case(tmp_path, {"install.sh": script}), "SC503") == ["install.sh:5"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pkill -9 -f train.py", "kill -0 $PID"),
        ("pkill -9 -f train.py", "echo it hangs, train.py"),
        ("while true", "for i in 1 2 3"),
        ('stat -c %Y "$LOG"', 'stat -c %s "$LOG"'),
        ("sleep 30", "sleep 30  # also: ls ~/.cache/huggingface/*.incomplete\n  ls *.incomplete"),
        ("sleep 30", "STARTUP_GRACE=3600; sleep 30"),
    ],
)
def test_look_alikes(before: str, after: str, tmp_path: Path) -> None:
    """It only asks or tells, ends by itself, looks at the size, minds downloads."""
    script = WATCH.replace(before, after)
    assert script != WATCH
    assert places(case(tmp_path, {"watch.sh": script}), "SC503") == []
