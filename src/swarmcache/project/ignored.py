"""What git would ignore: the `.gitignore` of each folder, by git's own rules (gitignore(5))."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from swarmcache.hubcache.reading import read_start

_MAX_BYTES = 256_000
_MAX_RULES = 2_000


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: re.Pattern[str]
    folder: str
    """Where the file stands that holds it; paths are seen from there."""
    negated: bool
    folders_only: bool


@dataclass(frozen=True, slots=True)
class Ignored:
    """The rules that count in one folder."""

    rules: tuple[_Rule, ...]

    @classmethod
    def at(cls, folder: str) -> Ignored:
        """Return the rules at the top of a project."""
        return cls(_rules(folder))

    def inside(self, folder: str) -> Ignored:
        """Return the rules in a folder below."""
        more = _rules(folder)
        return Ignored((*self.rules, *more)) if more else self

    def hides(self, path: str, *, folder: bool) -> bool:
        """Tell whether git ignores a path; the last rule that fits decides."""
        for rule in reversed(self.rules):
            if rule.folders_only and not folder:
                continue
            if rule.pattern.fullmatch(path[len(rule.folder) + 1 :]):
                return not rule.negated
        return False


def is_ignored(path: str, top: str) -> bool:
    """Tell whether git ignores a file below a project's folder, or a folder that it stands in."""
    folder, ignored = top, Ignored.at(top)
    *folders, name = os.path.relpath(path, top).split(os.sep)
    for inner in folders:
        folder = f"{folder}/{inner}"
        if ignored.hides(folder, folder=True):
            return True
        ignored = ignored.inside(folder)
    return ignored.hides(f"{folder}/{name}", folder=False)


def _rules(folder: str) -> tuple[_Rule, ...]:
    try:
        data = read_start(f"{folder}/.gitignore", _MAX_BYTES)
    except OSError:
        return ()
    lines = data.decode("utf-8", "replace").splitlines()
    found = (_rule(line, folder) for line in lines[:_MAX_RULES])
    return tuple(rule for rule in found if rule is not None)


def _rule(line: str, folder: str) -> _Rule | None:
    text = line.rstrip() if not line.endswith("\\ ") else line
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text[1:] if negated or text.startswith("\\") else text
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    anchored = "/" in text
    pattern = _pattern(text.lstrip("/"))
    if not anchored:
        pattern = rf"(?:.*/)?{pattern}"
    try:
        return _Rule(
            re.compile(pattern, re.DOTALL), os.path.normpath(folder), negated, folders_only
        )
    except re.error:
        return None


def _pattern(glob: str) -> str:
    found, at = "", 0
    while at < len(glob):
        if glob.startswith("**/", at):
            found, at = rf"{found}(?:.*/)?", at + 3
        elif glob.startswith("**", at):
            found, at = rf"{found}.*", at + 2
        elif glob[at] == "*":
            found, at = rf"{found}[^/]*", at + 1
        elif glob[at] == "?":
            found, at = rf"{found}[^/]", at + 1
        elif glob[at] == "[" and "]" in glob[at + 2 :]:
            end = glob.index("]", at + 2)
            inner = glob[at + 1 : end].replace("\\", "\\\\")
            inner = f"^{inner[1:]}" if inner.startswith(("!", "^")) else inner
            found, at = f"{found}[{inner}]", end + 1
        else:
            found, at = found + re.escape(glob[at]), at + 1
    return found
