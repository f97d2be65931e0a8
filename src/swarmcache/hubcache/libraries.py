"""Which versions of the Hub's libraries the trainer's interpreter has, without running it.

Only names of files and folders are read, and `pyvenv.cfg`: running or importing another
interpreter's libraries would be slow, and might do anything.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.errors import SettingsError, os_reason
from swarmcache.hubcache.sites import Unknown, site_folders
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.environment import Environment

_NAMES = ("huggingface_hub", "transformers", "datasets", "trl")
_METADATA = (".dist-info", ".egg-info")


class Libraries(NamedTuple):
    """The libraries of one interpreter; a version is None where there is none or none is known."""

    python: str
    """The interpreter, absolute, as it was found: links are not followed."""
    chosen_by: str
    """Who chose it: `--python`, `VIRTUAL_ENV`, `PATH`, or `swarmcache` for our own."""
    huggingface_hub: str | None = None
    transformers: str | None = None
    datasets: str | None = None
    trl: str | None = None
    unknown: str = ""
    """Why nothing can be known about this interpreter, as a sentence; empty when it can."""


def installed(environment: Environment, python: str | None = None) -> Libraries:
    """Return the libraries of the interpreter that counts.

    1. `python`: an interpreter, the folder of its environment, or a name on PATH
    2. the environment that `VIRTUAL_ENV` names, if it has an interpreter
    3. `python` on PATH, else `python3`
    4. the interpreter that runs swarmcache

    Raises SettingsError when `python` is none.
    """
    path, chosen_by = _chosen(environment, python)
    try:
        return Libraries(path, chosen_by, **_versions(site_folders(environment, path)))
    except Unknown as error:
        return Libraries(path, chosen_by, unknown=str(error))


def _chosen(environment: Environment, python: str | None) -> tuple[str, str]:
    if python is not None:
        named = environment.absolute(environment.expand_user(python))
        path = _in_folder(named) or _file(named) or _on_path(environment, python)
        if path is None:
            raise SettingsError(
                t("{path} is neither a Python interpreter nor the folder of one.", path=python),
                hint="swarmcache env --explain --python .venv/bin/python",
            )
        return path, "--python"
    if folder := environment.get("VIRTUAL_ENV"):
        path = _in_folder(environment.absolute(folder))
        if path:
            return path, "VIRTUAL_ENV"
    path = _on_path(environment, "python") or _on_path(environment, "python3")
    return (path, "PATH") if path else (sys.executable, "swarmcache")


def _file(path: str) -> str | None:
    return path if os.path.isfile(path) else None


def _in_folder(folder: str) -> str | None:
    inner = (("bin", "python"), ("bin", "python3"), ("Scripts", "python.exe"))
    return next((p for names in inner if (p := _file(os.path.join(folder, *names)))), None)


def _on_path(environment: Environment, name: str) -> str | None:
    if os.path.dirname(name):
        return None
    import shutil  # noqa: PLC0415

    found = shutil.which(name, path=environment.get("PATH") or "")
    return environment.absolute(found) if found else None


def _versions(folders: Iterable[str]) -> dict[str, str]:
    """Return each library's version; as for Python's import, the first folder wins."""
    found: dict[str, str] = {}
    for folder in folders:
        try:
            entries = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            reason = os_reason(error)
            raise Unknown(
                t("{path} cannot be listed: {reason}.", path=folder, reason=reason)
            ) from error
        here = dict(named for entry in sorted(entries) if (named := _parse(entry)))
        found = here | found
    return found


def _parse(entry: str) -> tuple[str, str] | None:
    """Return the library and version that `transformers-5.0.0.dist-info` stands for."""
    stem, suffix = os.path.splitext(entry)
    if suffix not in _METADATA:
        return None
    name, _, version = stem.partition("-")
    name = name.replace(".", "_").lower()
    return (name, version.partition("-")[0]) if name in _NAMES and version else None
