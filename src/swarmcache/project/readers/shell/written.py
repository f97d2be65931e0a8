"""Scripts that a script writes: here-documents that begin with `#!`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.project.readers.shell.reading import read_script
from swarmcache.project.readers.shell.syntax import Command
from swarmcache.project.readers.shell.within import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.readers.shell.syntax import Script

_SHELL = b"sh"


def with_written(scripts: Iterable[Script]) -> Iterator[Script]:
    """Yield scripts, and behind each those that it writes; positions stay those of its file."""
    for script in scripts:
        yield script
        for one, _ in statements(script.body):
            if not isinstance(one, Command):
                continue
            for redirect in one.redirects:
                content = redirect.content
                if content is not None and _is_script(content.data):
                    yield read_script(content)


def _is_script(data: bytes) -> bool:
    first = data.lstrip().partition(b"\n")[0]
    return first.startswith(b"#!") and first.rstrip().endswith(_SHELL)
