"""Which YAML configs are really loaded: by which program, from which file, and which is not there.

1. `--config-path` and `--config-name` on a program's command line, as Hydra reads them: a path that
   is not absolute is seen from the folder of the file that has `@hydra.main`.
2. What `@hydra.main(config_path=…, config_name=…)` says in the program's own file.
3. `--config FILE`, as TRL and RL-Swarm before 0.5 read it: seen from the working directory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from swarmcache.project.effective.arguments import option
from swarmcache.project.sources import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.readers.composition import Composed, Reading
    from swarmcache.project.readers.python.syntax import Call, Module
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_PATHS = ("--config-path", "-cp")
_NAMES = ("--config-name", "-cn")
_PLAIN = ("--config", "--config_file", "--config-file", "--cfg")
_SUFFIXES = (".yaml", ".yml")
_OF_LAUNCHERS = {"accelerate", "deepspeed"}
"""Programs with a `--config_file` of their own, which tells nothing of models."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedConfig:
    """One config that one program loads, or may; each is equal to itself only."""

    path: str
    """Absolute; it need not exist."""
    loader: Loader
    span: Span
    """Where the program is told."""
    kind: Literal["hydra", "plain"]
    exists: bool

    def shown(self, project: Project) -> str:
        """Return its path as people are told it."""
        return shown(self.path, project.folder)


def loaded_configs(project: Project) -> tuple[LoadedConfig, ...]:
    """Return the configs that a project's programs load, each for each program once."""
    modules = {module.name: module for module in project.modules}
    found = [one for loader in project.loaders for one in _of(loader, modules)]
    return tuple({(one.path, one.span): one for one in found}.values())


def _of(loader: Loader, modules: Mapping[str, Module]) -> Iterator[LoadedConfig]:
    execution = loader.execution
    if execution.root.in_container:
        return  # Its paths are another machine's; the same program is seen where it is called.
    entry = next((modules[name] for name in loader.modules if name in modules), None)
    main = _hydra_main(entry)
    name, path = option(execution, *_NAMES), option(execution, *_PATHS)
    if name is None and main is None:
        yield from _plain(loader)
        return
    names: Iterable[str] = name.known if name is not None else _said(main, "config_name", 1)
    folders: Iterable[str] = path.known if path is not None else _said(main, "config_path", 0)
    base = os.path.dirname(entry.source.path) if entry is not None else None
    span = (path or name).span if (path or name) else main.span if main else execution.span  # type: ignore[union-attr]
    for one in filter(None, names):
        for folder in folders:
            file = one if one.endswith(_SUFFIXES) else f"{one}.yaml"
            where = _joined(base, folder, file)
            if where is not None:
                yield LoadedConfig(where, loader, span, "hydra", os.path.isfile(where))


def _plain(loader: Loader) -> Iterator[LoadedConfig]:
    execution = loader.execution
    names = ("--config",) if execution.program.name in _OF_LAUNCHERS else _PLAIN
    given = option(execution, *names)
    if given is None:
        return
    for name in given.known:
        path = _joined(execution.cwd, name)
        if name.endswith(_SUFFIXES) and path is not None:
            yield LoadedConfig(path, loader, given.span, "plain", os.path.isfile(path))


def _joined(base: str | None, *parts: str) -> str | None:
    """Return a path seen from a folder; None where that is needed and not known."""
    path = os.path.join(*parts)
    if os.path.isabs(path):
        return os.path.normpath(path)
    return None if base is None else os.path.normpath(os.path.join(base, path))


def _hydra_main(module: Module | None) -> Call | None:
    if module is None:
        return None
    return next((call for call in module.calls if call.callee == "hydra.main"), None)


def _said(main: Call | None, name: str, position: int) -> tuple[str, ...]:
    argument = main.argument(name, position) if main is not None else None
    value = argument.value if argument is not None else None
    return (value,) if isinstance(value, str) else ()


def composed_config(project: Project, one: LoadedConfig) -> Composed | None:
    """Return a loaded config with all that its defaults bring; None where it is unreadable."""
    from swarmcache.project.readers.composition import with_defaults  # noqa: PLC0415 - YAML

    return with_defaults(one.path, os.path.dirname(one.path), lambda path: _reading(project, path))


def _reading(project: Project, path: str) -> Reading | None:
    """Return a file of configs; many are brought by several, and each is read once."""
    if path not in project.readings:
        project.readings[path] = _read(project, path)
    return project.readings[path]


def _read(project: Project, path: str) -> Reading | None:
    from yaml import YAMLError  # noqa: PLC0415

    from swarmcache.project.readers.composition import Reading  # noqa: PLC0415
    from swarmcache.project.readers.hydra import config_in  # noqa: PLC0415

    source = project.source(path)
    if source is None:
        return None
    try:
        config = config_in(source.data, path)
    except (YAMLError, UnicodeError, RecursionError):
        return None
    return None if config is None else Reading(config, source.data[:200].decode("utf-8", "replace"))
