"""What no real project has shown yet is told only to those who ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case
from swarmcache.doctor.engine import Wanted, examined

if TYPE_CHECKING:
    from pathlib import Path

SHELL = "#!/bin/csh\nsetenv HF_HUB_CACHE ''\npython train.py\n"


@pytest.mark.parametrize(
    ("wanted", "told"),
    [(Wanted(), False), (Wanted(preview=True), True), (Wanted(only=("SC104",)), True)],
)
def test_a_finding_in_a_file_of_a_kind_on_trial(tmp_path: Path, wanted: Wanted, told: bool) -> None:
    """By its kind, whichever rule it is of; by option, or where its rule is named."""
    found = examined(case(tmp_path, {"go.csh": SHELL}), wanted)
    rules = {one.rule for one in found if one.span and one.span.file == "go.csh"}
    assert ("SC104" in rules) == bool(rules) == told


def test_the_same_in_a_file_of_a_judged_kind(tmp_path: Path) -> None:
    """Told to everybody."""
    script = "export HF_HUB_CACHE=''\npython train.py\n"
    found = examined(case(tmp_path, {"go.sh": script}))
    assert "SC104" in {one.rule for one in found}
