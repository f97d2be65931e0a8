"""Variables as code of a shell, quoted so that every path survives."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Literal

from swarmcache.errors import LaunchError
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from swarmcache.environment import Environment

Shell = Literal["bash", "zsh", "fish", "powershell", "dotenv"]


def export_code(shell: Shell, variables: Mapping[str, str]) -> str:
    """Return code that exports `variables` when `shell` evaluates it, one line for each.

    Raises LaunchError where the format cannot hold a value.
    """
    line = _LINES[shell]
    return "".join(line(name, value) + "\n" for name, value in variables.items())


def usual_shell(environment: Environment, *, interactive: bool) -> Shell:
    """Return the shell that is likely to read us: the user's own at a terminal, else bash.

    A script that evaluates our output is written for bash even where its author's shell is fish.
    """
    if os.name == "nt":
        return "powershell"
    name = os.path.basename(environment.get("SHELL") or "")
    names: dict[str, Shell] = {"zsh": "zsh", "fish": "fish", "pwsh": "powershell"}
    return names.get(name, "bash") if interactive else "bash"


def _posix(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _fish(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"set -gx {name} '{escaped}'"


def _powershell(name: str, value: str) -> str:
    # PowerShell takes typographic quotes for plain ones; each is doubled by itself.
    doubled = re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", value)
    return f"$env:{name} = '{doubled}'"


def _dotenv(name: str, value: str) -> str:
    if "${" in value:
        raise LaunchError(
            t("{path} cannot stand in a dotenv file: its readers replace ${{…}}.", path=value)
        )
    if re.fullmatch(r"[\w@%+=:,./-]+", value, re.ASCII):
        return f"{name}={value}"  # docker run --env-file takes quotes as part of the value.
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'"


_LINES: Mapping[Shell, Callable[[str, str], str]] = {
    "bash": _posix,
    "zsh": _posix,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}
