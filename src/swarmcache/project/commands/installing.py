"""Commands that install Python packages, and what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.project.effective.programs import Words

_PIP = ("pip", "pip3")


def installs(words: Words) -> tuple[str, ...] | None:
    """Return the words behind `pip install`, unknown ones left out; None for other commands."""
    rest = [word for word in words if word is not None]
    if not rest:
        return None
    name = rest[0].rpartition("/")[2]
    if name.startswith("python") and rest[1:2] == ["-m"]:
        rest, name = rest[2:], rest[2] if len(rest) > 2 else ""  # noqa: PLR2004 - what -m starts
    if name == "uv" and rest[1:2] == ["pip"]:
        rest, name = rest[1:], "pip"
    if not (name in _PIP or name.startswith("pip3.")) or rest[1:2] != ["install"]:
        return None
    return tuple(rest[2:])
