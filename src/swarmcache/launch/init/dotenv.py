"""The line of a `.env` file that a start script exports, or that Python code loads.

    # >>> swarmcache init: the one cache; `swarmcache init --undo` takes it back >>>
    HF_HUB_CACHE="${HF_HUB_CACHE:-/srv/models/hub}"
    # <<< swarmcache init <<<

A shell, compose and python-dotenv read the default value alike, and what the environment already
has comes first, so that the file may be copied into an image.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.launch.init.script import CLOSE, OPEN, marked

if TYPE_CHECKING:
    from swarmcache.project.edits import Edit
    from swarmcache.project.sources import Source

_EXPORT = re.compile(rb"^[ \t]*export[ \t]", re.MULTILINE)
_SAFE = re.compile(r"[\w./@+,:=~ -]+")


def dotenv_edit(source: Source, folder: str) -> Edit | None:
    """Return what puts the line at a file's end, or renews it; None where it cannot be there."""
    if not _SAFE.fullmatch(folder):
        return None
    data = source.data
    export = "export " if _EXPORT.search(data) else ""
    line = f'{export}HF_HUB_CACHE="${{HF_HUB_CACHE:-{folder}}}"'
    return marked(source, [OPEN, line, CLOSE], len(data))
