r"""Somebody in the child's group who dies of what is typed there: so that we hear of it too.

Ctrl-C reaches the child's group and not us. RL-Swarm's script catches it, cleans up and ends with
code 0, and a restart loop could not tell that from any other end. The witness is a shell that waits
for the end of a pipe which only we hold; as everybody else in the group it gets Ctrl-C, Ctrl-\ and
the hang-up of the terminal, and how it died tells which it was.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from swarmcache.launch.child.watcher import watch

_WATCH = "trap '' TERM; read -r line"
"""dash catches SIGINT before it dies of it: a SIGTERM that the child sends to its group right after
must not come first."""
_TOLD = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGHUP})


class Witness:
    """Watches one process group until it is dismissed."""

    __slots__ = ("_lifeline", "_status", "pid")

    def __init__(self, group: int) -> None:
        """Start watching; where a system has no shell at all, there is no witness."""
        self._status: int | None = None
        self.pid, self._lifeline = watch(group, _WATCH)

    def reaped(self, status: int) -> None:
        """Take what who waits for everybody, as process 1 does, was told of the witness."""
        if not os.WIFSTOPPED(status):
            self._status = status

    def told(self, *, within: float) -> bool:
        """Tell whether somebody typed an end, waiting `within` seconds for the witness to die."""
        deadline = time.monotonic() + within
        while not self._is_gone() and time.monotonic() < deadline:
            time.sleep(0.005)
        status = self._status
        return status is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) in _TOLD

    def dismiss(self) -> None:
        """End the witness without touching the group."""
        if self.pid is not None and not self._is_gone():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        os.close(self._lifeline)

    def _is_gone(self) -> bool:
        if self.pid is not None and self._status is None:
            with suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self._status = status if pid else None
        return self.pid is None or self._status is not None
