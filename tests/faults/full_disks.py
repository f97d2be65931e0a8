"""Disks without one free block, where not even a folder can be made."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

import pytest

from faults.bringing import fill


def filled(disk: str) -> None:
    """Let another program take all that is free; not a folder can be made then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILL", f"{disk}/filler")
        fill()
    with pytest.raises(OSError, match="No space left"):
        os.mkdir(f"{disk}/folder")


def empty(disk: str) -> None:
    """Remove all that a test has put on the disk, for its next round."""
    for entry in os.scandir(disk):
        with suppress(NotADirectoryError):
            shutil.rmtree(entry)
    with suppress(FileNotFoundError):
        os.unlink(f"{disk}/filler")


def free(disk: str) -> int:
    """Return the bytes that are free."""
    os.sync()
    found = os.statvfs(disk)
    return found.f_bfree * found.f_frsize
