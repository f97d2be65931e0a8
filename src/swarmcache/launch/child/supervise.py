"""A child process run as if its user had started it directly.

The child leads its own process group. When we are a foreground job on a terminal, that group
becomes the foreground: what is typed, Ctrl-C and Ctrl-Z reach the child alone, once. What is sent
to us instead is passed on to the group, once. When the child stops, we stop too, so that the
shell sees its job stopped; when the shell continues us, the child gets the terminal and goes on.
A second SIGTERM is passed on like the first; we never send SIGKILL. As process 1 of a container we
also reap the orphans that the system gives to it.

Why a group of its own, and what happens when we are killed ourselves: docs/adr, "supervision".
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.launch.child.guard import Guard
from swarmcache.launch.child.inbox import receiving
from swarmcache.launch.child.program import spawn
from swarmcache.launch.child.terminal_control import ControllingTerminal
from swarmcache.launch.child.witness import Witness

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from swarmcache.launch.child.inbox import SignalInbox

FORWARDED = frozenset(
    {
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGWINCH,
        signal.SIGTSTP,
    }
)
"""What is passed on to the child's group as it is; SIGCONT also brings the terminal."""
_ENDS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""What tells a program to end."""
_KEY_BOUND = 0.1
"""Seconds after which a key that ended the child has ended the witness in its group too."""
_JOB_CONTROL_BOUND = 0.05
"""Seconds after which a stop that we asked for has happened, or never will."""


class Ending(NamedTuple):
    """How the child ended."""

    code: int
    """Its exit code, or 128 + n when signal n killed it."""
    interrupted: bool
    """Whether it died of a Ctrl-C typed on the terminal that we had given to it."""
    told: bool = False
    """Whether somebody told it to end: by a signal to us or, where that is watched, by a key."""


def supervise(
    arguments: Sequence[str], variables: Mapping[str, str], *, again: bool = False
) -> Ending:
    """Run a command with exactly these environment variables, and return how it ended.

    With `again` it is to be started again: keys that end it are watched, since a script may answer
    Ctrl-C with code 0, and what it leaves behind in its group is told to end as well.

    To be called from the main thread. Raises CommandNotFound and CannotExecute.
    """
    types_to_child = os.isatty(0)
    terminal = ControllingTerminal()
    try:
        heard = {*FORWARDED, signal.SIGCHLD, signal.SIGCONT}
        # One that comes when the child has ended already must end what would start it again.
        with receiving(heard, handed_on=_ENDS if again else ()) as inbox:
            pid = spawn(arguments, variables)
            if types_to_child:
                terminal.give(pid)
            with _guarded(pid), _witnessed(pid, wanted=again) as witness:
                return _Supervision(pid, terminal, inbox, types_to_child, witness).until_the_end()
    finally:
        terminal.close()


def end_as(ending: Ending) -> int:
    """Return the exit code, or, after a Ctrl-C, die of SIGINT with our whole job.

    That is what Ctrl-C does where nobody takes the terminal. A shell reports 130 either way, but a
    script leaves its `while true; do …; done` loop only if it saw the SIGINT and we died of it;
    otherwise Ctrl-C would start the trainer again.
    """
    if ending.interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.killpg(0, signal.SIGINT)  # Process 1 survives this, and returns 130.
    return ending.code


def shell_code(status: int) -> int:
    """Return the exit code that a shell tells of a wait status: 128 + n for signal n."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class _Supervision:
    """One running child, its terminal and the signals on their way to it."""

    def __init__(
        self,
        pid: int,
        terminal: ControllingTerminal,
        inbox: SignalInbox,
        types_to_child: bool,
        witness: Witness | None,
    ) -> None:
        self._pid = pid
        self._witness = witness
        self._told = False
        self._terminal = terminal
        self._inbox = inbox
        self._types_to_child = types_to_child
        self._reaps = -1 if os.getpid() == 1 else pid

    def until_the_end(self) -> Ending:
        """Pass signals on until the child has ended; the terminal is ours again afterwards."""
        status = self._reap()
        while status is None:
            for number in self._inbox.wait():
                self._pass_on(number)
            status = self._reap()
        killed = os.WIFSIGNALED(status)
        typed_to = self._terminal.given
        interrupted = killed and os.WTERMSIG(status) == signal.SIGINT and typed_to
        # As shells do: a program that ended by itself may have meant what it did to the modes.
        self._terminal.take_back(restore_modes=killed)
        code = shell_code(status)
        if self._witness is not None:
            typed = self._witness.told(within=_KEY_BOUND if typed_to else 0.0)
            self._told = self._told or typed
            self._end_what_is_left()
        return Ending(code, interrupted, self._told or interrupted)

    def _end_what_is_left(self) -> None:
        """Tell the rest of the group to end: two trainers would share a GPU, a port, a name."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGTERM)
            os.killpg(self._pid, signal.SIGCONT)

    def _pass_on(self, number: int) -> None:
        if number == signal.SIGCONT:
            self._resume()
        elif number != signal.SIGCHLD:
            self._told = self._told or number in _ENDS
            self._send(number)

    def _send(self, number: int) -> None:
        """Signal the child's group, or the child alone where it has moved to another one."""
        with suppress(PermissionError):  # It became another user: `run -- sudo …`.
            try:
                os.killpg(self._pid, number)
            except ProcessLookupError:
                os.kill(self._pid, number)  # Not reaped yet, so the number is still its own.

    def _reap(self) -> int | None:
        """Return how the child ended, or None while it lives; follow it when it stops."""
        while True:
            pid, status = os.waitpid(self._reaps, os.WNOHANG | os.WUNTRACED)
            if pid == 0:
                return None
            if self._witness is not None and pid == self._witness.pid:
                self._witness.reaped(status)
            if pid != self._pid:
                continue  # An orphan that process 1 inherited.
            if not os.WIFSTOPPED(status):
                return status
            self._follow_stop(os.WSTOPSIG(status))

    def _follow_stop(self, number: int) -> None:
        if number in {signal.SIGTTIN, signal.SIGTTOU} and self._may_have_terminal():
            self._types_to_child = True  # It wants the terminal, and we are the foreground job.
            self._resume()
        elif number != signal.SIGSTOP:
            self._stop_ourselves(number)
        elif self._terminal.given:
            self._stop_ourselves(signal.SIGTSTP)  # Discarded where nobody could continue us.
        # Else somebody paused the child alone, on purpose, and will continue it.

    def _stop_ourselves(self, number: int) -> None:
        """Stop our whole process group, so that the shell above sees its job stopped."""
        self._terminal.given = False  # The shell takes it now.
        with _default_action(number):
            os.killpg(0, number)
            # Stopped here until SIGCONT, which is then in the inbox. Where nobody does job
            # control (a container, an orphaned group) the system discards the stop.
            continued = self._inbox.holds(signal.SIGCONT, within=_JOB_CONTROL_BOUND)
        if not continued and self._may_have_terminal():
            self._resume()

    def _may_have_terminal(self) -> bool:
        return self._terminal.is_foreground(os.getpgrp(), self._pid)

    def _resume(self) -> None:
        if self._types_to_child:
            self._terminal.give(self._pid)
        self._send(signal.SIGCONT)


@contextmanager
def _guarded(group: int) -> Iterator[None]:
    """Have the group ended if we are killed; as process 1 we take everything along anyway."""
    guard = Guard(group) if os.getpid() != 1 else None
    try:
        yield
    finally:
        if guard is not None:
            guard.dismiss()


@contextmanager
def _witnessed(group: int, *, wanted: bool) -> Iterator[Witness | None]:
    """Have somebody in the group who tells what was typed there, where that is wanted."""
    witness = Witness(group) if wanted else None
    try:
        yield witness
    finally:
        if witness is not None:
            witness.dismiss()


@contextmanager
def _default_action(number: int) -> Iterator[None]:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)
