"""What old clients left beside a cache: Xet's chunk caches, flat files of transformers < 4.22."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib

OLD = 60 * 86400
_KEY = "A1GerURLUcISVivdseeoY1PnYifYkOaCCJ7V5Q9fjgxkZWZhdWx0"
_RANGE = "AAAAAAEAAAA5DQAAAAAAAIhRLjDI3SS5jYs4ysNKZiJy9XFI8CN7Ww0UyEA9KPD9"


def chunk_cache(
    endpoint: pathlib.Path, *, name: str = "chunk-cache", age: float = OLD
) -> pathlib.Path:
    """Make a chunk cache as hf_xet before 1.2 did: one range, and what a killed download left."""
    folder = endpoint / name
    inner = folder / "A1" / _KEY
    inner.mkdir(parents=True)
    (inner / _RANGE).write_bytes(b"x" * 4096)
    (inner / f".{_RANGE}.Zx0_9-.tmp").write_bytes(b"x" * 100)
    for path, _, names in os.walk(folder, topdown=False):
        for one in (*(os.path.join(path, each) for each in names), path):
            os.utime(one, (time.time() - age, time.time() - age))
    return folder


def flat_file(folder: pathlib.Path, ending: str = "", *, age: float = OLD) -> pathlib.Path:
    """Make a file as transformers before 4.22 did."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{'a' * 64}.{'b' * 64}{ending}"
    path.write_bytes(b"x" * 100)
    os.utime(path, (time.time() - age, time.time() - age))
    return path
