"""Small file systems of their own: in memory, or in a file, where this machine allows that."""

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
    os.makedirs(folder, exist_ok=True)
    if kind in {"tmpfs", "ramfs"}:  # ramfs keeps no ACLs.
        words = ["mount", "-t", kind, "-o", options or "size=64m", kind, folder]
    else:
        words = ["mount", "-o", ",".join(filter(None, ["loop", options])), _image(folder, kind)]
        words.append(folder)
    try:
        with _mounted(words, kind):
            yield folder
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}.image")


@contextlib.contextmanager
def subvolumes(folder: str) -> Iterator[tuple[str, str]]:
    """Yield two subvolumes of a new btrfs, the second one by a mount of its own."""
    with small_disk(f"{folder}/disk", "btrfs") as disk:
        for name in ("first", "second"):
            words = ["btrfs", "-q", "subvolume", "create", f"{disk}/{name}"]
            subprocess.run(words, check=True, capture_output=True)
        found = subprocess.run(
            ["findmnt", "-no", "SOURCE", disk], check=True, capture_output=True, text=True
        )
        os.makedirs(f"{folder}/second")
        words = ["mount", "-o", "subvol=second", found.stdout.strip(), f"{folder}/second"]
        with _mounted(words, "btrfs twice"):
            yield f"{disk}/first", f"{folder}/second"


@contextlib.contextmanager
def bound(folder: str, source: str, options: str = "rw") -> Iterator[None]:
    """Let `folder` be `source`, of the same file system, too; with `ro` not even root writes."""
    with _mounted(["mount", "--bind", "-o", options, source, folder], "folder twice"):
        yield


@contextlib.contextmanager
def read_only(folder: str) -> Iterator[None]:
    """Let this user, root too, write nothing below `folder`: only into such tiers links lead."""
    if os.geteuid() == 0:
        with bound(folder, folder, "ro"):
            yield
        return
    modes = {place: os.stat(place).st_mode for place, _, _ in os.walk(folder)}
    for place in modes:
        os.chmod(place, 0o555)
    try:
        yield
    finally:
        for place, mode in modes.items():
            os.chmod(place, mode & 0o7777)


@contextlib.contextmanager
def _mounted(words: list[str], what: str) -> Iterator[None]:
    """Run a mount command whose last word is the place, and undo it."""
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip(f"this machine lets us mount no {what}")
    try:
        yield
    finally:
        subprocess.run(["umount", words[-1]], check=True)


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
