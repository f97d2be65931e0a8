"""`run --restart`: the command started again and again, until somebody says that it is enough."""

from __future__ import annotations

import math
import os
import signal
from typing import TYPE_CHECKING

from swarmcache.errors import SwarmcacheError
from swarmcache.launch.child.interruption import ending_in_order
from swarmcache.launch.child.restarting import Restarts, pausing
from swarmcache.launch.child.supervise import Ending
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.report.terminal import Terminal
    from swarmcache.settings import Restart

_NOT_STARTED = 125


def kept_running(
    terminal: Terminal, when: Restart, most: int, start: Callable[[], Ending]
) -> Ending:
    """Start a command by `start`, again as `when` says, and return how it ended at last.

    `start` checks the models each time. What stops the first start is the caller's to tell; what
    stops a later one, such as a model that somebody removed while no Hub answers, is told, and
    tried again.
    """
    restarts = Restarts(when, most)
    with ending_in_order():
        restarts.begin()
        ending = start()
        while (seconds := restarts.pause_after(ending)) is not None:
            with pausing() as pause:
                _say(terminal, ending.code, seconds)
                number = pause.told_within(seconds)
            if number is not None:
                return _ended_in_pause(number)
            restarts.begin()
            ending = _started_again(terminal, start)
    return ending


def _started_again(terminal: Terminal, start: Callable[[], Ending]) -> Ending:
    try:
        return start()
    except SwarmcacheError as error:
        terminal.alert(f"swarmcache: {error.message}")
        return Ending(_NOT_STARTED, interrupted=False)


def _ended_in_pause(number: int) -> Ending:
    """Return the ending, or die of SIGINT: a script around us goes on after any other end.

    Alone, unlike after a Ctrl-C that only the child got: here our whole job has had it already.
    """
    if number == signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)  # Process 1 survives this.
    return Ending(128 + number, interrupted=False, told=True)


def _say(terminal: Terminal, code: int, pause: float) -> None:
    message = t(
        "CMD ended with code {code}; it is started again in {seconds} s, and Ctrl-C ends this.",
        code=code,
        seconds=math.ceil(pause),
    )
    if code:
        terminal.alert(f"{terminal.warn} {message}")
    else:
        terminal.say(message)
