"""Which of the programs that a project starts load models, and from which of its modules."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.effective.arguments import overrides

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.effective.programs import Words
    from swarmcache.project.loads.values import Load
    from swarmcache.project.readers.python.syntax import Module

_PYTHON = ("python", "pypy")
_LAUNCHERS = {
    "accelerate": "launch",
    "torchrun": "",
    "deepspeed": "",
    "opentelemetry-instrument": "",
}
"""Programs that start Python, and the word behind them."""
_SERVERS = {"vllm": "serve", "sglang": "", "text-generation-launcher": "", "trl": ""}
_SERVER_MODULES = ("vllm.entrypoints", "sglang.launch_server")
_HUB = {"hf": ("download", "cache"), "huggingface-cli": ("download", "scan-cache", "delete-cache")}
_SMALL = frozenset({"tokenizer", "config", "dataset"})
"""What a program may load that holds no model: a router, a benchmark or a count of tokens."""
_CONFIGS = ("--config-path", "--config-name", "--config-dir", "--config", "-cp", "-cn")


class Loader(NamedTuple):
    """A program that loads models when it is started."""

    execution: Execution
    entry: str
    """The module or file that Python begins with; the program's name where it is not Python."""
    modules: tuple[str, ...]
    """The project's modules that it imports, as far as reading tells; empty where unknown."""
    library: str
    """`transformers` for Python, `huggingface_hub` for its command line, else the program."""


def loaders(
    executions: Iterable[Execution], modules: Iterable[Module], loads: Iterable[Load]
) -> tuple[Loader, ...]:
    """Return the programs among executions that load models, or may."""
    by_name = {module.name: module for module in modules}
    loading = {load.span.file for load in loads if load.kind not in _SMALL}
    found = (_loader(execution, by_name, loading) for execution in executions)
    return tuple(loader for loader in found if loader is not None)


def _loader(
    execution: Execution, modules: Mapping[str, Module], loading: set[str]
) -> Loader | None:
    program = execution.program
    words, name = program.words, program.name
    if name in _SERVERS and (not _SERVERS[name] or _SERVERS[name] in words):
        return Loader(execution, name, (), name)
    if name in _HUB and len(words) > 1 and words[1] in _HUB[name]:
        return Loader(execution, name, (), "huggingface_hub")
    entry = python_entry(words)
    if entry is None:
        return None
    if entry.startswith(_SERVER_MODULES):
        return Loader(execution, entry, (), entry.partition(".")[0])
    names = reached(_module_name(entry, execution), modules)
    loads = any(modules[one].source.file in loading for one in names)
    # What a config names is loaded by whatever reads it.
    configured = any((word or "").partition("=")[0] in _CONFIGS for word in words)
    if configured and not loads and _names_folder(execution):
        return None
    return Loader(execution, entry, names, "transformers") if loads or configured else None


def _names_folder(execution: Execution) -> bool:
    """Tell whether an override names the model of a config, and it is a folder."""
    found = [given for key, given in overrides(execution) if key.endswith("model.path")]
    return bool(found) and all(
        len(given.known) == len(given.values) and all(v.startswith("/") for v in given.known)
        for given in found
    )


def python_entry(words: Words) -> str | None:
    """Return the module or file that a Python command begins with; None where it is none."""
    name = os.path.basename(words[0] or "") if words else ""
    if name.startswith(_PYTHON):
        return _behind_python(words[1:])
    if name not in _LAUNCHERS:
        return None
    rest = words[1:]
    if _LAUNCHERS[name] and rest[:1] == (_LAUNCHERS[name],):
        rest = rest[1:]
    if rest and (rest[0] or "").startswith(_PYTHON):
        return _behind_python(rest[1:])
    # A launcher's own options come before the script, and any of them may take a value.
    if "-m" in rest:
        return next(iter(rest[rest.index("-m") + 1 :]), None)
    return next((w for w in rest if w is not None and w.endswith(".py")), None)


def _behind_python(words: Words) -> str | None:
    for at, word in enumerate(words):
        if word == "-m":
            return next(iter(words[at + 1 :]), None)
        if word == "-c":
            return None
        if word is not None and not word.startswith("-"):
            return word
    return None


def _module_name(entry: str, execution: Execution) -> str:
    """Return an entry as a dotted name, seen from the project as its modules are."""
    if not entry.endswith(".py"):
        return entry
    path = os.path.normpath(os.path.join(execution.cwd or execution.folder, entry))
    relative = os.path.relpath(execution.root.paths.outside(path), execution.project)
    return relative.removesuffix(".py").replace(os.sep, ".")


def reached(entry: str, modules: Mapping[str, Module]) -> tuple[str, ...]:
    """Return the project's modules that one imports, and those that they import."""
    starts = (
        [entry, f"{entry}.__main__"] if entry in modules or f"{entry}.__main__" in modules else []
    )
    # A package below `src/` is imported without that.
    starts = starts or [name for name in modules if name.endswith(f".{entry}")]
    found: dict[str, None] = {}
    waiting = [name for name in starts if name in modules]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = None
        for one in modules[name].imports:
            if not (one.guarded or one.optional):
                waiting += [m for m in _named(one.module, modules) if m not in found]
    return tuple(found)


def _named(dotted: str, modules: Mapping[str, Module]) -> list[str]:
    """Return the modules that an import means: itself, or the one that holds the name."""
    parent = dotted.rpartition(".")[0]
    return [name for name in (dotted, parent, f"src.{dotted}", f"src.{parent}") if name in modules]
