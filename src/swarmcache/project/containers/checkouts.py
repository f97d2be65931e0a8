"""Where the project lies for whoever starts it elsewhere, by the files of it that are named there.

A unit, a crontab or a manifest says `/opt/swarm/run.sh` where it means the project's own `run.sh`.
"""

from __future__ import annotations

import os
import re

from swarmcache.project.containers.paths import HERE, Mapped, Paths

_FOLDER = re.compile(r"(?:^|[\s\"'=;(])(?P<path>(?:~|\$HOME|\$\{HOME\})?/[\w./+-]+)")
"""An absolute path in what is started."""
_RELATIVE = re.compile(r"(?:^|[\s\"'=;(])(?:\./)?(?P<path>\w[\w./-]*\.(?:sh|py))\b")
_CHANGES = re.compile(r"\bcd\s+[\"']?(?P<path>[^\s\"';&|]+)")


def checkout_paths(text: str, cwd: str | None, home: str | None, project: str) -> Paths:
    """Return the paths of what is started by a text, from a working directory.

    What is at the very place that the text names is what it means.
    """
    for match in _FOLDER.finditer(text):
        path = _at_home(match["path"], home)
        folder = None if path is None or os.path.exists(path) else _checkout(path, project)
        if folder is not None:
            return Paths((Mapped(folder, project),))
    folders = [_at_home(match["path"], home) for match in _CHANGES.finditer(text)] or [cwd]
    named = [match["path"] for match in _RELATIVE.finditer(text)]
    for place in folders:
        if place is None or not place.startswith("/") or os.path.isdir(place):
            continue
        if any(os.path.isfile(os.path.join(project, one)) for one in named):
            return Paths((Mapped(os.path.normpath(place), project),))
    return HERE


def _at_home(path: str, home: str | None) -> str | None:
    for spelled in ("~", "$HOME", "${HOME}"):
        if path == spelled or path.startswith(f"{spelled}/"):
            return None if home is None else home + path[len(spelled) :]
    return path


def _checkout(path: str, project: str) -> str | None:
    """Return the folder below which a path is a script of the project's; None where it is none."""
    parts = path.strip("/").split("/")
    if not parts[-1].endswith((".sh", ".py")):
        return None
    for at in range(1, len(parts)):
        if os.path.isfile(os.path.join(project, *parts[at:])):
            return "/" + "/".join(parts[:at])
    return None
