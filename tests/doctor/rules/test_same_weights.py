"""SC304: the same weights under two names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places

if TYPE_CHECKING:
    from pathlib import Path

CODE = """\
from transformers import AutoModel
AutoModel.from_pretrained("{one}")
AutoModel.from_pretrained("{other}")
"""


def cached(hub: Path, repo: str, blob: str) -> None:
    """Lay out a repo whose weights have this hash."""
    folder = hub / f"models--{repo.replace('/', '--')}"
    commit = "a" * 40
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / blob).write_text("x")
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "snapshots" / commit / "model.safetensors").symlink_to(f"../../blobs/{blob}")


def test_known_mirrors(tmp_path: Path) -> None:
    """By name it is a guess, and says so."""
    code = CODE.format(one="Gensyn/Qwen2.5-0.5B-Instruct", other="unsloth/Qwen2.5-0.5B-Instruct")
    (finding,) = found(case(tmp_path, {"train.py": code}), "SC304")
    assert (finding.severity, finding.confidence) == ("info", "low")
    assert "told by their hashes" in finding.message


@pytest.mark.parametrize(("second", "expected"), [("1" * 64, ["train.py:3"]), ("2" * 64, [])])
def test_hashes_decide(second: str, expected: list[str], tmp_path: Path) -> None:
    """Whatever the names are."""
    hub = tmp_path / "hub"
    cached(hub, "one/a", "1" * 64)
    cached(hub, "two/b", second)
    code = CODE.format(one="one/a", other="two/b")
    one = case(tmp_path, {"train.py": code}, variables={"HF_HUB_CACHE": str(hub)})
    assert places(one, "SC304") == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Qwen/Qwen2.5-0.5B-Instruct", "unsloth/Qwen2.5-0.5B-Instruct-bnb-4bit"),
        ("Qwen/Qwen2.5-0.5B", "Gensyn/Qwen2.5-0.5B-Instruct"),
        ("me/model", "you/model"),
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
    ],
)
def test_look_alikes(one: str, other: str, tmp_path: Path) -> None:
    """Quantised, another model, owners of their own, one name twice."""
    assert places(case(tmp_path, {"train.py": CODE.format(one=one, other=other)}), "SC304") == []
