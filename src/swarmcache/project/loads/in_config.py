"""Load sites in YAML configs that a project's programs really load."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from swarmcache.environment import Environment
from swarmcache.project.loads.values import Load, Option
from swarmcache.project.needs.draws import Pools, draws, pinning_variable
from swarmcache.project.needs.resolve import Resolver, Unresolved
from swarmcache.project.needs.sites import load_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.loads.loaded_configs import LoadedConfig
    from swarmcache.project.loads.values import Library, LoadKind
    from swarmcache.project.needs.sites import Site
    from swarmcache.project.readers.composition import Composed
    from swarmcache.project.readers.hydra import Place
    from swarmcache.project.readers.python.syntax import Constant
    from swarmcache.project.sources import Source, Span
    from swarmcache.project.study import Project

_OPTIONS = (
    "cache_dir", "revision", "local_files_only", "force_download", "streaming", "download_dir",
    "model_revision", "trust_remote_code",
)  # fmt: skip
_LIBRARIES: dict[str, Library] = {
    "transformers": "transformers",
    "trl": "transformers",
    "diffusers": "diffusers",
    "unsloth": "unsloth",
    "vllm": "vllm",
    "sentence_transformers": "sentence_transformers",
    "huggingface_hub": "huggingface_hub",
    "datasets": "datasets",
}
_BY_KIND: dict[str, tuple[LoadKind, Library]] = {
    "ollama": ("ollama", "ollama"),
    "dataset": ("dataset", "datasets"),
}


class Draw(NamedTuple):
    """An expression of a config that draws a model at random each time somebody reads it."""

    expression: str
    """Without its blanks."""
    variable: str
    """The environment variable that pins it; empty when there is none."""
    large: tuple[str, ...]
    """What it may draw where the GPU has 40 GiB or more, as it is written."""
    small: tuple[str, ...]


class ConfigLoad(NamedTuple):
    """A load site with what only its config tells."""

    load: Load
    config: LoadedConfig
    draw: Draw | None


def loads_in(project: Project, config: LoadedConfig, made: Composed) -> list[ConfigLoad]:
    """Return every place of a loaded config that names something to load, by file and line."""
    study = _Study(project, config, made, known_environment(config.loader.execution))
    found = [one for site in load_sites(made.config) if (one := study.load(site)) is not None]
    return sorted(found, key=lambda one: (one.load.span.file, one.load.span.start))


def known_environment(execution: Execution) -> Environment:
    """Return what is certain of a program's environment, whatever way a script takes."""
    found = {name: rows[0] for name, rows in execution.environment().items() if len(rows) == 1}
    known = {name: s.value for name, s in found.items() if s is not None and s.value is not None}
    home = execution.root.home or "/"
    return Environment(known, home, execution.cwd or execution.project)


def config_span(project: Project, place: Place) -> Span | None:
    """Return where a value stands, in bytes; None where its file is not at hand."""
    source = project.source(place.file)
    return None if source is None else span_in(source, *place.characters)


def span_in(source: Source, start: int, end: int) -> Span:
    """Return the span of characters that PyYAML counts."""
    text = source.text
    first = len(text[:start].encode())
    return source.span(first, first + len(text[start:end].encode()))


class _Study:
    """Goes through one composed config."""

    def __init__(
        self, project: Project, config: LoadedConfig, made: Composed, environment: Environment
    ) -> None:
        self._project = project
        self._config = config
        self._made = made
        self._environment = environment

    def load(self, site: Site) -> ConfigLoad | None:
        text = site.place.text or ""
        span = config_span(self._project, site.place)
        if span is None or (site.reference_only and "${" not in text):
            return None
        name, group, draw = self._name(site.place, span)
        kind, library = _BY_KIND.get(site.kind, (_kind(site), _library(site)))
        options = dict(self._options(site.holder))
        callee = site.called or (site.holder.path[-1] if site.holder.path else "")
        load = Load(kind, library, callee, name, options, False, span, "config", group)
        return ConfigLoad(load, self._config, draw)

    def _name(self, place: Place, span: Span) -> tuple[Option, str, Draw | None]:
        """Return what a site loads, the expression that yields it, and what that may draw."""
        resolver = self._resolver("all")
        try:
            source = resolver.source(place)
        except Unresolved:
            return Option((), span), "", None
        text = source.text or ""
        group = "".join(text.split()) if "${" in text else ""
        variable = pinning_variable(source)
        values = _plain(resolver, source)
        if not draws(source):
            return Option(values, span, variable), group, None
        pools = [_plain(self._resolver(pool), source) for pool in ("large", "small")]
        large, small = ([str(model) for model in pool] for pool in pools)
        return Option(values, span, variable), group, Draw(group, variable, (*large,), (*small,))

    def _resolver(self, pool: str) -> Resolver:
        """Return what resolves without the variables that a person may set: the defaults count."""
        pools = Pools(pool, self._environment)  # type: ignore[arg-type]
        rest = {
            name: value
            for name, value in self._environment.variables.items()
            if not re.fullmatch(r"\w*MODEL\w*", name)
        }
        environment = self._environment._replace(variables=rest)
        return Resolver(self._made.config, environment, pools.functions)

    def _options(self, holder: Place) -> Iterator[tuple[str, Option]]:
        for key, child in holder.children():
            span = config_span(self._project, child)
            if key in _OPTIONS and span is not None:
                values = _plain(self._resolver("all"), child)
                yield key, Option(values, span, pinning_variable(child))


def _plain(resolver: Resolver, place: Place) -> tuple[Constant, ...]:
    """Return what a place may be, as far as it is a plain value; empty where that is not known."""
    try:
        values = resolver.values(place)
    except Unresolved:
        return ()
    plain = [v for v in values if v is None or isinstance(v, str | bool | int | float)]
    return tuple(plain) if len(plain) == len(values) else ()


def _kind(site: Site) -> LoadKind:
    if site.role == "tokenizer":
        return "tokenizer"
    return "engine" if site.called.startswith("vllm.") else "model"


def _library(site: Site) -> Library:
    return _LIBRARIES.get(site.called.partition(".")[0], "transformers")
