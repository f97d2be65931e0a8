"""A shell in somebody's process group, which ends when a pipe that only we hold comes to its end.

It costs about 1 MB, and keeps the group's number from being given to anybody else.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.launch.child import descriptors

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHELL = "/bin/sh"


class Watcher(NamedTuple):
    """A shell that watches, and the pipe that it waits at."""

    pid: int | None
    """None where the system has no shell at all."""
    lifeline: int
    """The descriptor to close when there is nothing to watch any more."""


def watch(group: int, script: str, held_back: Iterable[int] | None = None) -> Watcher:
    """Start a shell with this script in a process group; its standard input is the pipe.

    These signals are held back from it, or those that are held back from us.
    """
    inherited = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    watched, lifeline = descriptors.pipe()
    pid: int | None = None
    actions = [
        (os.POSIX_SPAWN_DUP2, watched, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    with suppress(OSError):
        pid = os.posix_spawn(
            _SHELL,
            [_SHELL, "-c", script],
            {},
            file_actions=actions,
            setpgroup=group,
            setsigmask=inherited if held_back is None else held_back,
        )
    os.close(watched)
    return Watcher(pid, lifeline)
