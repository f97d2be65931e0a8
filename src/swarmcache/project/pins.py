"""Which versions of the Hub's libraries a project pins, where that is told once and exactly.

1. `uv.lock` and `poetry.lock`
2. `name==version` in requirement files, in `pyproject.toml` and in a script's `pip install`

Only files at the project's top count; two answers for one library are none. Ranges, and what other
packages bring along, are not known.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any

from swarmcache.project.commands.installing import installs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.project.sources import Source
    from swarmcache.project.study import Project

NAMES = frozenset({"huggingface_hub", "transformers", "datasets", "trl"})
_EXACT = re.compile(
    r"(?P<name>[A-Za-z][\w.-]*)\s*(?:\[[^\]]*\])?\s*\(?\s*={2,3}\s*(?P<version>\d[\w.+!-]*)\)?"
    r"\s*(?:;.*|#.*)?"
)
_LOCKED = re.compile(
    rb"^\[\[package\]\]\s*^name = \"(?P<name>[\w.-]+)\"\s*^version = \"(?P<version>[\w.+!-]+)\"",
    re.MULTILINE,
)
"""Half a megabyte of TOML takes a second to be parsed."""
_VERSION = re.compile(r"\d[\w.+!-]*")
_HINT = re.compile(rb"huggingface[-_.]hub|transformers|datasets|\btrl\b", re.IGNORECASE)


def pinned(project: Project) -> dict[str, str]:
    """Return the version of each library that the project pins, by its name with underscores."""
    locked: dict[str, set[str]] = {}
    for source in project.sources("lock"):
        if _is_its_own(source, project):
            _note(locked, _of_lock(source))
    exact: dict[str, set[str]] = {}
    for source in project.sources("requirements"):
        if _is_its_own(source, project) and _HINT.search(source.data):
            toml = source.path.endswith(".toml")
            _note(exact, _of_pyproject(source) if toml else _of_lines(source.text.splitlines()))
    for execution in project.executions_by_hand:
        _note(exact, _of_lines(installs(execution.program.words) or ()))
    both = {**exact, **locked}
    return {name: next(iter(found)) for name, found in both.items() if len(found) == 1}


def _is_its_own(source: Source, project: Project) -> bool:
    """Tell whether a file is for the whole project, and not for an example below."""
    folder = os.path.relpath(os.path.dirname(source.path), project.folder)
    return folder in {".", "requirements"}


def _note(into: dict[str, set[str]], found: Iterator[tuple[str, str]]) -> None:
    for name, version in found:
        plain = re.sub(r"[-.]", "_", name).lower()
        if plain in NAMES:
            into.setdefault(plain, set()).add(version.partition("+")[0])


def _of_lines(lines: object) -> Iterator[tuple[str, str]]:
    for line in lines:  # type: ignore[attr-defined]
        match = _EXACT.fullmatch(line.strip())
        if match is not None:
            yield match["name"], match["version"]


def _of_lock(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the packages of a lock; both tools write a name and then its version."""
    for match in _LOCKED.finditer(source.data):
        yield match["name"].decode(), match["version"].decode()


def _of_pyproject(source: Source) -> Iterator[tuple[str, str]]:
    top = _toml(source)
    own = _mapping(top.get("project"))
    lists = [own.get("dependencies"), *_mapping(own.get("optional-dependencies")).values()]
    lists += _mapping(top.get("dependency-groups")).values()
    for found in lists:
        texts = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
        yield from _of_lines(texts)
    poetry = _mapping(_mapping(top.get("tool")).get("poetry")).get("dependencies")
    for name, value in _mapping(poetry).items():
        version = value.get("version") if isinstance(value, dict) else value
        bare = version.removeprefix("==") if isinstance(version, str) else ""
        if _VERSION.fullmatch(bare):
            yield name, bare


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _toml(source: Source) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib  # noqa: PLC0415 - only for projects whose libraries are not installed
    else:
        import tomli as tomllib  # noqa: PLC0415
    try:
        found: dict[str, Any] = tomllib.loads(source.text)
    except (ValueError, RecursionError):
        return {}
    return found
