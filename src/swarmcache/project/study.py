"""A training project as facts, each kind of file read when it is first asked for."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from swarmcache.project.files import kind_of, project_files
from swarmcache.project.sources import Source, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.environment import Environment
    from swarmcache.project.changes import Change
    from swarmcache.project.containers.compose_words import ComposeCall
    from swarmcache.project.containers.values import Container
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.effective.written import Written
    from swarmcache.project.files import FileKind, Files
    from swarmcache.project.loads.in_config import ConfigLoad
    from swarmcache.project.loads.loaded_configs import LoadedConfig
    from swarmcache.project.loads.values import Load
    from swarmcache.project.needs.models import Needs
    from swarmcache.project.readers.composition import Composed, Reading
    from swarmcache.project.readers.line_shells import Dialect
    from swarmcache.project.readers.logs import LogLine
    from swarmcache.project.readers.notebook import Notebook
    from swarmcache.project.readers.python.syntax import Module
    from swarmcache.project.readers.shell.syntax import Script
    from swarmcache.project.readers.units import Unit


class Project:
    """One project's folder."""

    def __init__(self, folder: str, environment: Environment) -> None:
        """Take an absolute path, and the environment of who would start the project by hand."""
        self.folder = folder
        self.environment = environment
        self.readings: dict[str, Reading | None] = {}
        """YAML files that configs are composed of, by path, as far as they have been read."""
        self._sources: dict[str, Source | None] = {}

    def changed(self, changes: Iterable[Change]) -> Project:
        """Return the project as it will be once files are written; nothing is written."""
        other = Project(self.folder, self.environment)
        kinds = dict(self.files.by_kind)
        for change in changes:
            path = os.path.join(self.folder, change.file)
            source = Source(shown(path, self.folder), path, change.after)
            other._sources |= {path: source, change.path: source}
            kind = kind_of(path)
            if kind is not None and path not in kinds.get(kind, ()):
                kinds[kind] = tuple(sorted((*kinds.get(kind, ()), path)))
        other.files = replace(self.files, by_kind=kinds)
        return other

    @cached_property
    def files(self) -> Files:
        """Its own files, by kind."""
        return project_files(self.folder)

    def source(self, file: str) -> Source | None:
        """Return a file by its path as it is shown, or by its absolute one; None if unreadable."""
        path = os.path.normpath(os.path.join(self.folder, file))
        if path not in self._sources:
            self._sources[path] = Source.read(path, self.folder)
        return self._sources[path]

    def sources(self, kind: FileKind) -> tuple[Source, ...]:
        """Return the files of one kind that can be read as text."""
        found = (self.source(path) for path in self.files.of(kind))
        return tuple(source for source in found if source is not None)

    @cached_property
    def scripts(self) -> dict[str, Script]:
        """Shell scripts, and dotenv files, which scripts source: by absolute path."""
        from swarmcache.project.readers.shell import read_script  # noqa: PLC0415 - tree-sitter

        sources = (*self.sources("shell"), *self.sources("dotenv"))
        found = {source.path: read_script(source) for source in sources}
        return found | self._line_scripts

    @cached_property
    def _line_scripts(self) -> dict[str, Script]:
        """Scripts of csh, fish, cmd and PowerShell."""
        kinds: tuple[Dialect, ...] = ("csh", "fish", "batch", "powershell")
        if not any(map(self.files.of, kinds)):
            return {}
        from swarmcache.project.readers.line_shells import read_line_script  # noqa: PLC0415

        return {
            source.path: read_line_script(source, kind)
            for kind in kinds
            for source in self.sources(kind)
        }

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """Python modules."""
        from swarmcache.project.readers.python import read_module  # noqa: PLC0415

        sources = (*self.sources("python"), *(one.program for one in self.notebooks))
        found = (read_module(source, self.folder) for source in sources)
        return tuple(module for module in found if module is not None)

    @cached_property
    def notebooks(self) -> tuple[Notebook, ...]:
        """Notebooks; their Python is among the modules."""
        if not self.files.of("notebook"):
            return ()
        from swarmcache.project.readers.notebook import read_notebook  # noqa: PLC0415

        found = map(read_notebook, self.sources("notebook"))
        return tuple(notebook for notebook in found if notebook is not None)

    @cached_property
    def executions(self) -> tuple[Execution, ...]:
        """Every command that is run when something of the project is started."""
        from swarmcache.project.containers.roots import (  # noqa: PLC0415
            executions_in_containers,
        )

        inside = executions_in_containers(self.containers, self.scripts, self)
        return (
            *self.executions_by_hand,
            *inside,
            *self._executions_of_units,
            *self._executions_of_notebooks,
        )

    @cached_property
    def _executions_of_notebooks(self) -> tuple[Execution, ...]:
        if not self.notebooks:
            return ()
        from swarmcache.project.effective.notebooks import executions_of_notebooks  # noqa: PLC0415

        return tuple(executions_of_notebooks(self))

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """What systemd, supervisor and cron start."""
        from swarmcache.project.effective.units import units  # noqa: PLC0415

        return tuple(units(self))

    @cached_property
    def _executions_of_units(self) -> tuple[Execution, ...]:
        from swarmcache.project.effective.units import executions_of_units  # noqa: PLC0415

        return tuple(executions_of_units(self.units, self.scripts, self))

    @cached_property
    def written(self) -> tuple[Written, ...]:
        """Files that its scripts write by here-documents."""
        from swarmcache.project.effective.written import written_files  # noqa: PLC0415

        return tuple(written_files(self.executions_by_hand))

    @cached_property
    def executions_by_hand(self) -> tuple[Execution, ...]:
        """Those that begin with a script which somebody calls."""
        from swarmcache.project.effective.roots import executions_by_hand  # noqa: PLC0415

        own = {*self.files.of("shell"), *self._line_scripts}
        scripts = {path: one for path, one in self.scripts.items() if path in own}
        return tuple(executions_by_hand(self.scripts, scripts, self.folder, self.environment))

    @cached_property
    def compose_calls(self) -> tuple[ComposeCall, ...]:
        """Every `docker compose` of a script."""
        from swarmcache.project.containers.compose_words import compose_call  # noqa: PLC0415

        found = map(compose_call, self.executions_by_hand)
        return tuple(call for call in found if call is not None)

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """Compose services, what scripts start by `docker run`, pods, images by themselves."""
        from swarmcache.project.containers import (  # noqa: PLC0415
            docker_run,
            pods,
            services,
            stacks,
        )

        composed = services.service_containers(self, stacks.stacks(self, self.compose_calls))
        started = (*composed, *docker_run.run_containers(self))
        names = {container.image.name for container in started}
        inside = pods.pod_containers(self)
        return (*started, *inside, *services.lone_images(self, names))

    @cached_property
    def loads_in_python(self) -> tuple[Load, ...]:
        """Every call in its code that loads something."""
        from swarmcache.project.loads.in_python import loads_in  # noqa: PLC0415

        return tuple(load for module in self.modules for load in loads_in(module))

    @cached_property
    def loaders(self) -> tuple[Loader, ...]:
        """The programs it starts that load models, or may."""
        from swarmcache.project.effective.loaders import loaders  # noqa: PLC0415

        return loaders(self.executions, self.modules, self.loads_in_python)

    @cached_property
    def configs(self) -> dict[LoadedConfig, Composed | None]:
        """YAML configs that its programs load, with their defaults lists; None where unreadable."""
        from swarmcache.project.loads.loaded_configs import composed_config, loaded_configs  # noqa: PLC0415

        return {one: composed_config(self, one) for one in loaded_configs(self)}

    @cached_property
    def loads_in_configs(self) -> tuple[ConfigLoad, ...]:
        """Every place of a loaded config that names something to load, for each program."""
        from swarmcache.project.loads.in_config import loads_in  # noqa: PLC0415

        made = ((one, composed) for one, composed in self.configs.items() if composed is not None)
        return tuple(load for one, composed in made for load in loads_in(self, one, composed))

    @cached_property
    def logs(self) -> dict[str, tuple[LogLine, ...]]:
        """The lines of its logs of which something is known, by file as it is shown."""
        from swarmcache.project.readers.logs import read_logs  # noqa: PLC0415

        return dict(read_logs(self.files.of("log"), self.folder))

    @cached_property
    def pins(self) -> dict[str, str]:
        """The versions of the Hub's libraries that it pins, by their names with underscores."""
        from swarmcache.project.pins import pinned  # noqa: PLC0415

        return pinned(self)

    @cached_property
    def needs(self) -> Needs:
        """What it would load when it is started here; `check` and `pull` ask the same."""
        from swarmcache.project.needs.models import needed_models  # noqa: PLC0415 - YAML

        return needed_models(self.folder, self.environment)

    @cached_property
    def loads(self) -> tuple[Load, ...]:
        """Every place that loads a model, a tokenizer, a dataset or an Ollama model."""
        from swarmcache.project.loads.in_commands import loads_in  # noqa: PLC0415

        configured = {one.load.span: one.load for one in self.loads_in_configs}
        commanded = loads_in(self.executions, self.loaders)
        return (*self.loads_in_python, *configured.values(), *commanded)
