"""SC401 and SC402: the two timeouts, as huggingface_hub reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("line", "download", "etag"),
    [
        ("", ["info"], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=120", [], ["info"]),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=120 HF_HUB_ETAG_TIMEOUT=30", [], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=10", [], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=3", ["warning"], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=0", [], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=2m", ["error"], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=2.5", ["error"], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=", ["error"], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=$SECONDS_GIVEN", ["error"], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=$(cat t)", [], []),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=60 HF_HUB_ETAG_TIMEOUT=2.5", [], ["error"]),
        ("export HF_HUB_DOWNLOAD_TIMEOUT=60 HF_HUB_ETAG_TIMEOUT=0", [], ["info"]),
        ("HF_HUB_DOWNLOAD_TIMEOUT=120", ["info"], []),
    ],
)
def test_what_is_set(line: str, download: list[str], etag: list[str], tmp_path: Path) -> None:
    """Missing, raised alone, both raised, too short, unreadable, unknown, not exported."""
    one = case(tmp_path, {"run.sh": f"{line}\npython train.py\n"})
    assert [f.severity for f in found(one, "SC401")] == download
    assert [f.severity for f in found(one, "SC402")] == etag


def test_what_python_sets_itself_counts(tmp_path: Path) -> None:
    """It is set for this very program."""
    code = "import os\nos.environ['HF_HUB_DOWNLOAD_TIMEOUT'] = '2m'\n"
    one = case(tmp_path, {"run.sh": "python train.py\n", "settings.py": code})
    (finding,) = found(one, "SC401")
    assert (finding.severity, finding.span and finding.span.file) == ("error", "settings.py")


def test_a_project_that_starts_nothing_needs_no_timeout(tmp_path: Path) -> None:
    """There is no program that would wait."""
    one = case(tmp_path, {"run.sh": "echo hello\n"})
    assert found(one, "SC401") == found(one, "SC402") == []
