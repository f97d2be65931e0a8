"""Which files of a project are its own, by kind: not what git ignores or other people wrote.

The walk is bounded, follows no links, and tells what it has left out.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from swarmcache.hubcache.folder import entries_of
from swarmcache.hubcache.reading import read_start
from swarmcache.locale import t
from swarmcache.project.ignored import Ignored
from swarmcache.project.sources import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

FileKind: TypeAlias = Literal[
    "shell",
    "dotenv",
    "dockerfile",
    "compose",
    "yaml",
    "python",
    "requirements",
    "json",
    "log",
    "unit",
    "conf",
    "cron",
    "notebook",
    "lock",
    "csh",
    "fish",
    "batch",
    "powershell",
]

MAX_DEPTH = 12
MAX_FILES = 20_000
"""Files that are looked at; a checkout of a training project has hundreds."""

_OTHERS = frozenset(
    {
        *("node_modules", "site-packages", "venv", ".venv", "__pycache__", ".git", ".hg", ".svn"),
        *(".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".idea", ".vscode"),
        *("wandb", "multirun", ".ipynb_checkpoints", "bower_components", "third_party", "vendor"),
    }
)
_NAMES: dict[FileKind, re.Pattern[str]] = {
    "compose": re.compile(r"(?:docker-|podman-)?compose[\w.-]*\.ya?ml", re.IGNORECASE),
    "dockerfile": re.compile(
        r"(?:.*[._-])?(?:dockerfile|containerfile)(?:[._-](?!md$|py$|sh$|ya?ml$).*)?",
        re.IGNORECASE,
    ),
    "dotenv": re.compile(r"\.env(?:\.[\w.-]+)?|[\w.-]+\.env"),
    "requirements": re.compile(r"(?:.*requirements.*\.(?:txt|in)|pyproject\.toml|setup\.cfg)"),
    "shell": re.compile(
        r".*\.(?:sh|bash|zsh|ksh|slurm|sbatch)|\.?(?:bashrc|bash_profile|profile|zshrc)"
    ),
    "lock": re.compile(r"(?:uv|poetry)\.lock"),
    "cron": re.compile(r"(?:.*[._-])?crontabs?(?:[._-](?!md$|py$|sh$|ya?ml$).*)?|.*\.cron(?:tab)?"),
}
_SUFFIXES: dict[str, FileKind] = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".py": "python",
    ".log": "log",
    ".json": "json",
    ".service": "unit",
    ".conf": "conf",
    ".ini": "conf",
    ".ipynb": "notebook",
    ".csh": "csh",
    ".tcsh": "csh",
    ".fish": "fish",
    ".bat": "batch",
    ".cmd": "batch",
    ".ps1": "powershell",
}
_FIRST_LINE = 64
"""Bytes that tell whether a file is a script."""
_SHEBANG = re.compile(rb"#!.*\b(?:ba|z|da|k|a)?sh\b")
_SAMPLE = re.compile(r"(?:example|sample|template|dist)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Files:
    """A project's own files: absolute paths, sorted, by kind."""

    folder: str
    by_kind: dict[FileKind, tuple[str, ...]] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    """What was left out and why, one translated sentence each."""
    count: int = 0
    """Files that were looked at."""

    def of(self, kind: FileKind) -> tuple[str, ...]:
        """Return the files of one kind."""
        return self.by_kind.get(kind, ())


def project_files(folder: str) -> Files:
    """Return the files of the project in this folder."""
    found: dict[FileKind, list[str]] = {}
    walk = _Walk(folder)
    for path in walk.files():
        kind = kind_of(path)
        if kind is not None:
            found.setdefault(kind, []).append(path)
    sorted_kinds = {kind: tuple(sorted(paths)) for kind, paths in found.items()}
    return Files(folder, sorted_kinds, tuple(walk.notes()), walk.count)


def kind_of(path: str) -> FileKind | None:
    """Return what a file is by its name; by its first line where the name has no suffix."""
    name = os.path.basename(path)
    stem, suffix = os.path.splitext(name.lower())
    for kind, pattern in _NAMES.items():
        if pattern.fullmatch(name):
            return None if kind == "dotenv" and _SAMPLE.search(name) else kind
    if os.path.basename(os.path.dirname(path)) == "cron.d" and not suffix:
        return "cron"
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    return "shell" if not suffix and not stem.startswith(".") and _is_script(path) else None


def _is_script(path: str) -> bool:
    try:
        return _SHEBANG.match(read_start(path, _FIRST_LINE)) is not None
    except OSError:
        return False


class _Walk:
    """Goes through a project breadth first, so that a bound cuts off what lies deepest."""

    def __init__(self, folder: str) -> None:
        self.count = 0
        self._folder = folder
        self._left: dict[str, list[str]] = {}

    def files(self) -> Iterator[str]:
        level = [(self._folder, Ignored.at(self._folder))]
        for _ in range(MAX_DEPTH):
            deeper: list[tuple[str, Ignored]] = []
            for folder, ignored in level:
                if self.count >= MAX_FILES:
                    self._leave(t("beyond the first {count} files", count=MAX_FILES), folder)
                    return
                yield from self._folder_files(folder, ignored, deeper)
            level = deeper
        for folder, _ in level:
            self._leave(t("deeper than {count} folders", count=MAX_DEPTH), folder)

    def _folder_files(
        self, folder: str, ignored: Ignored, deeper: list[tuple[str, Ignored]]
    ) -> Iterator[str]:
        """Yield the files of one folder, and note the folders below it that are to be read."""
        for entry in sorted(entries_of(folder), key=lambda one: one.name):
            if entry.is_symlink() and os.path.isdir(entry.path):
                self._leave(t("a link to a folder"), entry.path)
            elif entry.is_dir(follow_symlinks=False):
                if self._is_own(entry, ignored):
                    deeper.append((entry.path, ignored.inside(entry.path)))
            else:
                self.count += 1
                # What git ignores may still be what is run: a `.env`, a log.
                hidden = ignored.hides(entry.path, folder=False)
                if not hidden or kind_of(entry.path) in {"dotenv", "log"}:
                    yield entry.path

    def notes(self) -> Iterator[str]:
        for reason, paths in self._left.items():
            first = shown(paths[0], self._folder)
            more = len(paths) - 1
            what = t("{path} and {count} more", path=first, count=more) if more else first
            yield t("{what} was not read: {reason}.", what=what, reason=reason)

    def _leave(self, reason: str, path: str) -> None:
        self._left.setdefault(reason, []).append(path)

    def _is_own(self, entry: os.DirEntry[str], ignored: Ignored) -> bool:
        if entry.name in _OTHERS or os.path.exists(f"{entry.path}/pyvenv.cfg"):
            return False
        if os.path.isdir(f"{entry.path}/blobs") and os.path.isdir(f"{entry.path}/snapshots"):
            return False  # A repo of a cache.
        if entry.name == "logs":
            return True
        if ignored.hides(entry.path, folder=True):
            self._leave(t("git ignores it"), entry.path)
            return False
        return True
