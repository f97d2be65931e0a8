"""The controlling terminal: given to a process group, taken back, its modes restored.

A terminal has one *foreground* process group: what is typed goes to it, and Ctrl-C and Ctrl-Z
signal it alone. Any other group that reads from the terminal is stopped with SIGTTIN.
"""

from __future__ import annotations

import os
import signal
import termios
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from swarmcache.launch.child import descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator


class ControllingTerminal:
    """The terminal of this session; where there is none, every method does nothing."""

    __slots__ = ("_descriptor", "_modes", "given")

    def __init__(self) -> None:
        self.given = False
        """Whether another group has the terminal because we gave it."""
        self._descriptor: int | None = None
        self._modes: list[int | list[bytes | int]] | None = None
        with suppress(OSError):  # No session has to have a terminal.
            opened = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            self._descriptor = descriptors.above_standard_streams(opened)

    def is_foreground(self, *groups: int) -> bool:
        """Tell whether one of the process groups has the terminal."""
        if self._descriptor is None:
            return False
        try:
            return os.tcgetpgrp(self._descriptor) in groups
        except OSError:  # The terminal hung up.
            return False

    def give(self, group: int) -> None:
        """Make `group` the foreground, unless somebody else is: a background job takes nothing."""
        self.given = self.is_foreground(os.getpgrp(), group) and self._give(group)

    def take_back(self, *, restore_modes: bool) -> None:
        """Make our own group the foreground again if we gave the terminal away.

        `restore_modes` also undoes what the group did to echo and line editing.
        """
        if self.given:
            self._give(os.getpgrp())
            if restore_modes and self._modes is not None and self._descriptor is not None:
                with suppress(termios.error), _not_stopped_for_it():
                    termios.tcsetattr(self._descriptor, termios.TCSANOW, self._modes)
        self.given = False

    def close(self) -> None:
        """Close our own descriptor of the terminal."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _give(self, group: int) -> bool:
        if self._descriptor is None:
            return False
        if self._modes is None:
            with suppress(termios.error):
                self._modes = termios.tcgetattr(self._descriptor)
        try:
            with _not_stopped_for_it():
                os.tcsetpgrp(self._descriptor, group)
        except OSError:  # The group is gone already, or the terminal hung up.
            return False
        return True


@contextmanager
def _not_stopped_for_it() -> Iterator[None]:
    """Hold SIGTTOU back: whoever changes a terminal from the background is stopped with it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
