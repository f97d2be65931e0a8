"""Where a name stands in a project's files, whatever it means there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.files import FileKind
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_KINDS: tuple[FileKind, ...] = (
    "shell", "dotenv", "dockerfile", "compose", "yaml", "python", "notebook", "unit", "conf",
    "csh", "fish", "batch", "powershell",
)  # fmt: skip
_BEFORE_USE = re.compile(rb"(?:\$\{?|oc\.env:\s*)$")


class Mention(NamedTuple):
    """A name, found as a word of its own."""

    span: Span
    kind: FileKind
    used: bool
    """Whether a shell, compose or OmegaConf puts its value in there: `$NAME`, `${NAME…}`."""


def mentions(project: Project, name: str) -> Iterator[Mention]:
    """Yield every place where a name stands, comments included."""
    pattern = re.compile(rb"(?<![A-Za-z0-9_])" + re.escape(name.encode()) + rb"(?![A-Za-z0-9_])")
    for kind in _KINDS:
        for source in project.sources(kind):
            for match in pattern.finditer(source.data):
                start, end = match.span()
                used = _BEFORE_USE.search(source.data[max(0, start - 20) : start]) is not None
                yield Mention(source.span(start, end), kind, used)


def is_read(project: Project, name: str) -> bool:
    """Tell whether something in the project may read a variable by its name."""
    return any(
        one.used or one.kind in {"python", "yaml", "notebook"} for one in mentions(project, name)
    )
