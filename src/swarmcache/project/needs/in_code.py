"""What the code of a project loads besides what its configs name: datasets, Ollama, torch hub.

Only code that a start reaches counts (`running.py`).
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from swarmcache.project.loads.in_python import loads_in
from swarmcache.project.needs.running import running_modules
from swarmcache.project.needs.sites import is_repo_id
from swarmcache.project.readers.python.parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.loads.values import Load
    from swarmcache.project.readers.python.syntax import Argument, Call, Module
    from swarmcache.project.study import Project

CodeKind = Literal["model", "tokenizer", "dataset", "ollama", "torch-hub", "torch-weights", "vllm"]

_TELLING = re.compile(
    rb"from_pretrained|load_dataset|_download|pipeline|LLM|SentenceTransformer|ollama|hub\.load"
    rb"|load_state_dict_from_url|load_url"
)
"""Without one of these a module loads nothing that is told here."""
_BUILDERS = frozenset(
    [
        "arrow",
        "audiofolder",
        "conll",
        "csv",
        "eval",
        "fasta",
        "fastq",
        "genbank",
        "hdf5",
        "imagefolder",
        "json",
        "lance",
        "mmcif",
        "meshfolder",
        "niftifolder",
        "pandas",
        "parquet",
        "pdb",
        "pdffolder",
        "text",
        "tsfile",
        "videofolder",
        "vortex",
        "webdataset",
        "xml",
    ]
)
"""Names that `load_dataset` takes for a kind of file, not for a repo (datasets 5.2.0)."""
_LOADS: dict[str, CodeKind] = {
    "model": "model",
    "pipeline": "model",
    "engine": "model",
    "snapshot": "model",
    "processor": "tokenizer",
    "tokenizer": "tokenizer",
    "ollama": "ollama",
}
_TORCH: dict[str, tuple[CodeKind, str]] = {
    "torch.hub.load": ("torch-hub", "repo_or_dir"),
    "torch.hub.load_state_dict_from_url": ("torch-weights", "url"),
    "torch.utils.model_zoo.load_url": ("torch-weights", "url"),
}


class CodeNeed(NamedTuple):
    """One thing that the code loads."""

    kind: CodeKind
    name: str
    """Empty where only running tells."""
    origin: str
    """`file:line`."""
    config: str | None = None
    """A dataset's configuration; None where none is given."""
    streaming: bool | None = False
    """Whether a dataset is streamed; None where only running tells."""
    files: tuple[str, ...] | None = ()
    """Of a dataset that is made of files: which; None where only running tells."""


def code_needs(project: Project, commands: Iterable[str] = ()) -> tuple[CodeNeed, ...]:
    """Return what the code of a project loads by name, each once, in the order of its modules.

    `commands` start it besides its scripts: `launch.command` of the settings.
    """
    found: dict[tuple[object, ...], CodeNeed] = {}
    for module in running_modules(project, _TELLING, commands):
        for need in (*_datasets(module, project), *_others(module, project)):
            found.setdefault(need._replace(origin=""), need)
    return tuple(found.values())


def _datasets(module: Module, project: Project) -> Iterator[CodeNeed]:
    for call in module.calls:
        if call.callee not in {"datasets.load_dataset", "datasets.load_dataset_builder"}:
            continue
        config = call.argument("name", 1)
        streaming = call.keywords.get("streaming")
        origin = f"{call.span.file}:{call.span.line}"
        for name in _names(call.argument("path", 0), module) or ("",):
            if name in _BUILDERS:
                files = _names(call.argument("data_files", 3), module) or None
                yield CodeNeed("dataset", name, origin, files=files)
            elif name == "" or is_repo_id(name, project.folder):
                given = config.value if config is not None else None
                named = given if isinstance(given, str) else None
                yield CodeNeed("dataset", name, origin, named, _truth(streaming, call))


def _truth(streaming: Argument | None, call: Call) -> bool | None:
    if streaming is None:
        return None if call.open else False
    return streaming.value if isinstance(streaming.value, bool) else None


def _names(argument: Argument | None, module: Module) -> tuple[str, ...]:
    """Return the names that an argument may have, a local variable's assignments included."""
    if argument is None:
        return ()
    known = tuple(value for value in argument.values if isinstance(value, str))
    if known or not argument.name.isidentifier():
        return known
    tree = parsed(module.source.data)
    return () if tree is None else tuple(dict.fromkeys(_assigned(tree, argument.name)))


def _assigned(tree: ast.Module, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Assign) else None
        names = node.targets if isinstance(node, ast.Assign) else []
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        if is_text and any(isinstance(one, ast.Name) and one.id == name for one in names):
            assert isinstance(value, ast.Constant)  # noqa: S101 - said for mypy
            yield str(value.value)


def _others(module: Module, project: Project) -> Iterator[CodeNeed]:
    for load in loads_in(module):
        origin = f"{load.span.file}:{load.span.line}"
        kind = _LOADS.get(load.kind)
        if kind is not None:
            for name in _loaded(load, project):
                yield CodeNeed(kind, name, origin)
        if load.library == "vllm":
            yield CodeNeed("vllm", "vllm", origin)
    for call in module.calls:
        if call.callee in _TORCH:
            kind, argument = _TORCH[call.callee]
            source = call.argument("source")
            if source is None or source.value != "local":
                names = _names(call.argument(argument, 0), module) or ("",)
                origin = f"{call.span.file}:{call.span.line}"
                yield from (CodeNeed(kind, name, origin) for name in names)


def _loaded(load: Load, project: Project) -> tuple[str, ...]:
    if load.kind == "ollama":
        return load.repos
    decided = project.environment.get(load.name.variable) if load.name is not None else None
    names = (decided,) if decided else load.repos
    return tuple(name for name in names if is_repo_id(name, project.folder))
