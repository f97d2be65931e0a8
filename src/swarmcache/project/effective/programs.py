"""Which program a command really starts: behind `sudo`, `nohup`, `env A=B`, `timeout 5`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from swarmcache.project.effective.terminals import in_screen

if TYPE_CHECKING:
    from collections.abc import Sequence

Words: TypeAlias = "tuple[str | None, ...]"
"""The words of a command, None for one that is not known."""

_PREFIXES: dict[str, tuple[str, int]] = {
    "nohup": ("", 0),
    "exec": ("a", 0),
    "command": ("", 0),
    "builtin": ("", 0),
    "time": ("fo", 0),
    "setsid": ("", 0),
    "nice": ("n", 0),
    "ionice": ("cnp", 0),
    "stdbuf": ("ioe", 0),
    "timeout": ("ks", 1),
    "sudo": ("ugCDhpRrtTU", 0),
    "doas": ("uC", 0),
    "env": ("uCS", 0),
    "xvfb-run": ("nsew", 0),
    "caffeinate": ("tw", 0),
    "numactl": ("CNmplib", 0),
    "gosu": ("", 1),
    "su-exec": ("", 1),
    "tini": ("", 0),
    "dumb-init": ("", 0),
}
"""Commands that start another: their options that take a value, and how many words come first."""
_LAUNCHERS: dict[str, tuple[frozenset[str], frozenset[str], int]] = {
    "srun": (
        frozenset(),
        frozenset(
            {
                *("--exclusive", "--label", "-l", "--overlap", "--pty", "--unbuffered", "-u"),
                *("--verbose", "-v", "--quiet", "-Q", "--overcommit", "-O", "--no-kill", "-k"),
                *("--wait", "--kill-on-bad-exit", "-K", "--exact", "--multi-prog"),
            }
        ),
        0,
    ),
    "mpirun": (
        frozenset(),
        frozenset({"--allow-run-as-root", "--oversubscribe", "-v", "--tag-output", "-q"}),
        0,
    ),
    "apptainer": (
        frozenset({"exec", "run"}),
        frozenset(
            {
                *("--nv", "--rocm", "--cleanenv", "-e", "--contain", "-c", "--containall", "-C"),
                *("--writable", "--writable-tmpfs", "--no-home", "--fakeroot", "--userns", "-u"),
            }
        ),
        1,
    ),
}
"""What starts a program on other nodes or in an image of a cluster: the words that may come first,
its options without a value, and how many words stand before the program."""
_LAUNCHERS |= {
    "mpiexec": _LAUNCHERS["mpirun"],
    "orterun": _LAUNCHERS["mpirun"],
    "singularity": _LAUNCHERS["apptainer"],
}
_CLEAN = frozenset({"-e", "--cleanenv", "-C", "--containall"})
"""Options of apptainer that leave the environment behind."""
_RUNNERS = {"uv": "run", "poetry": "run", "pipenv": "run", "pdm": "run", "conda": "run"}
_ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Program:
    """What is started in the end."""

    words: Words
    resets: bool = False
    """Whether `sudo` starts it with hardly anything of the environment."""
    assignments: tuple[tuple[str, str], ...] = ()
    """What `env` and `sudo` add to it."""

    @property
    def name(self) -> str:
        """The program's own name, without its folder; empty where that is not known."""
        return os.path.basename(self.words[0]) if self.words and self.words[0] else ""


def started(words: Words) -> Program:
    """Return the program that a command starts."""
    resets = False
    assignments: list[tuple[str, str]] = []
    for _ in range(8):
        name = os.path.basename(words[0] or "") if words else ""
        if name in _RUNNERS and len(words) > 1 and words[1] == _RUNNERS[name]:
            words = _behind_options(words[2:], "npC", 0)
            continue
        if name == "screen" and (behind := in_screen(words)):
            words = behind
            continue
        if name in _LAUNCHERS:
            if any((word or "").startswith("--container-image") for word in words):
                break  # In an image of others, with a home of its own.
            behind = _launched(words, *_LAUNCHERS[name])
            resets = resets or not _CLEAN.isdisjoint(words[: len(words) - len(behind)])
            words = behind
            continue
        if name not in _PREFIXES:
            break
        options, first = _PREFIXES[name]
        resets = resets or (name in {"sudo", "doas"} and not _keeps(words[1:]))
        words = _behind_options(words[1:], options, first)
        while (
            name in {"env", "sudo"} and words and (match := _ASSIGNMENT.fullmatch(words[0] or ""))
        ):
            assignments.append((match[1], match[2]))
            words = words[1:]
    return Program(words, resets, tuple(assignments))


def _launched(words: Words, verbs: frozenset[str], flags: frozenset[str], first: int) -> Words:
    """Return what stands behind a launcher's options; any other option than these takes a value."""
    at = 2 if verbs and len(words) > 1 and words[1] in verbs else 1
    if verbs and at == 1:
        return words[len(words) :]
    while at < len(words) and (words[at] or "").startswith("-"):
        word = words[at] or ""
        at += 1
        if word == "--":
            break
        joined = "=" in word or (not word.startswith("--") and len(word) > 2 and word[2:].isdigit())  # noqa: PLR2004 - -n4
        if not joined and word not in flags:
            at += 1
    return words[at + first :]


def _keeps(words: Sequence[str | None]) -> bool:
    """Tell whether these options of sudo keep the environment."""
    for word in words:
        if not (word or "").startswith("-"):
            return False
        if word == "--preserve-env" or (not (word or "").startswith("--") and "E" in (word or "")):
            return True
    return False


def _behind_options(words: Words, with_value: str, first: int) -> Words:
    at = 0
    while at < len(words) and (words[at] or "").startswith("-"):
        word = words[at] or ""
        at += 1
        if word == "--":
            break
        if not word.startswith("--") and word[-1] in with_value and len(word) == 2:  # noqa: PLR2004
            at += 1
    return words[at + first :]
