"""Commands of the shell itself that change what later commands find: `set -a`, `cd`, `read`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from swarmcache.project.effective.values import Setting, of, unsure

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.project.effective.arrays import Arrays
    from swarmcache.project.effective.programs import Words
    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.readers.shell.syntax import Command, Function

    Builtin = Callable[["State", Words, Command], "State"]

_READ_VALUES = "adinNptu"
"""Options of `read` that take a value."""

_PLAIN_MODULE = re.compile(
    r"(?:python|gcc|cuda|cudnn|nccl|openmpi|mpi|intel|stdenv|gnu|llvm|cmake|git|rust|arrow|slurm"
    r"|(?:ana|mini)conda|mamba|java|go|nodejs|ffmpeg|opencv|scipy-stack|singularity|apptainer"
    r"|hdf5|blas|openblas|mkl|r|nvhpc|purge|use)\d*(?:[/._-].*)?$",
    re.IGNORECASE,
)
"""Modules that bring a compiler, an interpreter or a library, and no variable of the Hub."""


@dataclass(frozen=True, slots=True)
class State:
    """What a shell holds between two commands."""

    variables: dict[str, Alternatives]
    cwd: str | None
    """None where it is not known."""
    functions: dict[str, Function] = field(default_factory=dict)
    all_exported: bool = False
    """`set -a`."""
    arrays: Arrays = field(default_factory=dict)
    """The items of arrays, as they are written."""

    def exports(self, name: str) -> bool:
        """Tell whether a variable that is assigned now is seen by programs."""
        before = of(self.variables, name)
        return self.all_exported or any(s is not None and s.exported for s in before)


def _set(state: State, words: Words, command: Command) -> State:
    del command
    text = " ".join(word or "" for word in words[1:])
    if text.startswith("-a") or "-o allexport" in text:
        return replace(state, all_exported=True)
    if text.startswith("+a") or "+o allexport" in text:
        return replace(state, all_exported=False)
    return state


def _cd(state: State, words: Words, command: Command) -> State:
    target = next((w for w in words[1:] if not (w or "").startswith("-")), None)
    cwd = None
    if target is not None and (target.startswith("/") or state.cwd is not None):
        cwd = os.path.normpath(os.path.join(state.cwd or "/", target))
    here = Setting(cwd, command.span, exported=True, way="script")
    return replace(state, cwd=cwd, variables={**state.variables, "PWD": (here,)})


def _read(state: State, words: Words, command: Command) -> State:
    """Let each name be whatever is typed; nothing but Enter makes it empty."""
    variables = dict(state.variables)
    skip = False
    for word in words[1:]:
        if skip:
            skip = False
        elif word is not None and word.startswith("-"):
            skip = word[-1] in _READ_VALUES
        elif word is not None and word.isidentifier():
            shared = state.exports(word)
            typed = (Setting(v, command.span, shared, "prompt") for v in (None, ""))
            variables[word] = tuple(typed)
    return replace(state, variables=variables)


def _module(state: State, words: Words, command: Command) -> State:
    """Load modules of a cluster, any of which may set what it likes."""
    del command
    rest = [word for word in words[1:] if word is None or not word.startswith("-")]
    if words[0] == "module":
        if not rest or rest[0] not in {"load", "add", "switch", "swap"}:
            return state
        rest = rest[1:]
    if all(word is not None and _PLAIN_MODULE.match(word) for word in rest):
        return state
    return replace(state, variables=unsure(state.variables, "inherited"))


BUILTINS: dict[str, Builtin] = {
    "set": _set,
    "cd": _cd,
    "read": _read,
    "module": _module,
    "ml": _module,
}
"""By name; `.` and `source` go through another script, which is the walk's own matter."""
