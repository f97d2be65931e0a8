"""SC604: a checkpoint says `use_cache: false`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doctor.cases import case, found, places
from swarmcache.project.edits import edited

if TYPE_CHECKING:
    from pathlib import Path

SAVED = '{{"model_type": "qwen2", "use_cache": {}}}\n'


def test_a_checkpoint_and_its_fix(tmp_path: Path) -> None:
    """One word changes."""
    name = "out/checkpoint-5/config.json"
    (finding,) = found(case(tmp_path, {name: SAVED.format("false")}), "SC604")
    assert finding.fix is not None
    before = (tmp_path / "project" / name).read_bytes()
    assert edited(before, finding.fix.edits).decode() == SAVED.format("true")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out/config.json", SAVED.format("true")),
        ("out/config.json", '{"use_cache": false}'),
        ("out/settings.json", SAVED.format("false")),
        ("out/config.json", '{"model_type": "x", "text_config": {"use_cache": false}}'),
        ("out/config.json", '{"model_type": "x", "use_cache": false'),
    ],
)
def test_look_alikes(name: str, content: str, tmp_path: Path) -> None:
    """On, no model's, another file, an inner model, broken."""
    assert places(case(tmp_path, {name: content}), "SC604") == []
