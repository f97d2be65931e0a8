"""Answers to the prompts of a start script, given without a terminal and without editing it.

Bash reads the file that BASH_ENV names before each script, and `answering.bash` makes `read` a
function there (docs/adr/0029, also for what else was tried). Other shells read no such file.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from stat import S_ISCHR, S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.launch.start.prompts import find_script
from swarmcache.locale import t
from swarmcache.project.needs.own_resolvers import MODEL_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from swarmcache.launch.start.prompts import Script

MODEL = "{model}"
"""Stands in an answer for the model that is pinned."""
_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "answering.bash")
_CLOSED = "closed"


class Input(NamedTuple):
    """The standard input that prompts read from."""

    path: str
    """Names it in the command's processes too; `closed` where there is none."""
    ended: bool
    """Whether nothing can come from it."""


class Answering(NamedTuple):
    """What can be answered of what a command asks."""

    script: Script | None
    input: Input | None
    """None where the command could not tell it from other files."""

    @property
    def answered(self) -> frozenset[str]:
        """The variables of the script that can be answered."""
        can = self.script is not None and self.script.is_bash and self.input is not None
        return self.script.asked if can and self.script else frozenset()

    @property
    def unanswered(self) -> frozenset[str]:
        """The variables that the script will ask its user for, whatever we do."""
        return self.script.asked - self.answered if self.script else frozenset()

    def renewed(self) -> Answering:
        """Return this for a start after the first, which may have read all that was to come."""
        return self if self.input is None else self._replace(input=standard_input() or self.input)

    def added_to(
        self, variables: Mapping[str, str], answers: Mapping[str, str], model: str | None
    ) -> dict[str, str]:
        """Return an environment in which the command's scripts get these answers.

        `answers` is what the settings say: part of a question or a variable, and the answer.
        Whatever asks for MODEL_NAME is answered with `model`, unless they say otherwise; where
        there is no model, an answer that needs one is not given.
        """
        if self.script is None or self.input is None:
            return dict(variables)
        ours = {
            "BASH_ENV": _literally(_FILE),
            "SWARMCACHE_PROMPTS_INPUT": self.input.path,
            "SWARMCACHE_PROMPTS_ENDED": "1" if self.input.ended else "",
            "SWARMCACHE_PROMPTS_ANSWERS": _lines(_completed(answers, model)),
            "SWARMCACHE_PROMPTS_SITES": _sites(self.script),
            "SWARMCACHE_PROMPTS_SAYINGS": _sayings(),
        }
        users = variables.get("BASH_ENV")
        if users and users != ours["BASH_ENV"]:  # Else a run inside a run.
            ours["SWARMCACHE_PROMPTS_BASH_ENV"] = users
        return {**variables, **ours}


def answering(arguments: Sequence[str], folder: str, *, replaces: bool = False) -> Answering:
    """Return what can be answered of what this command line asks, started with our own input.

    With `replaces`, the command takes the place of this process, which then cannot be looked at.
    """
    script = find_script(arguments, folder)
    return Answering(script, None if script is None else standard_input(replaces=replaces))


def standard_input(*, replaces: bool = False) -> Input | None:
    """Return what standard input is; None where a child could not compare it with its own."""
    status = _status()
    if status is None:
        return Input(_CLOSED, ended=True)
    if S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev:
        return Input(os.devnull, ended=True)
    if os.isatty(0):
        with suppress(OSError):  # In a container, the terminal's name may be one of the host.
            return Input(os.ttyname(0), ended=False)
    ours = f"/proc/{os.getpid()}/fd/0"
    if replaces or not os.path.exists(ours):
        return None
    if S_ISREG(status.st_mode):
        return Input(ours, ended=os.lseek(0, 0, os.SEEK_CUR) >= status.st_size)
    return Input(ours, ended=_hung_up())


def _status() -> os.stat_result | None:
    """Return the status of standard input, or None where it is closed."""
    if sys.__stdin__ is None:  # Python's word for it; the number may be another file's by now.
        return None
    try:
        return os.fstat(0)
    except OSError:
        return None


def _hung_up() -> bool:
    """Tell whether nobody writes into standard input any more, and nothing is left in it."""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    events = dict(poll.poll(0)).get(0, 0)
    return bool(events & select.POLLHUP) and not events & select.POLLIN


def _completed(answers: Mapping[str, str], model: str | None) -> dict[str, str]:
    """Return the answers with the model filled in, those of the settings first."""
    completed = {**answers, **({} if MODEL_VARIABLE in answers else {MODEL_VARIABLE: MODEL})}
    return {
        question: answer.replace(MODEL, model or "")
        for question, answer in completed.items()
        if model or MODEL not in answer
    }


def _lines(pairs: Mapping[str, str]) -> str:
    return "".join(f"{question}\n{answer}\n" for question, answer in pairs.items())


def _sites(script: Script) -> str:
    """Return the script, then each prompt, one a line."""
    prompts = [f"{prompt.line} {prompt.text}" for prompt in script.prompts]
    return "\n".join([script.path, *prompts, ""]) if script.path and prompts else ""


def _sayings() -> str:
    return "\n".join(
        (
            t("swarmcache: what was typed here is not used; --model or launch.answers decides."),
            t("swarmcache: standard input is at its end: prompts get what Enter gives."),
        )
    )


def _literally(path: str) -> str:
    """Return a path as bash must be told it, since it expands BASH_ENV."""
    for special in "\\$`":
        path = path.replace(special, f"\\{special}")
    return path
