"""SC205: keys in the cache folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$HF_HOME/hub/swarm.pem", ["run.sh:2"]),
        ("$HF_HOME/swarm.pem", []),
        ("$PWD/swarm.pem", []),
        ("$HF_HOME/hub/models--a--b/x.json", []),
    ],
)
def test_variables(path: str, expected: list[str], tmp_path: Path) -> None:
    """HF_HOME is where the Hub's own token lies; the hub is for models."""
    script = f'export HF_HOME=/c\nexport IDENTITY_PATH="{path}"\npython train.py\n'
    assert places(case(tmp_path, {"run.sh": script}), "SC205") == expected


def test_what_is_there(tmp_path: Path) -> None:
    """Only what looks like a key, and only in the cache itself."""
    hub = tmp_path / "hub"
    hub.mkdir()
    for name in ("swarm.pem", "version.txt", "CACHEDIR.TAG", "notes.txt"):
        (hub / name).write_text("")
    one = case(tmp_path, {"run.sh": f"export HF_HUB_CACHE={hub}\npython train.py\n"})
    (finding,) = found(one, "SC205")
    assert f"{hub}/swarm.pem" in finding.message
