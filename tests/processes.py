"""Real launchers in real processes and on real terminals, each wait bounded."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

BOUND = 20.0
"""Seconds after which what was waited for will not come."""

SUPERVISE = (
    "import os, sys\n"
    "from swarmcache.errors import SwarmcacheError\n"
    "from swarmcache.launch.child.supervise import end_as, supervise\n"
    "try:\n"
    "    sys.exit(end_as(supervise(sys.argv[1:], os.environ)))\n"
    "except SwarmcacheError as error:\n"
    "    print(error, error.hint, file=sys.stderr)\n"
    "    sys.exit(error.exit_code)\n"
)
TAKE_SOFTLY = (
    "import sys, time\n"
    "from filelock import SoftFileLock\n"
    "lock = SoftFileLock(sys.argv[1])\n"
    "lock.acquire(timeout=5)\n"
    "print('held', flush=True)\n"
    "time.sleep(60)\n"
)
LAUNCHER = [sys.executable, "-c", SUPERVISE]


def python(program: str) -> list[str]:
    """Return the command of a Python child that flushes what it prints at once."""
    return [sys.executable, "-u", "-c", program]


def ran(command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command without any input to its end, and return what it printed."""
    settings: dict[str, object] = {
        **({} if "input" in options else {"stdin": subprocess.DEVNULL}),
        "capture_output": True,
        "text": True,
        "timeout": BOUND,
    }
    return subprocess.run(command, check=False, **{**settings, **options})  # type: ignore[call-overload]


def begun(command: Sequence[str], **options: object) -> subprocess.Popen[str]:
    """Start a command in a session of its own, so that its signals cannot reach the tests."""
    settings: dict[str, object] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "start_new_session": True,
    }
    return subprocess.Popen(command, **{**settings, **options})  # type: ignore[call-overload]


def launch(*command: str, **options: object) -> subprocess.Popen[str]:
    """Start the launcher with a command."""
    return begun([*LAUNCHER, *command], **options)


def finished(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the launcher to its end."""
    process = launch(*command, **options)
    out, err = process.communicate(timeout=BOUND)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def until(condition: Callable[[], object], what: str) -> None:
    """Return when the condition holds; fail when it still does not at the bound."""
    deadline = time.monotonic() + BOUND
    while not condition():
        if time.monotonic() > deadline:
            msg = f"waited {BOUND:.0f} s in vain: {what}"
            raise AssertionError(msg)
        time.sleep(0.005)


def soft_holder(path: str) -> subprocess.Popen[str]:
    """Return a process that holds a lock by existence, as filelock makes it."""
    command = [sys.executable, "-c", TAKE_SOFTLY, path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process, and return when it is gone."""
    process.kill()
    process.communicate(timeout=BOUND)


def killed_holder(path: str) -> int:
    """Leave the lock of a killed process, and return the number that it had."""
    process = soft_holder(path)
    end(process)
    return process.pid


def alive(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    state = shown_by_ps("-o", "stat=", "-p", str(pid)).strip()
    return bool(state) and not state.startswith("Z")


def shown_by_ps(*options: str) -> str:
    """Return the output of `ps`, which is empty for a process that does not exist."""
    return subprocess.run(["ps", *options], capture_output=True, text=True, check=False).stdout


class Screen:
    """A program on a new terminal whose session it leads; what it shows is remembered."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.shown = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execve(command[0], list(command), dict(environment))

    def type(self, text: str) -> None:
        """Type text as a person would."""
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str) -> str:
        """Return what was shown before `text` since the last call; fail at the bound."""
        until(lambda: self._read(0.05) or text in self.shown, f"{text!r} in {self.shown!r}")
        before, _, self.shown = self.shown.partition(text)
        return before

    def type_until(self, key: str, text: str) -> str:
        """Type a key, and again each second, until `text` is shown, as a person would.

        A child that reads before it has been given the terminal is stopped and continued for
        that, and a Ctrl-Z typed in this first millisecond is forgotten with it.
        """
        for _ in range(int(BOUND)):
            self.type(key)
            again = time.monotonic() + 1
            while text not in self.shown and time.monotonic() < again:
                self._read(0.05)
            if text in self.shown:
                break
        return self.wait_for(text)

    def ending(self) -> int:
        """Return the wait status of the program once it has ended."""
        statuses: list[int] = []

        def ended() -> bool:
            self._read(0)  # A full terminal would keep it from ending.
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            statuses.append(status)
            return pid != 0

        until(ended, f"the end of the program; shown: {self.shown!r}")
        self.pid = 0
        return statuses[-1]

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        if self._terminal >= 0:
            os.close(self._terminal)
        self._terminal = -1

    def close(self) -> None:
        """Hang up, and end the program if it still runs."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.hang_up()

    def _read(self, seconds: float) -> None:
        if self._terminal >= 0 and select.select([self._terminal], [], [], seconds)[0]:
            with suppress(OSError):  # EIO: nobody has the terminal open any more.
                self.shown += os.read(self._terminal, 65536).decode(errors="replace")


def screens() -> Iterator[Callable[..., Screen]]:
    """Yield a function that opens a screen, and close all that it opened (a fixture's body)."""
    opened: list[Screen] = []

    def open_screen(*command: str, **variables: str) -> Screen:
        opened.append(Screen(command, {**os.environ, **variables}))
        return opened[-1]

    yield open_screen
    for screen in opened:
        screen.close()
