"""Where an interpreter that is not running would look for its packages."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from swarmcache.errors import os_reason
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.environment import Environment


class Unknown(Exception):
    """Nothing can be known about an interpreter; the message says why."""


def site_folders(environment: Environment, python: str) -> list[str]:
    """Return the folders that `python` (absolute) would import packages from, in its order.

    They need not exist. Raises Unknown for a script that only starts an interpreter, and
    where the file names do not tell which version of Python it is.
    """
    _refuse_wrapper(python)
    asked = environment.get("PYTHONPATH") or ""
    first = [environment.absolute(path) for path in asked.split(os.pathsep) if path]
    prefix = os.path.dirname(os.path.dirname(python))
    config = _read_config(os.path.join(prefix, "pyvenv.cfg"))
    if config is None:
        return first + _system(environment, python)
    version = _minor(config.get("version") or config.get("version_info") or "")
    if not version:
        version = _from_names(python, [prefix])
    own = first + _below(prefix, version)
    if config.get("include-system-site-packages", "").lower() != "true":
        return own
    base = os.path.join(config.get("home", ""), f"python{version}")
    return own + _system(environment, base)


def _refuse_wrapper(python: str) -> None:
    try:
        with open(python, "rb") as file:
            script = file.read(2) == b"#!"
    except OSError as error:
        reason = os_reason(error)
        raise Unknown(t("{path} cannot be read: {reason}.", path=python, reason=reason)) from error
    if script:
        raise Unknown(
            t(
                "{path} is a script that starts some Python; name that Python with --python.",
                path=python,
            )
        )


def _system(environment: Environment, python: str) -> list[str]:
    """Return the folders of an interpreter that no virtual environment surrounds."""
    target = os.path.realpath(python)
    prefixes = [os.path.dirname(os.path.dirname(path)) for path in (python, target)]
    version = _from_names(target, prefixes)
    folders = _user(environment, version)
    for prefix in dict.fromkeys(prefixes):
        if prefix == "/usr":  # Debian: what pip installs goes below /usr/local.
            folders += _below("/usr/local", version)
        folders += _below(prefix, version)
        folders.append(os.path.join(prefix, "lib", "python3", "dist-packages"))
    return folders


def _below(prefix: str, version: str) -> list[str]:
    library = f"python{version}"
    return [
        os.path.join(prefix, "lib", library, "site-packages"),
        os.path.join(prefix, "lib64", library, "site-packages"),
        os.path.join(prefix, "lib", library, "dist-packages"),
        os.path.join(prefix, "Lib", "site-packages"),  # Windows
    ]


def _user(environment: Environment, version: str) -> list[str]:
    if environment.get("PYTHONNOUSERSITE"):
        return []
    base = environment.get("PYTHONUSERBASE") or os.path.join(environment.home, ".local")
    path = environment.absolute(environment.expand_user(base))
    return [os.path.join(path, "lib", f"python{version}", "site-packages")]


def _from_names(python: str, prefixes: list[str]) -> str:
    """Return the version such as `3.11` that the file's name tells, else its library's folder."""
    if version := _minor(os.path.basename(python).removeprefix("python")):
        return version
    libraries = [os.path.join(prefix, "lib") for prefix in dict.fromkeys(prefixes)]
    named = {
        name.removeprefix("python")
        for library in libraries
        if os.path.isdir(library)
        for name in os.listdir(library)
        if re.fullmatch(r"python3\.\d+", name)
    }
    if len(named) != 1:
        raise Unknown(t("Nothing tells which version of Python {path} is.", path=python))
    return named.pop()


def _minor(version: str) -> str:
    match = re.match(r"(3\.\d+)", version)
    return match[1] if match else ""


def _read_config(path: str) -> dict[str, str] | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            pairs = (line.partition("=") for line in file)
            return {name.strip().lower(): value.strip() for name, _, value in pairs}
    except OSError:
        return None
