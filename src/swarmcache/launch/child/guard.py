"""Nobody is orphaned: a helper that ends the child's group if the launcher is killed outright.

SIGKILL cannot be forwarded. Without this, a watchdog's `kill -9` would leave the trainer holding
the GPU and its identity while the restart loop starts a second one (docs/adr, "guard").
The helper is a shell of about 1 MB that waits for the end of a pipe whose other end only the
launcher holds. It belongs to the child's process group, so the group's number cannot be reused
while it watches.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from swarmcache.launch.child.watcher import watch

_WATCH = "trap '' TERM INT HUP QUIT TSTP TTIN TTOU; read -r line; kill -s TERM 0; kill -s CONT 0"

_SURVIVED = [
    *(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT),
    *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
]
"""Held back from the start: a Ctrl-Z before the trap would stop the helper in the middle of
`posix_spawn`, and us with it, since that returns only when the helper's program runs."""


class Guard:
    """Watches over one process group until it is dismissed."""

    __slots__ = ("_lifeline", "_pid")

    def __init__(self, group: int) -> None:
        """Start watching; where a system has no shell at all, there is no guard."""
        self._pid, self._lifeline = watch(group, _WATCH, _SURVIVED)

    def dismiss(self) -> None:
        """End the helper without touching the group.

        SIGKILL, since the helper may have been stopped together with the group.
        """
        if self._pid is not None:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        os.close(self._lifeline)
