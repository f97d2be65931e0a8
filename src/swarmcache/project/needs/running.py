"""Which Python modules of a project a start reaches, read one by one as they are reached.

From the modules that its scripts start, and those that its configs name as `_target_`, along their
imports. Where no script tells what is started, all count but tests, examples and documentation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from swarmcache.project.effective.loaders import reached
from swarmcache.project.needs.configs import find_configs, started_modules
from swarmcache.project.readers.python import read_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.readers.python.syntax import Module
    from swarmcache.project.study import Project

_ASIDE = re.compile(r"(?:^|\.)(?:tests?|test_\w+|conftest|\w+_test|examples?|docs?|benchmarks?)\b")


def running_modules(
    project: Project, telling: re.Pattern[bytes], commands: Iterable[str] = ()
) -> Iterator[Module]:
    """Yield the modules that a start reaches and whose text has something `telling`, by name.

    `commands` start it besides its scripts.
    """
    modules = _Modules(project)
    entries = started_modules(project.folder, commands)
    started = {name for entry in entries for name in reached(entry, modules)}
    if started:
        built = {name for target in _targets(project) for name in reached(target, modules)}
        names = started | built
    else:
        names = {name for name in modules if not _ASIDE.search(name)}
    for name in sorted(names):
        source = project.source(modules.paths[name])
        if source is not None and telling.search(source.data) and name in modules:
            yield modules[name]


def _targets(project: Project) -> Iterator[str]:
    """Yield the modules of the classes that configs instantiate."""
    for config in find_configs(project.folder, project.environment).configs:
        for place in config.walk():
            target = place.child("_target_")
            if target is not None and target.text:
                yield target.text.rpartition(".")[0]


class _Modules(Mapping[str, "Module"]):
    """The modules by their dotted names; a project may have thousands, of which few are reached."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._read: dict[str, Module | None] = {}
        self.paths = {_dotted(path, project.folder): path for path in project.files.of("python")}

    def __getitem__(self, name: str) -> Module:
        if name not in self._read:
            path = self.paths.get(name)
            source = None if path is None else self._project.source(path)
            self._read[name] = None if source is None else read_module(source, self._project.folder)
        module = self._read[name]
        if module is None:
            raise KeyError(name)
        return module

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def _dotted(path: str, folder: str) -> str:
    parts = os.path.relpath(path, folder).removesuffix(".py").split(os.sep)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
