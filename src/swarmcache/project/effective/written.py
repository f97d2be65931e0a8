"""Files that scripts write by a here-document: read as the files that they become."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.effective.expansion import expanded
from swarmcache.project.readers.dollars import interpolated
from swarmcache.project.readers.shell.syntax import Word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.sources import Source

_INTO = frozenset({">", ">>", ">|", "&>"})
_NOWHERE = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr"})


class Written(NamedTuple):
    """A file that a script writes."""

    path: str
    """Absolute; the name alone below `/` where the folder is not known."""
    content: Source
    """Its positions are those of the script."""
    expands: bool
    """Whether the shell that writes it fills in `$NAME`, so that `$NAME` stands for its value."""
    execution: Execution
    """The command that writes it."""

    def filled(self, text: str) -> str | None:
        """Return a piece of it as the shell writes it; None where that is not known."""
        span = self.content.span(0, 0)
        word = Word(interpolated(text, span), span)
        values = expanded(word, self.execution.variables, self.execution.folder)
        return values[0] if len(values) == 1 and "`" not in text and "$(" not in text else None


def written_files(executions: Iterable[Execution]) -> Iterator[Written]:
    """Yield what commands write of here-documents, each place once."""
    seen = set()
    for execution in executions:
        found = written_by(execution)
        if found is not None and (key := (found.path, found.content.span(0, 0))) not in seen:
            seen.add(key)
            yield found


def written_by(execution: Execution) -> Written | None:
    """Return the file that a command writes of its here-document: `cat > FILE`, `tee FILE`."""
    command = execution.command
    body = next((one for one in command.redirects if one.content is not None), None)
    if body is None or body.content is None:
        return None
    for target in _targets(execution):
        path = _path(target, execution)
        if path is not None and path not in _NOWHERE:
            content = body.content
            inner = content.inner(0, len(content.data), path)
            return Written(path, inner, body.expands, execution)
    return None


def _targets(execution: Execution) -> Iterator[Word]:
    program, command = execution.program, execution.command
    if program.name == "tee":
        words = command.words[len(command.words) - len(program.words) + 1 :]
        yield from (word for word in words if not (word.literal or "").startswith("-"))
    for one in command.redirects:
        if one.operator in _INTO and one.target is not None:
            yield one.target


def _path(target: Word, execution: Execution) -> str | None:
    values = expanded(target, execution.variables, execution.folder)
    value = values[0] if len(values) == 1 else None
    if value:
        return os.path.normpath(os.path.join(execution.cwd or "/", value))
    last = target.parts[-1] if target.parts else None
    name = os.path.basename(last) if isinstance(last, str) else ""
    return f"/{name}" if name else None
