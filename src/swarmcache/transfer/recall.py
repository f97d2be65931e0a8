"""What the journal of a partial tells (the lines are described in partial.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from swarmcache.hubcache.intact.journal import unsealed
from swarmcache.hubcache.use.owners import boot_id
from swarmcache.transfer.ranges import Range, Ranges

if TYPE_CHECKING:
    from collections.abc import Iterable


class Recall:
    """What a journal tells; an absent or garbled one tells of nothing."""

    def __init__(self) -> None:
        self.size = -1
        """Bytes of the whole file; -1 where nothing tells."""
        self.have = Ranges()
        self.etags: dict[str, str] = {}

    @classmethod
    def read(cls, folder: str) -> Recall:
        """Return what the journal in a partial's folder tells; OSError other than its absence."""
        found = cls()
        try:
            with open(f"{folder}/journal", "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return found
        try:
            return found._told(unsealed(content))
        except (ValueError, IndexError):
            return cls()  # Another program's, or a later version's.

    def _told(self, lines: Iterable[bytes]) -> Recall:
        found, same_boot = self, False
        for line in lines:
            word, *fields = line.split(b" ")
            if word == b"size":
                found.size = int(fields[0])
                same_boot = fields[1] == (boot_id().encode() or b"-") != b"-"
            elif word == b"durable" or (word == b"written" and same_boot):
                found.have.add(Range(max(0, int(fields[0])), int(fields[1])))
            elif word == b"etag":
                found.etags[unquote(fields[0].decode())] = unquote(fields[1].decode())
            elif word == b"reset":
                found = Recall()
        return found
