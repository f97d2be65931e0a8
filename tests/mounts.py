"""Small file systems of a test's own, where the machine lets us mount any."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def mounted(folder: str, *words: str) -> Iterator[None]:
    """Mount something at a folder, as `mount WORDS… FOLDER` does; skip where that cannot be."""
    done = subprocess.run(["mount", *words, folder], capture_output=True, check=False, text=True)
    if done.returncode:
        pytest.skip(f"this machine lets us mount nothing: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def disk(folder: str, size: str = "8m") -> Iterator[None]:
    """Have an empty file system of its own at a folder."""
    with mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs"):
        yield


@contextlib.contextmanager
def read_only(folder: str) -> Iterator[None]:
    """Let nobody write in a folder, not even root."""
    with mounted(folder, "--bind", "-o", "ro", folder):
        yield
