"""Which folders a command deletes files from: `rm -rf`, `find … -delete`."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.programs import Words
    from swarmcache.project.sources import Span

_NAMED = (
    "-name",
    "-iname",
    "-path",
    "-wholename",
    "-ipath",
    "-regex",
    "-iregex",
    "-empty",
    "-size",
)
"""Tests of `find` after which it no longer means all files."""
_AGED = ("-mtime", "-atime", "-ctime", "-mmin", "-amin", "-cmin", "-older", "-newer")


class Deletion(NamedTuple):
    """A folder or file that something deletes, with all that is in it."""

    path: str
    """Absolute, maybe a glob; of `folder/*` it is the folder."""
    by_age: bool
    """Whether files go by their age, one by one."""
    span: Span
    execution: Execution | None
    """None where Python code does it itself."""

    def empties(self, folder: str) -> bool:
        """Tell whether nothing of a folder is left, or only what is young."""
        mine, other = self.path.strip("/").split("/"), folder.strip("/").split("/")
        if self.path == "/":
            return True
        above = len(mine) <= len(other)
        return above and all(
            fnmatchcase(name, glob) for glob, name in zip(mine, other, strict=False)
        )


def deletions_of(execution: Execution) -> Iterator[Deletion]:
    """Yield what a command deletes, as far as its words are known."""
    for path, by_age in deleted(execution.program.words):
        whole = _absolute(path, execution.cwd)
        if whole is not None:
            yield Deletion(whole, by_age, execution.span, execution)


def deleted(words: Words) -> Iterator[tuple[str, bool]]:
    """Yield the paths that a command deletes, and whether by age; a trailing `/*` is gone."""
    name = os.path.basename(words[0] or "") if words else ""
    if name == "rm":
        yield from ((path, False) for path in _removed(words[1:]))
    elif name == "find":
        yield from _found(words[1:])


def _removed(words: Words) -> Iterator[str]:
    options = [w for w in words if w is not None and w.startswith("-")]
    short = "".join(option for option in options if not option.startswith("--"))
    if not ({"r", "R"} & set(short) or "--recursive" in options):
        return
    for word in words:
        if word and not word.startswith("-"):
            yield _without_glob(word)


def _found(words: Words) -> Iterator[tuple[str, bool]]:
    paths = []
    for word in words:
        if word is None or word.startswith(("-", "(", "!", "\\")):
            break
        paths.append(word)
    rest = [word or "" for word in words[len(paths) :]]
    deletes = "-delete" in rest or ("-exec" in rest and "rm" in rest)
    if not deletes or any(word in _NAMED for word in rest) or "l" in _types(rest):
        return
    aged = any(word.startswith(_AGED) for word in rest)
    yield from ((_without_glob(path), aged) for path in paths)


def _types(rest: list[str]) -> str:
    return "".join(value for option, value in pairwise(rest) if option == "-type")


def _without_glob(path: str) -> str:
    """Return the folder of `folder/*` and `folder/models--*`, any other path as it is."""
    folder, _, last = path.rpartition("/")
    return folder if folder and last in {"*", "models--*", ".[!.]*", "{*,.*}"} else path


def _absolute(path: str, cwd: str | None) -> str | None:
    if not (path.startswith("/") or cwd):
        return None
    return os.path.normpath(os.path.join(cwd or "/", path))
