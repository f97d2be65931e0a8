"""The call that makes a reflink on macOS, against a library that keeps clonefile(2)'s contract.

The call itself was never run: no macOS was at hand.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import time
from typing import TYPE_CHECKING

import pytest

from swarmcache.hubcache import linking

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"weights"


class Library:
    """clonefile(2): 0 and a file with its source's bytes and mode, or -1 and errno."""

    def __init__(self, refusal: int = 0) -> None:
        self.refusal = refusal
        self.calls: list[tuple[bytes, bytes, int]] = []

    def clonefile(self, source: bytes, name: bytes, flags: int) -> int:
        """Clone, or refuse."""
        self.calls.append((source, name, flags))
        refusal = errno.EEXIST if os.path.lexists(name) else self.refusal
        if refusal:
            ctypes.set_errno(refusal)
            return -1
        shutil.copy2(source, name)
        return 0


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a closed, old file."""
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    path.chmod(0o400)
    os.utime(path, (1, 1))
    return path


def on_macos(monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    """Let this be macOS, with this C library."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda _name, use_errno: library if use_errno else None)


def test_a_clone_is_what_a_new_file_is(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are the source's, its mode and its time are its own."""
    library = Library()
    on_macos(monkeypatch, library)
    place = tmp_path / "模型"
    assert linking.reflinked(str(source), str(place))
    assert library.calls == [(os.fsencode(source), os.fsencode(place), 2)]
    (tmp_path / "new").touch()
    assert place.read_bytes() == CONTENT
    assert place.stat().st_mode == (tmp_path / "new").stat().st_mode
    assert time.time() - place.stat().st_mtime < 60
    assert source.stat().st_mode & 0o777 == 0o400


@pytest.mark.parametrize("refusal", [errno.ENOTSUP, errno.EXDEV])
def test_where_it_cannot_be_the_next_way_is_tried(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    """HFS+, another volume: a hard link between blobs, nothing for a plain file."""
    on_macos(monkeypatch, Library(refusal))
    assert not linking.reflinked(str(source), str(tmp_path / "plain"))
    assert not linking.hard_linked(str(source), str(tmp_path / "plain"))
    blob = tmp_path / "models--org--a" / "blobs" / ("a" * 40)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(CONTENT)
    assert not linking.reflinked(str(blob), str(tmp_path / "linked"))
    assert linking.hard_linked(str(blob), str(tmp_path / "linked"))
    assert sorted(os.listdir(tmp_path)) == ["linked", "models--org--a", "source"]


def test_a_full_disk_is_an_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves nothing."""
    on_macos(monkeypatch, Library(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"):
        linking.reflinked(str(source), str(tmp_path / "place"))
    assert os.listdir(tmp_path) == ["source"]


def test_a_file_that_is_there_stays(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EEXIST, as on Linux."""
    on_macos(monkeypatch, Library())
    place = tmp_path / "place"
    place.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        linking.reflinked(str(source), str(place))
    assert place.read_bytes() == b"mine"
