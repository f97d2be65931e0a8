"""Several commands side by side, as one: their output told apart, signals to all, one exit code.

Each command is a start of its own with all that belongs to it, a `swarmcache run` of one instance;
here is only what is between them. They have no standard input, since one terminal cannot be typed
on for eight; each leads a process group, so that what is typed reaches them once, through us.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from swarmcache.launch.child import descriptors
from swarmcache.launch.child.guard import Guard
from swarmcache.launch.child.inbox import receiving
from swarmcache.launch.child.program import spawn
from swarmcache.launch.child.supervise import FORWARDED, Ending, shell_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_MAX_LINE = 64 * 1024
"""Bytes after which a line that does not end is passed on as it is."""


class Member(NamedTuple):
    """One command of a fleet."""

    name: str
    arguments: Sequence[str]
    variables: Mapping[str, str]
    log: BinaryIO | None
    """Where all that it prints is kept as well; unbuffered."""


def run_fleet(
    members: Sequence[Member],
    out: BinaryIO,
    err: BinaryIO,
    ended: Callable[[str, int], None],
) -> Ending:
    """Run all of them to their end, and return how the first that failed ended, else 0.

    What they print goes to `out` and `err`, each line behind its member's name. `ended` is called
    in the main thread with name and exit code of each one. One that ends leaves the others alone.
    To be called from the main thread.
    """
    with ExitStack() as stack:
        inbox = stack.enter_context(receiving({*FORWARDED, signal.SIGCHLD, signal.SIGCONT}))
        lock = threading.Lock()
        running = []
        for member in members:
            running.append(_Running(member, _Printer(lock, out), _Printer(lock, err)))
            stack.callback(running[-1].dismiss)
        failed = interrupts = 0
        while running:
            for number in inbox.wait():
                interrupts += number == signal.SIGINT
                if number != signal.SIGCHLD:
                    _pass_on(running, number)
            codes = dict(_ended())
            for one in [one for one in running if one.pid in codes]:
                running.remove(one)
                one.finish()
                failed = failed or codes[one.pid]
                ended(one.member.name, codes[one.pid])
        return Ending(failed, interrupted=bool(interrupts) and failed == 128 + signal.SIGINT)


def _pass_on(running: Sequence[_Running], number: int) -> None:
    for one in running:
        os.kill(one.pid, number)  # Not reaped yet, so the number is still its own.
    if number == signal.SIGTSTP:
        os.kill(os.getpid(), signal.SIGSTOP)  # Until SIGCONT, which is passed on as well.


def _ended() -> Iterator[tuple[int, int]]:
    """Yield process id and exit code of each child that has ended."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            yield pid, shell_code(status)


class _Printer:
    """One of our own streams, on which whole lines of several members follow each other."""

    def __init__(self, lock: threading.Lock, stream: BinaryIO) -> None:
        self._lock = lock
        self._stream = stream

    def line(self, name: str, line: bytes) -> None:
        """Print one line behind a name; of what a progress bar wrote over, the last only."""
        shown = line.rstrip(b"\r").rpartition(b"\r")[2]
        with self._lock, suppress(OSError, ValueError):  # Nobody reads it: the command goes on.
            self._stream.write(b"[%s] %s\n" % (name.encode(), shown))
            self._stream.flush()


class _Running:
    """One member's process, and the threads that pass on what it prints."""

    def __init__(self, member: Member, out: _Printer, err: _Printer) -> None:
        self.member = member
        nothing = descriptors.above_standard_streams(os.open(os.devnull, os.O_RDONLY))
        pipes = [descriptors.pipe(), descriptors.pipe()]
        ours, theirs = [pipe[0] for pipe in pipes], [pipe[1] for pipe in pipes]
        try:
            streams = [(nothing, 0), (theirs[0], 1), (theirs[1], 2)]
            self.pid = spawn(member.arguments, member.variables, streams=streams)
        finally:
            for descriptor in (nothing, *theirs):
                os.close(descriptor)
        # As process 1 we take everything along anyway.
        self._guard = Guard(self.pid) if os.getpid() != 1 else None
        self._threads = [
            threading.Thread(target=self._relay, args=pair, daemon=True)
            for pair in zip(ours, (out, err), strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Pass on the last that it printed, as far as nothing in the background holds it back."""
        for thread in self._threads:
            thread.join(timeout=1)
        self.dismiss()

    def dismiss(self) -> None:
        """Watch over it no longer."""
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None

    def _relay(self, source: int, printer: _Printer) -> None:
        rest = b""
        while chunk := os.read(source, 65536):
            self._keep(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                printer.line(self.member.name, line)
        if rest:
            printer.line(self.member.name, rest)
        os.close(source)

    def _keep(self, chunk: bytes) -> None:
        if self.member.log is not None:
            with suppress(OSError):  # A full disk stops no training.
                self.member.log.write(chunk)
