"""What a look at a repo folder met on its way, for whoever must know of every path in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os


class Sight(NamedTuple):
    """Filled by `scan.read_repo`; what is not in it was not looked at."""

    folders: dict[str, list[os.DirEntry[str]]]
    """The entries of each folder that could be listed, by its path."""
    files: dict[str, os.stat_result]
    """Regular files that are no links."""
    links: dict[str, str]
    """The links below snapshots, and what they say."""
    refs: set[str]
    """Refs that name a commit."""

    @classmethod
    def empty(cls) -> Sight:
        """Return one that has seen nothing."""
        return cls({}, {}, {}, set())
