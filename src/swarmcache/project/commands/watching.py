"""Scripts that watch a program's log and end it when the log has been still for long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.commands.restarting import runs_for_ever
from swarmcache.project.effective.programs import started
from swarmcache.project.readers.shell.syntax import Command, Loop
from swarmcache.project.readers.shell.within import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.project.readers.shell.syntax import Script, Statement
    from swarmcache.project.sources import Span

_AGE = re.compile(
    rb"(?:stat\s+(?:-c\s*['\"]?%Y|-f\s*['\"]?%m)|find\s[^\n|;]*-mmin|date\s+-r)[^\n]*"
)
"""How long ago a file was written, as scripts ask for it."""
_COMMENT = re.compile(rb"^[ \t]*#[^\n]*", re.MULTILINE)
_LOG = re.compile(rb"log", re.IGNORECASE)
_KNOWS_DOWNLOADS = re.compile(
    rb"incomplete|huggingface|hf_hub|hf_home|grace_?(?:period|minutes|sec)|startup_?grace",
    re.IGNORECASE,
)
"""Words of a script that looks at downloads, or gives the start a time of its own."""
_STOPS = {
    "docker": {"stop", "restart", "kill", "rm"},
    "systemctl": {"restart", "stop", "kill"},
    "tmux": {"kill-session", "kill-server"},
    "pm2": {"restart", "stop", "delete"},
    "supervisorctl": {"restart", "stop"},
}


class Watchdog(NamedTuple):
    """A script that ends a program because its log is still."""

    age: Span
    """Where it looks how old the log is."""
    stop: Span
    """Where it ends the program."""


def watchdog(script: Script) -> Watchdog | None:
    """Return what a script watches; None where it does not, or minds downloads."""
    text = _COMMENT.sub(lambda match: b" " * len(match[0]), script.source.data)
    age = _AGE.search(text)
    if age is None or not _LOG.search(text) or _KNOWS_DOWNLOADS.search(text):
        return None
    loops = [o for o, _ in statements(script.body) if isinstance(o, Loop) and runs_for_ever(o)]
    stop = _stop(script.body)
    if not loops or stop is None:
        return None
    return Watchdog(script.source.span(age.start(), age.end()), stop)


def _stop(body: Iterable[Statement]) -> Span | None:
    """Return the first command that ends a program for good."""
    for one, _ in statements(body):
        if not isinstance(one, Command):
            continue
        program = started(tuple(word.literal for word in one.words))
        words = [word or "" for word in program.words[1:]]
        if program.name in {"pkill", "killall"} or (program.name == "kill" and "-0" not in words):
            return one.span
        if _STOPS.get(program.name, set()) & set(words[:2]):
            return one.span
    return None
