"""Load sites in Python code, told by the names that calls have in their libraries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.project.loads.values import Load, Option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.loads.values import Library, LoadKind
    from swarmcache.project.readers.python.syntax import Argument, Call, Module

_FROM_PRETRAINED = re.compile(r"(?:(?P<library>\w+)\..*?)?(?P<type>[A-Z]\w*)\.from_pretrained")
_LIBRARIES: dict[str, Library] = {
    "transformers": "transformers",
    "trl": "transformers",
    "peft": "peft",
    "diffusers": "diffusers",
    "unsloth": "unsloth",
}
_KINDS: tuple[tuple[str, LoadKind], ...] = (
    ("Tokenizer", "tokenizer"),
    ("Processor", "processor"),
    ("FeatureExtractor", "processor"),
    ("Config", "config"),
    ("Pipeline", "pipeline"),
)
_CALLS: dict[str, tuple[LoadKind, Library, str, int]] = {
    "transformers.pipeline": ("pipeline", "transformers", "model", 1),
    "huggingface_hub.snapshot_download": ("snapshot", "huggingface_hub", "repo_id", 0),
    "huggingface_hub.hf_hub_download": ("file", "huggingface_hub", "repo_id", 0),
    "huggingface_hub.cached_download": ("file", "huggingface_hub", "url", 0),
    "datasets.load_dataset": ("dataset", "datasets", "path", 0),
    "vllm.LLM": ("engine", "vllm", "model", 0),
    "sentence_transformers.SentenceTransformer": (
        "model",
        "sentence_transformers",
        "model_name_or_path",
        0,
    ),
    "ollama.pull": ("ollama", "ollama", "model", 0),
    "ollama.generate": ("ollama", "ollama", "model", 0),
    "ollama.chat": ("ollama", "ollama", "model", 0),
}
"""By name: what is loaded, by which library, and the argument that names it with its position."""
_OPTIONS = (
    "cache_dir", "revision", "local_files_only", "force_download", "streaming", "download_dir",
    "local_dir", "cache_folder", "token", "resume_download", "use_cache",
)  # fmt: skip


def loads_in(module: Module) -> Iterator[Load]:
    """Yield every place of a module that loads something."""
    for call in module.calls:
        load = _load(call)
        if load is not None:
            yield load


def _load(call: Call) -> Load | None:
    known = _CALLS.get(call.callee)
    if known is not None:
        kind, library, name, position = known
        file = call.argument("filename", 1) if kind == "file" else None
        if file is not None and str(file.value).endswith((".json", ".txt", ".py")):
            kind = "config"
        return _made(call, kind, library, call.argument(name, position))
    match = _FROM_PRETRAINED.fullmatch(call.callee)
    if match is None:
        return None
    library = _LIBRARIES.get(match["library"] or "", "other")
    kind = next((kind for word, kind in _KINDS if word in match["type"]), "model")
    first = call.argument("pretrained_model_name_or_path", 0) or call.argument("model_name")
    return _made(call, kind, library, first)


def _made(call: Call, kind: LoadKind, library: Library, name: Argument | None) -> Load:
    options = {key: _option(call.keywords[key]) for key in _OPTIONS if key in call.keywords}
    named = _option(name) if name is not None else None
    group = "" if name is None or not (name.name or name.variable) else name.variable or name.name
    return Load(kind, library, call.callee, named, options, call.open, call.span, "python", group)


def _option(argument: Argument) -> Option:
    return Option(argument.values, argument.span, argument.variable, argument.flags)
