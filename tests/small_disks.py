"""Small file systems of their own: tmpfs, or an image in a file, where this machine allows that."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 2**20
_MAKERS = {
    "xfs": (["mkfs.xfs", "-q", "-m", "reflink=1"], 400 * _MIB),
    "btrfs": (["mkfs.btrfs", "-q"], 256 * _MIB),
    "ext4": (["mkfs.ext4", "-q"], 64 * _MIB),
    "vfat": (["mkfs.vfat"], 64 * _MIB),
}
"""How each is made, and how large an image it needs."""


@contextlib.contextmanager
def small_disk(folder: str, kind: str, options: str = "") -> Iterator[str]:
    """Yield a new file system at `folder`; the test is skipped where it cannot be had."""
    os.makedirs(folder)
    if kind == "tmpfs":
        words = ["mount", "-t", "tmpfs", "-o", options or "size=64m", "tmpfs", folder]
    else:
        words = ["mount", "-o", ",".join(filter(None, ["loop", options])), _image(folder, kind)]
        words.append(folder)
    mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this machine lets us mount no {kind}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}.image")


def _image(folder: str, kind: str) -> str:
    command, size = _MAKERS[kind]
    if (
        shutil.which(command[0], path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
        is None
    ):
        pytest.skip(f"no {command[0]} to make a {kind} with")
    image = f"{folder}.image"
    with open(image, "xb") as file:
        file.truncate(size)
    subprocess.run([*command, image], check=True, capture_output=True)
    return image
