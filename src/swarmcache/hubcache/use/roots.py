"""Projects that need models of a cache; what they name is not removed.

    .locks/.swarmcache/roots/<hash of host and project>.json

A root goes only when, on its own host, the folder above the project exists and the project itself
has been absent for ABSENT_SECONDS: a project on a disk that is not mounted now is still there.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from swarmcache.hubcache.drafts import sweep_drafts
from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.layout import REPO_TYPES
from swarmcache.hubcache.publishing import write_whole
from swarmcache.hubcache.state import file_mode, readable_names, state_folder, unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import Target
    from swarmcache.hubcache.state import State

FOLDER = "roots"
ABSENT_SECONDS = 7 * 86400
FORGOTTEN_SECONDS = 90 * 86400
"""A model that no command of its project has named for so long is needed no more."""
_FRESH_SECONDS = 86400
"""What was named so recently is not written down again: a root costs `run` one look."""
_MAX_BYTES = 2**20


class Root(NamedTuple):
    """One project, and what it needs of the cache."""

    path: str
    """Its record."""
    project: str
    host: str
    models: Mapping[tuple[str, str, str], float]
    """(type, id, revision) -> when it was last named, in seconds since the epoch."""
    absent_since: float | None = None
    """When it was first seen to be gone, in seconds since the epoch."""


def add_root(cache: str, environment: Environment, project: str, targets: Iterable[Target]) -> None:
    """Record that the project needs these models; never raises: it must stop nobody.

    One start may draw or name one model of several, so what it named before stays for a while.
    """
    state = state_folder(cache, environment)
    now = time.time()
    models: dict[tuple[str, str, str], float] = {}
    models.update(((one.type, one.id, one.revision), now) for one in targets)
    if not models or not state.writable or not os.path.isdir(cache):
        return
    import hashlib  # noqa: PLC0415 - `clean` and most starts only read

    host, project = this_host(), os.path.realpath(project)
    key = hashlib.sha256(f"{host}\0{project}".encode(errors="surrogateescape")).hexdigest()[:32]
    with contextlib.suppress(OSError, ValueError):
        path = f"{state.folder(FOLDER)}/{key}.json"
        known = _read(path)
        before = known.models if known is not None and known.project == project else {}
        if all(now - before.get(model, 0.0) < _FRESH_SECONDS for model in models):
            return
        kept = {model: when for model, when in before.items() if now - when < FORGOTTEN_SECONDS}
        _write(Root(path, project, host, {**kept, **models}), state)


def roots(cache: str, environment: Environment) -> list[Root]:
    """Return the roots of a cache; raises AccessDenied for one that this user may not read."""
    state = state_folder(cache, environment)
    return [root for folder in state.sources(FOLDER) for root in _roots(folder)]


def move_roots(
    source: str,
    cache: str,
    environment: Environment,
    project: str | None = None,
    *,
    staying: Collection[str] = (),
) -> None:
    """Register in `cache` what projects of `source` need, and forget it there; never raises.

    With `project`, of that one only. Of projects that are `staying`, the old place remembers too.
    """
    wanted = None if project is None else os.path.realpath(project)
    target = state_folder(cache, environment)
    if not target.writable:
        return
    for root in roots(source, environment):
        if wanted not in {None, root.project}:
            continue
        with contextlib.suppress(OSError, ValueError):
            path = f"{target.folder(FOLDER)}/{os.path.basename(root.path)}"
            known = _read(path)
            models = {**(known.models if known is not None else {}), **root.models}
            _write(root._replace(path=path, models=models, absent_since=None), target)
            if root.project not in staying:
                os.unlink(root.path)
    sweep_drafts(f"{target.path}/{FOLDER}")


def expire_roots(cache: str, environment: Environment, now: float | None = None) -> None:
    """Note which projects are gone, and forget those long gone; never raises.

    For verbs that change the disk.
    """
    state = state_folder(cache, environment)
    now = time.time() if now is None else now
    for root in roots(cache, environment):
        with contextlib.suppress(OSError, ValueError):
            if not is_gone(root):
                if root.absent_since is not None:
                    _write(root._replace(absent_since=None), state)
            elif root.absent_since is None:
                _write(root._replace(absent_since=now), state)
            elif now - root.absent_since >= ABSENT_SECONDS:
                os.unlink(root.path)


def this_host() -> str:
    """Return what names this machine: its machine id, else its host name."""
    with contextlib.suppress(OSError), open("/etc/machine-id", encoding="ascii") as file:
        if name := file.read(64).strip():
            return f"{name}/{os.uname().nodename}"
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def is_gone(root: Root) -> bool:
    """Tell whether a project was removed from this host, rather than being out of sight now."""
    parent = os.path.dirname(root.project)
    return root.host == this_host() and not os.path.lexists(root.project) and os.path.isdir(parent)


def _roots(folder: str) -> Iterator[Root]:
    for name in readable_names(folder):
        root = _read(f"{folder}/{name}") if name.endswith(".json") else None
        if root is not None:
            yield root


def _read(path: str) -> Root | None:
    try:
        with open(path, encoding="utf-8") as file:
            document: Any = parse(file.read(_MAX_BYTES))
        models = {
            (str(one["type"]), str(one["id"]), str(one["revision"])): float(one["named"])
            for one in document["models"]
            if one["type"] in REPO_TYPES
        }
        since = document.get("absent_since")
        absent = None if since is None else float(since)
        return Root(path, str(document["project"]), str(document["host"]), models, absent)
    except PermissionError as error:
        raise unreadable(path) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _write(root: Root, state: State) -> None:
    import json  # noqa: PLC0415

    document = {
        "project": root.project,
        "host": root.host,
        "models": [
            {"type": kind, "id": name, "revision": revision, "named": when}
            for (kind, name, revision), when in sorted(root.models.items())
        ],
        "absent_since": root.absent_since,
    }
    write_whole(root.path, json.dumps(document, indent=1), mode=file_mode(state.mode))
