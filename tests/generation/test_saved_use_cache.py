"""A checkpoint that says `use_cache: false`, found and mended."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from swarmcache.generation.saved_use_cache import mend, saved_false

if TYPE_CHECKING:
    import pathlib

OFF, ON, SILENT = '{"use_cache": false}', '{"use_cache": true}', "{}"


@pytest.mark.parametrize(
    ("config", "generation_config", "found"),
    [
        (OFF, None, [("config.json", True)]),
        (OFF, SILENT, [("config.json", False)]),
        (OFF, OFF, [("config.json", False), ("generation_config.json", True)]),
        (ON, OFF, [("generation_config.json", True)]),
        (ON, None, []),
        (SILENT, SILENT, []),
        (None, None, []),
        ("not json", "[1]", []),
        ('{"text_config": {"use_cache": false}}', None, []),
    ],
)
def test_which_file_generate_reads(
    config: str | None,
    generation_config: str | None,
    found: list[tuple[str, bool]],
    tmp_path: pathlib.Path,
) -> None:
    """generation_config.json; config.json only where that is not there."""
    for name, text in (("config.json", config), ("generation_config.json", generation_config)):
        if text is not None:
            (tmp_path / name).write_text(text)
    saved = saved_false(str(tmp_path))
    assert [(os.path.basename(one.path), one.counts) for one in saved] == found


def test_one_word_changes_and_no_other_byte(tmp_path: pathlib.Path) -> None:
    """Not the nested one, nor spaces, nor the mode of the file."""
    file = tmp_path / "config.json"
    text = '{ "inner": {"use_cache": false},\r\n\t"use_cache" :  false, "é": "\\u00e9" }'
    file.write_text(text, newline="")
    file.chmod(0o640)
    (saved,) = saved_false(str(tmp_path))
    assert mend(saved)
    with file.open(newline="") as mended:
        assert mended.read() == text.replace('"use_cache" :  false', '"use_cache" :  true')
    assert file.stat().st_mode & 0o7777 == 0o640
    assert os.listdir(tmp_path) == ["config.json"]
    assert saved_false(str(tmp_path)) == []


def test_a_link_into_a_cache_is_never_written_through(tmp_path: pathlib.Path) -> None:
    """A blob's content is what its name says."""
    blob, snapshot = tmp_path / "blob", tmp_path / "snapshot"
    snapshot.mkdir()
    blob.write_text(OFF)
    (snapshot / "config.json").symlink_to(blob)
    (saved,) = saved_false(str(snapshot))
    assert saved.shared
    assert not mend(saved)
    assert blob.read_text() == OFF


def test_a_hard_link_elsewhere_keeps_its_content(tmp_path: pathlib.Path) -> None:
    """The file is replaced, not written over."""
    file, other = tmp_path / "config.json", tmp_path / "other"
    file.write_text(OFF)
    os.link(file, other)
    assert mend(saved_false(str(tmp_path))[0])
    assert other.read_text() == OFF
    assert file.read_text() == ON
