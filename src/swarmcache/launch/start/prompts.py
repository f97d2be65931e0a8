"""What a start script asks its user, as far as its text tells.

RL-Swarm's `read -p "…" MODEL_NAME` leaves an exported MODEL_NAME exported and empty when the user
presses Enter, and the trainer then asks the Hub for a model with no name.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAX_BYTES = 256_000
_MAX_WORDS = 16
"""`env A=1 nohup timeout 9h bash start.sh`: the script may stand behind some others."""
_PRINTED_ABOVE = 4
"""How many lines above a `read` its question may begin."""
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_READ = re.compile(r"^[^#\n]*?\bread\b(?P<words>[^#\n;|&<>]*)", re.MULTILINE)
_PLAIN = re.compile(
    r"\s*(?:(?:echo|print)\w*[^;|&]*(?:;|&&)\s*)?(?:IFS=\S*\s+)?read\b[^#;|&<>]*(?:[#;|&]|$)"
)
_NAME = re.compile(r"(?<![\w-])[A-Za-z_]\w*")
_PRINTS = re.compile(r"\s*(?:echo|print)\w*\s+(?P<words>.*)")
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish"})


class Prompt(NamedTuple):
    """A `read` that has no question of its own: the script prints it before."""

    line: int
    """Counted from 1."""
    text: str
    """What is printed just before, as it stands in the script; may be empty."""


class Script(NamedTuple):
    """The shell script that a command line starts."""

    path: str
    """Absolute; empty for one that stands in the command line."""
    is_bash: bool
    """Whether bash runs it; only bash can be told what to answer."""
    asked: frozenset[str]
    """The variables that it reads from its user, or from anything else."""
    prompts: tuple[Prompt, ...]


def find_script(arguments: Sequence[str], folder: str) -> Script | None:
    """Return the script that this command line starts, seen from `folder`; None for none.

    It is the first word that names a readable shell script, be it the command itself, as in
    `./start.sh`, or not, as in `bash start.sh` and `env A=1 ./start.sh`; or it stands in the
    command line itself, as in `bash -c "read X"`.
    """
    for number, word in enumerate(arguments[:_MAX_WORDS]):
        path = os.path.join(folder, word)
        text = _text(path)
        if text is not None:
            return Script(path, _is_bash(arguments[:number], text), *_read_by(text))
    return _inline(arguments)


def _inline(arguments: Sequence[str]) -> Script | None:
    """Return the script in `bash -c SCRIPT`."""
    shell = os.path.basename(arguments[0]) if arguments else ""
    if shell not in _SHELLS:
        return None
    return Script("", shell == "bash", *_read_by("\n".join(arguments[1:3])))


def _read_by(text: str) -> tuple[frozenset[str], tuple[Prompt, ...]]:
    bare = _QUOTED.sub(" ", text)
    asked = {name for read in _READ.finditer(bare) for name in _NAME.findall(read["words"])}
    return frozenset(asked), tuple(_prompts(text))


def _prompts(text: str) -> Iterator[Prompt]:
    """Yield each `read` that is a command of its own, and no loop's condition."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _PLAIN.match(_QUOTED.sub(" ", line)):
            above = lines[max(0, number - _PRINTED_ABOVE) : number]
            before = line[: line.rindex("read")].rstrip("; &")
            printed = _printed([*above, before] if before.strip() else above)
            yield Prompt(number + 1, " ".join(printed))


def _printed(lines: Sequence[str]) -> Iterator[str]:
    """Yield what the last of these lines print, as long as one follows the other."""
    found: list[str] = []
    for line in reversed(lines):
        match = _PRINTS.match(line)
        if match is None or _READ.match(_QUOTED.sub(" ", line)):
            break  # What was printed before another prompt was the question of that one.
        found[:0] = [text.strip("\"' ") for text in _QUOTED.findall(match["words"])]
    yield from filter(None, found)


def _is_bash(before: Sequence[str], text: str) -> bool:
    """Tell whether bash runs a script, and reads BASH_ENV: not in POSIX mode, nor privileged.

    A shell named before the script decides, else the script's first line.
    """
    named = [n for n, word in enumerate(before) if os.path.basename(word) in _SHELLS]
    words = before[named[-1] :] if named else text.partition("\n")[0].removeprefix("#!").split()
    names = [os.path.basename(word) for word in words if not word.startswith("-")]
    options = [word for word in words if word.startswith("-")]
    plain = not any(word == "--posix" or re.fullmatch(r"-\w*p\w*", word) for word in options)
    return "bash" in names and plain


def _text(path: str) -> str | None:
    """Return the text of a shell script, or None for any other file."""
    try:
        if not os.path.isfile(path):
            return None  # Reading a pipe would wait for ever.
        with open(path, "rb") as file:
            content = file.read(_MAX_BYTES)
    except (OSError, ValueError):
        return None
    first = content[:128].partition(b"\n")[0]
    is_shell = path.endswith((".sh", ".bash")) or (first.startswith(b"#!") and b"sh" in first)
    return content.decode(errors="replace") if is_shell else None
