"""A program started as a shell would start it, and what refused it."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

from swarmcache.errors import CannotExecute, CommandNotFound, LaunchError, os_reason
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

IGNORED_BY_PYTHON = tuple(
    getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)
)
"""Python ignores these in itself; a program that inherited that would outlive its own pipe."""


def spawn(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    *,
    streams: Sequence[tuple[int, int]] = (),
) -> int:
    """Start a program in a process group of its own; the process id returned is the group's too.

    Standard input, output and error are inherited untouched, open or closed, but for those of
    `streams`: pairs of an open descriptor and the number that the program has it under. Ignored
    signals (`nohup`) are inherited as well.

    `posix_spawn` and not `fork`: no Python runs between the two, so threads that a download left
    behind cannot hold a lock there, and a refusal is known at once.

    Raises CommandNotFound and CannotExecute.
    """
    try:
        return _spawn(arguments, variables, streams)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise refusal(arguments[0], error) from error
    return _spawn(_through_a_shell(arguments), variables, streams)


def replace(arguments: Sequence[str], variables: Mapping[str, str]) -> NoReturn:
    """Become the program: the process id, the process group and the terminal stay as they are.

    Raises CommandNotFound and CannotExecute.
    """
    for number in IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(arguments[0], list(arguments), dict(variables))  # noqa: S606 - the user's command
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise refusal(arguments[0], error) from error
    shell = _through_a_shell(arguments)
    os.execve(shell[0], shell, dict(variables))  # noqa: S606 - the user's command


def refusal(name: str, error: OSError) -> LaunchError:
    """Return the error that says why the program `name` did not start, with a shell's exit code."""
    if error.errno == errno.ENOENT and "/" in name and os.path.exists(name):
        return CommandNotFound(
            t("{name}: the interpreter that its first line names does not exist.", name=name),
            hint=("head", "-n", "1", name),
        )
    if error.errno == errno.ENOENT:
        return CommandNotFound(t("{name}: command not found.", name=name))
    reason = os_reason(error)
    if error.errno == errno.EACCES and os.path.isfile(name):
        return CannotExecute(
            t("{name} cannot be executed: {reason}.", name=name, reason=reason),
            hint=("chmod", "+x", name),
        )
    return CannotExecute(t("{name} cannot be executed: {reason}.", name=name, reason=reason))


def _spawn(
    arguments: Sequence[str], variables: Mapping[str, str], streams: Sequence[tuple[int, int]]
) -> int:
    return os.posix_spawnp(
        arguments[0],
        list(arguments),
        variables,
        file_actions=[(os.POSIX_SPAWN_DUP2, *pair) for pair in streams],
        setpgroup=0,
        setsigdef=IGNORED_BY_PYTHON,
    )


def _through_a_shell(arguments: Sequence[str]) -> list[str]:
    """Return the command that runs a script without a `#!` line, as `execvp` would."""
    import shutil  # noqa: PLC0415 - such scripts are rare

    return ["/bin/sh", shutil.which(arguments[0]) or arguments[0], *arguments[1:]]
