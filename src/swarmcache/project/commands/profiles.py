"""Variables that scripts write into a profile of a shell: `echo "export A=b" >> ~/.bashrc`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.effective.expansion import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.sources import Span

_PROFILES = frozenset({".bashrc", ".bash_profile", ".profile", ".zshrc", ".zprofile", ".zshenv"})
_EXPORT = re.compile(r"^\s*export\s+(?P<name>[A-Za-z_]\w*)=(?P<value>\S*)", re.MULTILINE)


class WrittenProfile(NamedTuple):
    """A variable that a script writes into a profile."""

    name: str
    value: str
    profile: str
    """`~/.bashrc`."""
    span: Span


def written_profiles(executions: Iterable[Execution]) -> Iterator[WrittenProfile]:
    """Yield what commands write, each place once."""
    seen = set()
    for execution in executions:
        profile = _profile(execution)
        if profile is not None and execution.span not in seen:
            seen.add(execution.span)
            for match in _EXPORT.finditer("\n".join(_texts(execution))):
                value = match["value"].strip("\"'")
                yield WrittenProfile(match["name"], value, f"~/{profile}", execution.span)


def _profile(execution: Execution) -> str | None:
    for one in execution.command.redirects:
        if one.operator in {">", ">>"} and one.target is not None:
            values = expanded(one.target, execution.variables, execution.folder)
            tail = one.target.parts[-1] if one.target.parts else ""
            path = values[0] or (tail if isinstance(tail, str) else "")
            if os.path.basename(path) in _PROFILES:
                return os.path.basename(path)
    return None


def _texts(execution: Execution) -> Iterator[str]:
    """Yield what `echo`, `printf` or a here-document writes, as far as that is known."""
    if execution.program.name in {"echo", "printf"}:
        yield from (word.known[0] for word in execution.words()[1:] if len(word.known) == 1)
    for one in execution.command.redirects:
        if one.content is not None:
            yield one.content.text
