"""SC404: offline is set where the network is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

DATA = """\
from datasets import load_dataset
load_dataset("org/d", streaming=True)
"""
PUSH = "def save(model):\n    model.push_to_hub('me/x')\n"
RUN = "python train.py\n"


@pytest.mark.parametrize("more", [{"data.py": DATA}, {"data.py": PUSH}])
@pytest.mark.parametrize("switch", ["HF_HUB_OFFLINE=1", "TRANSFORMERS_OFFLINE=yes"])
def test_offline_with_what_needs_the_network(
    switch: str, more: dict[str, str], tmp_path: Path
) -> None:
    """Told at the switch."""
    one = case(tmp_path, {"run.sh": f"export {switch}\n{RUN}", **more})
    (finding,) = found(one, "SC404")
    assert (finding.severity, finding.span and finding.span.file) == ("error", "run.sh")


def test_streaming_alone_is_good_to_know(tmp_path: Path) -> None:
    """It is why the project cannot start offline."""
    (finding,) = found(case(tmp_path, {"run.sh": RUN, "data.py": DATA}), "SC404")
    assert (finding.severity, finding.span and finding.span.line) == ("info", 2)


@pytest.mark.parametrize(
    "files",
    [
        {"run.sh": f"export HF_HUB_OFFLINE=1\n{RUN}"},
        {"run.sh": f"export HF_HUB_OFFLINE=0\n{RUN}", "data.py": PUSH},
        {"run.sh": RUN, "data.py": DATA.replace("True", "False")},
        {"run.sh": RUN, "data.py": DATA.replace("org/d", "json")},
        {"run.sh": RUN, "tests/test_data.py": DATA},
    ],
)
def test_look_alikes(files: dict[str, str], tmp_path: Path) -> None:
    """Nothing needs it, not offline, no stream, files, tests."""
    assert places(case(tmp_path, files), "SC404") == []
