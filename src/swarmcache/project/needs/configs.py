"""Which config files a project loads, as far as its launcher tells; else all that it holds.

1. The `--config-path` and `--config-name` with which a script at the top of the project starts
   its program. An edited copy elsewhere counts for nothing: RL-Swarm copies its config to
   `configs/`, and loads the original.
2. Every YAML file in the project that could be a config, within bounds.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.errors import ProjectError
from swarmcache.hubcache.folder import entries_of
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.project.readers.hydra import Config

MAX_DEPTH = 5
MAX_FILES = 200
MAX_SCRIPTS = 20
START_SCRIPT = "run_rl_swarm.sh"
"""RL-Swarm's start script, the one that is known by name."""
MAX_SCRIPT_BYTES = 256_000
_SKIPPED = frozenset(
    {
        *("node_modules", "site-packages", "venv", "env", "__pycache__", "cache"),
        *("build", "dist", "logs", "outputs", "multirun", "runs", "wandb"),
    }
)
_NO_CONFIG = re.compile(r"(?:docker-)?compose.*|.*lock|mkdocs|\..*", re.IGNORECASE)
_OPTION = r"[=\s]\s*(\"[^\"]*\"|'[^']*'|[^\s\\]+)"
_CONFIG_PATH = re.compile(r"(?:--config-path|--config-dir|-cp|-cd)" + _OPTION)
_CONFIG_NAME = re.compile(r"(?:--config-name|-cn)" + _OPTION)
_PYTHON = re.compile(
    r"^[^#]*\b(?:python[\d.]*|torchrun|accelerate\s+launch)\b[^|;&#]*?\s"
    r"(?:-m\s+(?P<module>[\w.]+)|(?P<file>[^\s|;&]+\.py)\b)"
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+)|\([^()]*\bpwd\b[^()]*\))")
_PROJECT = re.compile(r"(?:\w*_)?(?:ROOT|PWD|DIR|HOME)(?:_DIR|_PATH)?|PWD")


@dataclass(frozen=True, slots=True)
class Configs:
    """The configs of a project."""

    configs: tuple[Config, ...]
    launched_by: str
    """The script that names them, relative to the project; empty when none does."""
    notes: tuple[str, ...]
    """What was skipped and why, one translated sentence each."""


def find_configs(project: str, environment: Environment) -> Configs:
    """Return the configs that the project at this absolute path loads, or may load."""
    notes: list[str] = []
    for script in _scripts(project):
        files = _launched(script, project, environment)
        configs = [c for file in files if (c := _read(file, notes))]
        if configs:
            return Configs(tuple(configs), os.path.basename(script), tuple(notes))
    files = _yaml_files(project, notes)
    return Configs(tuple(c for file in files if (c := _read(file, notes))), "", tuple(notes))


def has_configs(project: str) -> bool:
    """Tell whether `find_configs` could find any: a start script or a YAML file is there.

    Cheap, since it reads no file; a project without either need not load the YAML reader.
    """
    scripts = _scripts(project)
    return bool(scripts) or next(_walk(project), None) is not None


def started_modules(project: str, commands: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the Python modules that scripts at the top of the project start, dotted.

    `commands` are further command lines. Files are named as modules seen from the project.
    """
    texts = [_text(script) for script in _scripts(project)]
    lines = (line for text in (*texts, *commands) for line in _joined(text))
    starts = (match for line in lines if (match := _PYTHON.search(line)))
    return tuple(dict.fromkeys(_module(match) for match in starts))


def _module(match: re.Match[str]) -> str:
    if match["module"]:
        return match["module"]
    path = re.sub(r"^(?:\./|\$\{?\w+\}?/)", "", re.sub("[\"']", "", match["file"]))
    return path.removesuffix(".py").strip("/").replace("/", ".")


def _read(file: str, notes: list[str]) -> Config | None:
    from swarmcache.project.readers.hydra import read_config  # noqa: PLC0415 - YAML costs 13 ms

    try:
        return read_config(file)
    except ProjectError as error:
        notes.append(error.message)
        return None


def _scripts(project: str) -> list[str]:
    """Return the shell scripts at the top of the project, RL-Swarm's launcher first."""
    try:
        names = sorted(name for name in os.listdir(project) if name.endswith(".sh"))
    except OSError:
        return []
    names.sort(key=lambda name: name != START_SCRIPT)
    paths = [os.path.join(project, name) for name in names[:MAX_SCRIPTS]]
    return [path for path in paths if os.path.isfile(path)]  # Reading a pipe would wait for ever.


def _launched(script: str, project: str, environment: Environment) -> list[str]:
    """Return the config files that exist of those a script names on one command line."""
    files: list[str] = []
    for line in _joined(_text(script)):
        path, name = _CONFIG_PATH.search(line), _CONFIG_NAME.search(line)
        if line.lstrip().startswith("#") or not path or not name:
            continue
        folder = _expanded(path[1], project, environment)
        file = _expanded(name[1], project, environment)
        file += "" if file.endswith((".yaml", ".yml")) else ".yaml"
        full = os.path.normpath(os.path.join(project, folder, file))
        if os.path.isfile(full) and full not in files:
            files.append(full)
    return files


def _text(script: str) -> str:
    try:
        with open(script, encoding="utf-8", errors="replace") as stream:
            return stream.read(MAX_SCRIPT_BYTES)
    except OSError:
        return ""


def _joined(text: str) -> list[str]:
    """Return the lines of a script, those that a backslash continues as one."""
    return re.sub(r"\\\r?\n", " ", text).splitlines()


def _expanded(word: str, project: str, environment: Environment) -> str:
    """Return a shell word with its variables filled in; folder-like names mean the project."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None or _PROJECT.fullmatch(name):
            return project
        return environment.get(name) or match[0]

    return _VARIABLE.sub(value, word.strip("\"'"))


def _yaml_files(project: str, notes: list[str]) -> list[str]:
    """Return the YAML files below the project that may be configs, nearest first."""
    files: list[str] = []
    for file in _walk(project):
        if len(files) == MAX_FILES:
            notes.append(
                t(
                    "Only the first {count} YAML files of {path} were read.",
                    count=MAX_FILES,
                    path=project,
                )
            )
            break
        files.append(file)
    return files


def _walk(project: str) -> Iterator[str]:
    """Yield candidates breadth first; no links, no caches, no other people's packages."""
    level = [project]
    for _ in range(MAX_DEPTH):
        deeper: list[str] = []
        for folder in level:
            for entry in entries_of(folder):
                stem, suffix = os.path.splitext(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if _is_own(entry):
                        deeper.append(entry.path)
                elif suffix not in {".yaml", ".yml"} or _NO_CONFIG.fullmatch(stem):
                    continue
                elif os.path.isfile(entry.path):  # A link to itself is none.
                    yield entry.path
        level = deeper


def _is_own(entry: os.DirEntry[str]) -> bool:
    """Tell whether a folder is the project's own: no environment, cache, output or hidden one."""
    hidden = entry.name.startswith(".") or entry.name in _SKIPPED
    return not hidden and not os.path.exists(os.path.join(entry.path, "pyvenv.cfg"))
