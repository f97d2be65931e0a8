"""One piece into one file, whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.drafts import draft_of

if TYPE_CHECKING:
    from swarmcache.launch.emit.values import Piece


def write(path: str, piece: Piece) -> None:
    """Write the piece's file; what was there before is replaced by one rename. Raises OSError."""
    mode = 0o777 if piece.executable else 0o666  # Less what the umask takes.
    with draft_of(path) as draft:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(piece.content.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
