"""The caches that this user has used on this machine, so that equal content next door is found.

    $XDG_STATE_HOME/swarmcache/caches.toml
    $XDG_STATE_HOME/swarmcache/caches.toml.lock     held by who changes it

A hint: it is written when a cache is first looked at and when it is filled, heals itself, and may
be deleted at any time.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from swarmcache.errors import HubCacheError
from swarmcache.hubcache.state import users_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmcache.environment import Environment

_MOST = 200
"""Caches that are remembered; the ones used least recently are forgotten."""
_MAX_BYTES = 2**20
_PATIENCE = 2.0
"""Seconds to wait for others who change the list; without its lock an entry may be lost."""


def known_caches(environment: Environment) -> list[str]:
    """Return the cache folders that are known and there now, the last used first; never raises.

    The Hub's default place is known without being remembered.
    """
    default = f"{environment.home}/.cache/huggingface/hub"
    known = dict.fromkeys([*_read(_path(environment)), default])
    return [path for path in known if os.path.isdir(path)]


def note(cache: str, environment: Environment) -> None:
    """Remember a cache that is there and not known yet; one that is keeps its rank. Never raises.

    What the Hub's clients filled becomes known so, by the first command that looks at it.
    """
    mine = os.path.realpath(cache)
    try:
        with open(_path(environment), encoding="utf-8", errors="surrogateescape") as file:
            known = _entry(mine) in file.read(_MAX_BYTES)
    except OSError:
        known = False
    if not known and os.path.isdir(mine):
        remember(mine, environment)


def remember(cache: str, environment: Environment) -> None:
    """Note that a cache was used; one that is gone for good is forgotten. Never raises."""
    path = _path(environment)
    mine = os.path.realpath(cache)
    if _read(path)[:1] != [mine]:
        _change(
            path, lambda now: [mine, *(one for one in now if one != mine and not _is_gone(one))]
        )


def forget(cache: str, environment: Environment) -> None:
    """Note that nothing is left in a cache; never raises."""
    path, mine = _path(environment), os.path.realpath(cache)
    if mine in _read(path):
        _change(path, lambda now: [one for one in now if one != mine])


def _path(environment: Environment) -> str:
    return f"{users_state(environment)}/caches.toml"


def _read(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            return _paths(file.read(_MAX_BYTES).decode())
    except (OSError, ValueError, RecursionError):
        return []


def _paths(text: str) -> list[str]:
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - not for `check`
    else:
        import tomli as tomllib  # noqa: PLC0415
    document: dict[str, Any] = tomllib.loads(text)
    entries = document.get("caches", [])
    found = [one.get("path") for one in _tables(entries)]
    return [path for path in found if isinstance(path, str) and os.path.isabs(path)]


def _tables(entries: object) -> list[dict[str, Any]]:
    found = entries if isinstance(entries, list) else []  # Somebody's hand wrote something else.
    return [one for one in found if isinstance(one, dict)]


def _change(path: str, changed: Callable[[list[str]], list[str]]) -> None:
    """Let the list be what becomes of it, one process at a time; never raises."""
    from swarmcache.hubcache.locks import held  # noqa: PLC0415 - not for `check`

    with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as lock:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with contextlib.suppress(OSError, HubCacheError):
            lock.enter_context(held(f"{path}.lock", _PATIENCE, mode=0o600))
        _write(path, changed(_read(path))[:_MOST])


def _write(path: str, caches: Iterable[str]) -> None:
    from swarmcache.hubcache.drafts import sweep_drafts  # noqa: PLC0415 - not for `check`
    from swarmcache.hubcache.publishing import write_whole  # noqa: PLC0415

    write_whole(path, "".join(map(_entry, caches)))
    sweep_drafts(os.path.dirname(path))


def _entry(cache: str) -> str:
    return f"[[caches]]\npath = {_quoted(cache)}\n\n"


def _quoted(text: str) -> str:
    """Return a TOML basic string; JSON's escapes are a part of TOML's."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'  # Without json, which `check` has no other use for.
    import json  # noqa: PLC0415

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_gone(path: str) -> bool:
    """Tell whether a cache was removed, rather than being on a disk that is not mounted now."""
    return not os.path.isdir(path) and os.path.isdir(os.path.dirname(path))
