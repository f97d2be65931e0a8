"""What Python code sets in its environment after the library that reads it has been imported.

The Hub's libraries read most variables once, when they are imported. What counts is the order in
which a module's own top level is carried out, with the project's modules that it imports; a
function is carried out later than the top level of its module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.hubcache.variables import READ_AT_IMPORT, READ_BY_DATASETS, READ_BY_TRANSFORMERS
from swarmcache.project.readers.python.syntax import Import

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmcache.project.readers.python.syntax import EnvironmentWrite, Module
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_HUB = READ_AT_IMPORT
_BOTH = READ_AT_IMPORT | READ_BY_TRANSFORMERS
_READS = {
    "transformers": _BOTH,
    "peft": _BOTH,
    "trl": _BOTH,
    "datasets": _HUB | READ_BY_DATASETS,
}
"""What a library has read once `import` is done: seen in sys.modules of real imports (transformers
4.51.3, 4.57.1 and 5.23.0, peft 0.21.2, trl 0.19.1 and 0.21.0, datasets 5.0.1 and 5.2.0). accelerate
1.15.0 has read nothing by then; libraries that nobody has looked at are not here."""
_LAZY = {"huggingface_hub": _HUB}
"""Libraries that import next to nothing before a name of theirs is used: `from … import login`."""
_CHILDREN = (
    *("subprocess.", "multiprocessing.", "torch.multiprocessing.", "os.exec", "os.spawn"),
    *("os.system", "os.fork", "ray.", "importlib.reload"),
)
"""Calls by which the environment still counts, for another process or a second import."""


class Late(NamedTuple):
    """A write that comes too late."""

    write: EnvironmentWrite
    library: str
    imported: Span
    """The import, in the same module, by which the library came."""


def late_writes(project: Project) -> Iterator[Late]:
    """Yield each write to the environment that a library imported before will not see."""
    modules = {module.name: module for module in project.modules}
    for module in project.modules:
        starts_others = any(call.callee.startswith(_CHILDREN) for call in module.calls)
        if module.writes and not starts_others:
            yield from _Order(modules).late(module)


class _Order:
    """Carries out one module's top level."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._modules = modules
        self._seen: set[str] = set()
        self._loaded: dict[str, Span] = {}

    def late(self, module: Module) -> Iterator[Late]:
        self._seen.add(module.name)
        events: list[Import | EnvironmentWrite] = [*module.imports, *module.writes]
        events.sort(key=lambda one: (not one.at_import, one.span.start))
        for event in events:
            if isinstance(event, Import):
                if event.at_import:
                    self._import(event, event.span)
            elif event.kind in {"set", "default"}:
                yield from self._write(event)

    def _write(self, write: EnvironmentWrite) -> Iterator[Late]:
        for library, span in self._loaded.items():
            if write.name in (_READS.get(library) or _LAZY[library]):
                yield Late(write, library, span)
                return

    def _import(self, one: Import, span: Span) -> None:
        """Note the libraries that an import brings, through the project's own modules as well."""
        if one.guarded:
            return
        library, _, name = one.module.partition(".")
        if library in _READS or (library in _LAZY and name):
            self._loaded.setdefault(library, span)
            return
        for dotted in (one.module, one.module.rpartition(".")[0]):
            module = self._modules.get(dotted)
            if module is not None and dotted not in self._seen:
                self._seen.add(dotted)
                for inner in module.imports:
                    if inner.at_import:
                        self._import(inner, span)
