"""Which settings files speak, and what they say."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import SettingsError, os_reason
from swarmcache.locale import t
from swarmcache.settings.keys import KEYS, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.environment import Environment

PROJECT_FILE = "swarmcache.toml"


class SettingsFile(NamedTuple):
    """A file that was read, with nothing but known keys in it."""

    path: str
    """The file, absolute."""
    values: Mapping[str, object]
    """What TOML holds under each key: `{"cache.dir": "/srv/hub"}`."""


def project_file(project: str) -> SettingsFile | None:
    """Return what the project says: its `swarmcache.toml`, else its `pyproject.toml`, if any.

    Only the folder itself counts, none above it: a cache must not change because somebody
    put a file into a parent folder. Raises SettingsError.
    """
    path = os.path.join(project, PROJECT_FILE)
    if (content := _read(path)) is not None:
        return SettingsFile(path, _flat(path, parsed(path, content)))
    path = os.path.join(project, "pyproject.toml")
    content = _read(path)
    if content is None or b"swarmcache" not in content:
        return None  # Parsing TOML costs 15 ms, and most projects say nothing to us.
    tools = parsed(path, content).get("tool")
    table = tools.get("swarmcache") if isinstance(tools, dict) else None
    return SettingsFile(path, _flat(path, table)) if isinstance(table, dict) else None


def user_file(environment: Environment) -> SettingsFile | None:
    """Return what the user says for all projects: `~/.config/swarmcache/config.toml`, if any."""
    base = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.home, ".config")
    path = environment.absolute(os.path.join(base, "swarmcache", "config.toml"))
    if not os.path.exists(path):
        return None  # Also where another user's home is left in HOME, as by cron, sudo or Docker.
    content = _read(path)
    return None if content is None else SettingsFile(path, _flat(path, parsed(path, content)))


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = os_reason(error)
        raise SettingsError(
            t("The settings file {path} cannot be read: {reason}.", path=path, reason=reason)
        ) from error


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe in its place, which nobody writes to, is empty."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def parsed(path: str, content: bytes) -> dict[str, object]:
    """Return what TOML holds; raises SettingsError with the line and column where it is none."""
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - only where there is a file to read
    else:
        import tomli as tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise SettingsError(t("{path} is not UTF-8, which TOML must be.", path=path)) from error
    except RecursionError as error:
        raise SettingsError(t("{path} is nested too deeply to be read.", path=path)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(_not_toml(path, content, str(error))) from error


def _not_toml(path: str, content: bytes, reason: str) -> str:
    place = re.search(r" \(at line (\d+), column (\d+)\)$", reason)
    if place:
        line, column = place.groups()
        reason = reason[: place.start()]
    else:  # "at end of document": the parser says no numbers there
        lines = content.decode().splitlines() or [""]
        line, column = str(len(lines)), str(len(lines[-1]) + 1)
    return t(
        "{path} is not valid TOML at line {line}, column {column}: {reason}.",
        path=path,
        line=line,
        column=column,
        reason=reason,
    )


def _flat(path: str, document: Mapping[str, object]) -> dict[str, object]:
    """Return the document with dotted keys; SettingsError for a key that does not exist."""
    known = tuple(key.name for key in KEYS)
    tables = {name.partition(".")[0] for name in known if "." in name}
    flat: dict[str, object] = {}
    for name, value in document.items():
        if name in tables and isinstance(value, dict):
            flat |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            flat[name] = value
    for name in flat:
        if name in tables:
            message = t("{path}: {key} must be a table, [{key}].", path=path, key=name)
            raise SettingsError(message)
        if name not in known:
            raise SettingsError(
                t(
                    "{path}: {unknown} is not a key; the nearest is {match}.",
                    path=path,
                    unknown=name,
                    match=nearest(name, known),
                )
            )
    return flat
