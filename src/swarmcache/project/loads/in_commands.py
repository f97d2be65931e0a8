"""Load sites on command lines: `hf download X`, `vllm serve X`, `ollama pull X`, and options."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.project.effective.arguments import has_flag, option, overrides
from swarmcache.project.loads.values import Load, Option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmcache.project.effective.executions import Execution, Given
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.loads.values import Library, LoadKind

_MODEL_OPTIONS = ("--model_name_or_path", "--model-name-or-path", "--pretrained_model_name_or_path")
_MODEL_KEY = re.compile(r"(?:.+\.)?model\.path|(?:.+\.)?(?:\w+_)?model_name_or_path")
"""Overrides that name a model: verl's `actor_rollout_ref.model.path=…`, and the argument's name."""
_OPTIONS = {
    "cache_dir": ("--cache-dir", "--cache_dir"),
    "revision": ("--revision", "--model_revision", "--model-revision"),
    "download_dir": ("--download-dir", "--download_dir"),
    "local_dir": ("--local-dir", "--local_dir"),
}
_HUB = ("hf", "huggingface-cli")
_WITH_VALUE = frozenset(
    {
        *("--repo-type", "--repo_type", "--include", "--exclude", "--token", "--max-workers"),
        *(name for names in _OPTIONS.values() for name in names),
    }
)


def loads_in(executions: Iterable[Execution], loaders: Iterable[Loader]) -> Iterator[Load]:
    """Yield what commands name to load, each place once."""
    found = [load for one in executions for load in _by_tool(one)]
    found += [load for loader in loaders for load in _by_option(loader)]
    yield from {load.span: load for load in found}.values()


def _by_tool(one: Execution) -> Iterator[Load]:
    words, name = one.program.words, one.program.name
    verb = words[1] if len(words) > 1 else None
    if name in _HUB and verb == "download":
        given = _behind(one, 2)
        kind = option(one, "--repo-type", "--repo_type")
        is_dataset = kind is not None and kind.known == ("dataset",)
        yield from _load(one, "dataset" if is_dataset else "snapshot", "huggingface_hub", given)
    elif name == "vllm" and verb == "serve":
        yield from _load(one, "engine", "vllm", option(one, "--model") or _behind(one, 2))
    elif name == "ollama" and verb in {"pull", "run"}:
        yield from _load(one, "ollama", "ollama", _behind(one, 2))
    elif "vllm.entrypoints.openai.api_server" in words:
        yield from _load(one, "engine", "vllm", option(one, "--model"))


def _by_option(loader: Loader) -> Iterator[Load]:
    one = loader.execution
    yield from _load(one, "model", "transformers", option(one, *_MODEL_OPTIONS))
    for key, given in overrides(one):
        if _MODEL_KEY.fullmatch(key):
            yield from _load(one, "model", "transformers", given)


def _behind(one: Execution, first: int) -> Given | None:
    """Return the first word behind `first` words that is no option and no option's value."""
    skip = False
    for word in one.words()[first:]:
        text = word.values[0] if len(word.values) == 1 else None
        if skip:
            skip = False
        elif text is not None and text.startswith("-"):
            skip = text in _WITH_VALUE
        else:
            return word
    return None


def _load(one: Execution, kind: LoadKind, library: Library, given: Given | None) -> Iterator[Load]:
    if given is None:
        return
    options = {
        name: Option(found.known if None not in found.values else (), found.span)
        for name, spellings in _OPTIONS.items()
        if (found := option(one, *spellings)) is not None
    }
    forced = has_flag(one, "--force-download", "--force_download")
    if forced is not None:
        options["force_download"] = Option((True,), forced.span)
    name = Option(given.known if None not in given.values else (), given.span)
    words = " ".join(word or "…" for word in one.program.words[:2])
    yield Load(kind, library, words, name, options, False, given.span, "command")
