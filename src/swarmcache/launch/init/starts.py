"""How the project's own starts come to the one folder: which files need what.

Only starts on this machine; containers have `compose.py`. A start is settled where every library
of every program of it uses the folder because the project says so, by a name of today.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.locate import DEFAULT, TRANSFORMERS_VARIABLES, reads_own_variables
from swarmcache.launch.init.dotenv import dotenv_edit
from swarmcache.launch.init.script import Old, block_edit, in_block, silenced
from swarmcache.launch.init.values import Left
from swarmcache.locale import t
from swarmcache.project.edits import Edit
from swarmcache.project.effective.caches import uses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.project.effective.caches import Use
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.effective.values import Setting
    from swarmcache.project.files import FileKind
    from swarmcache.project.sources import Source
    from swarmcache.project.study import Project

MOST_SCRIPTS = 8
"""Scripts that are changed at once; a repository of examples has hundreds, and nobody's own."""
_NAMES = (b"HF_HUB_CACHE", b"HUGGINGFACE_HUB_CACHE", b"HF_HOME", b"TRANSFORMERS_CACHE")
_OLD = ("HUGGINGFACE_HUB_CACHE", *TRANSFORMERS_VARIABLES)
_HUB_AT_END = re.compile(rb"(?:/hub)/?[\"']?$")


class StartEdits(NamedTuple):
    """What the files that start programs need."""

    edits: tuple[Edit, ...]
    scripts: tuple[str, ...]
    """The scripts that start programs which load models, as they are told."""
    left: tuple[Left, ...]


def start_edits(project: Project, folder: str, libraries: Libraries) -> StartEdits:
    """Return what brings the starts on this machine to the folder; raises ProjectError."""
    return _Starts(project, folder, libraries).found()


def known_script(project: Project, folder: str, script: str, why: Left) -> StartEdits:
    """Return the block for a script of that name, where scripts cannot be read, which `why` tells.

    Nothing for a script that names a cache: which setting counts is not known then.
    """
    source = project.source(script)
    if source is None:
        return StartEdits((), (), (why,))
    edit = block_edit(source, folder, project.folder, project.environment.home, ())
    rest = source.data if edit is None else source.data[: edit.start] + source.data[edit.end :]
    if edit is None or any(name in rest for name in _NAMES):
        return StartEdits((), (script,), (why, Left(script, t("It names a cache already."))))
    return StartEdits((edit,), (script,), (why,))


def settled(loader: Loader, folder: str, libraries: Libraries) -> bool:
    """Tell whether a program uses the folder because the project itself says so."""
    return all(_is_settled(use, folder) for use in uses(loader.execution, libraries))


def _is_settled(use: Use, folder: str) -> bool:
    if use.hub is None or use.transformers is None or use.hub.decided_by == DEFAULT:
        return False
    if {use.hub.path, use.transformers.path} != {folder} or any(n in use.settings for n in _OLD):
        return False
    return use.settings[use.hub.decided_by].span is not None


class _Starts:
    def __init__(self, project: Project, folder: str, libraries: Libraries) -> None:
        self._project = project
        self._folder = folder
        self._libraries = libraries
        self._edits: dict[tuple[str, int, int], Edit] = {}
        self._left: list[Left] = []

    def found(self) -> StartEdits:
        loaders = [one for one in self._project.loaders if not one.execution.root.in_container]
        scripts = self._scripts(loaders)
        for loader in loaders:
            for use in uses(loader.execution, self._libraries):
                self._quiet(use)
        waiting = [one for one in loaders if not settled(one, self._folder, self._libraries)]
        files = list(dict.fromkeys(filter(None, (self._place(one) for one in waiting))))
        if len(files) > MOST_SCRIPTS:
            self._too_many(files)
            files = []
        for file in files:
            self._block(file)
        if not loaders:
            self._loaded_by_python()
        return StartEdits(tuple(self._edits.values()), scripts, tuple(self._left))

    def _scripts(self, loaders: Iterable[Loader]) -> tuple[str, ...]:
        shells = set(self._project.files.of("shell"))
        names = dict.fromkeys(loader.execution.root.name for loader in loaders)
        return tuple(n for n in names if os.path.join(self._project.folder, n) in shells)

    def _place(self, loader: Loader) -> str | None:
        """Return the file for a program's block: the `.env` that it gets, else its own script."""
        read = self._dotenv_of(loader)
        if read is not None:
            return read
        file = loader.execution.span.file
        if self._is(file, "shell"):
            return file
        reason = t("{root} starts a program without a script.", root=loader.execution.root.name)
        self._left.append(Left(file, reason, f"HF_HUB_CACHE={self._folder}"))
        return None

    def _dotenv_of(self, loader: Loader) -> str | None:
        """Return a `.env` whose variables all reach the program, and no container as its own."""
        exported = (
            setting.span.file
            for alternatives in loader.execution.variables.values()
            for setting in alternatives
            if setting is not None and setting.exported and setting.span is not None
        )
        for file in dict.fromkeys(exported):
            if self._is(file, "dotenv") and not self._is_containers(file):
                return file
        return None

    def _is(self, file: str, kind: FileKind) -> bool:
        """Tell whether a file, as it is told, is one of the project's of this kind."""
        return os.path.join(self._project.folder, file) in self._project.files.of(kind)

    def _is_containers(self, file: str) -> bool:
        path = os.path.join(self._project.folder, file)
        return any(
            os.path.basename(path) == os.path.basename(env.path.literal or path)
            for container in self._project.containers
            if container.service is not None
            for env in container.service.env_files
        )

    def _too_many(self, files: list[str]) -> None:
        count = len(files)
        reason = t("{count} scripts load models, too many to be changed at once.", count=count)
        self._left.append(Left("", reason, 'eval "$(swarmcache env)"'))

    def _block(self, file: str) -> None:
        source = self._project.source(file)
        if source is None:
            self._left.append(Left(file, t("It cannot be read as text.")))
            return
        if self._is(file, "dotenv"):
            self._add(dotenv_edit(source, self._folder), file)
            return
        home = self._project.environment.home
        edit = block_edit(source, self._folder, self._project.folder, home, self._still_read())
        self._add(edit, file)

    def _still_read(self) -> list[str]:
        """Return old variables of this user's own environment that would lead elsewhere."""
        version = self._libraries.transformers
        if version is not None and not reads_own_variables(version):
            return []
        environment = self._project.environment
        return [n for n in TRANSFORMERS_VARIABLES if environment.get(n) not in {None, self._folder}]

    def _add(self, edit: Edit | None, file: str) -> None:
        if edit is None:
            reason = t("The block of swarmcache init in it is broken, or cannot name the folder.")
            self._left.append(Left(file, reason, 'eval "$(swarmcache env)"'))
        else:
            self._keep(edit)

    def _keep(self, edit: Edit) -> None:
        self._edits[edit.file, edit.start, edit.end] = edit

    def _quiet(self, use: Use) -> None:
        """Take away what names another cache, or this one by an old name."""
        for name, setting in use.settings.items():
            source = self._own_source(setting)
            if source is None or setting.span is None or in_block(source, setting.span):
                continue
            if name in _OLD or (name == "HF_HUB_CACHE" and self._is_other(setting)):
                edit = silenced(
                    source, Old(name, setting.span), shell=self._is(source.file, "shell")
                )
                if edit is None:
                    where = f"{source.file}:{setting.span.line}"
                    self._left.append(Left(where, t("{name} names a cache as well.", name=name)))
                else:
                    self._keep(edit)
            elif name == "HF_HOME":
                self._home(setting, source)

    def _is_other(self, setting: Setting) -> bool:
        seen = self._project.environment
        value = setting.value or ""
        return setting.value is not None and seen.expand_user(value).rstrip("/") != self._folder

    def _home(self, setting: Setting, source: Source) -> None:
        """Make a relative HF_HOME absolute; take the `hub` away that belongs to the cache below.

        The home itself stays: the token lies in it.
        """
        span, value = setting.span, setting.value or ""
        if span is None or not self._is(source.file, "shell"):
            return
        written = source.data[span.start : span.end]
        if (
            value
            and re.fullmatch(r"[\w.][\w./-]*", value)
            and written == f"HF_HOME={value}".encode()
        ):
            edit = Edit(source.file, span.start + len("HF_HOME="), span.end, f'"$PWD/{value}"')
            self._keep(edit)
        end = _HUB_AT_END.search(written)
        is_hub = re.search(r"/\.?cache/huggingface/hub/?$", value)
        if is_hub and end and not os.path.exists(f"{value}/token"):
            at = span.start + end.start()
            edit = Edit(source.file, at, at + len(b"/hub"), "")
            self._keep(edit)

    def _own_source(self, setting: Setting) -> Source | None:
        if setting.span is None or setting.way not in {"script", "inline"}:
            return None
        return self._project.source(setting.span.file)

    def _loaded_by_python(self) -> None:
        """Use the project's `.env` where only Python code loads it."""
        loads = any(not write.name for module in self._project.modules for write in module.writes)
        if loads and self._is(".env", "dotenv") and not self._is_containers(".env"):
            self._block(".env")
