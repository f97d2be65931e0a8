"""Disks without one free block, where not even a folder can be made."""

from __future__ import annotations

import os

import pytest

from faults.bringing import fill


def filled(disk: str) -> None:
    """Let another program take all that is free; not a folder can be made then."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILL", f"{disk}/filler")
        fill()
    with pytest.raises(OSError, match="No space left"):
        os.mkdir(f"{disk}/folder")


def free(disk: str) -> int:
    """Return the bytes that are free."""
    os.sync()
    found = os.statvfs(disk)
    return found.f_bfree * found.f_frsize
