"""What a project would load: its models, where each is named, and why it is one of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from swarmcache.hubcache.layout import Target, check_revision
from swarmcache.locale import t
from swarmcache.project.configs import find_configs
from swarmcache.project.draws import Pools, pinning_variable
from swarmcache.project.resolve import Resolver, Unresolved
from swarmcache.project.sites import is_repo_id, load_sites

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.environment import Environment
    from swarmcache.project.configs import Configs
    from swarmcache.project.draws import PoolOption
    from swarmcache.project.readers.hydra import Config, Place
    from swarmcache.project.resolve import Values
    from swarmcache.project.sites import Kind, Role, Site
    from swarmcache.settings import ModelSetting


@dataclass(frozen=True, slots=True)
class NeededModel:
    """A repo that one place of the project loads, or may load."""

    target: Target
    role: Role
    origin: str
    """`file:line`, the file relative to the project; `swarmcache.toml` for settings."""
    why: str
    """One translated sentence."""
    group: str = ""
    """The expression that yields it; models of one group are alternatives of one draw."""


@dataclass(frozen=True, slots=True)
class Draw:
    """An expression that yields a model of a pool, at each evaluation another where it has several.

    A pool of one is a draw as well: which pool it is, the program would find out by itself, and may
    see another GPU than we do.
    """

    group: str
    variable: str
    """The environment variable that pins it when set; empty when there is none."""
    models: tuple[Target, ...]
    """In the pool's order; what `run` draws once for all places that share the expression."""


@dataclass(frozen=True, slots=True)
class OtherNeed:
    """Something the project loads that is no model repo, so that `pull` does not fetch it."""

    kind: Literal["ollama", "dataset"]
    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Needs:
    """All that a project would load."""

    models: tuple[NeededModel, ...]
    draws: tuple[Draw, ...]
    others: tuple[OtherNeed, ...]
    notes: tuple[str, ...]
    """What a reader should know: which pool and why, what was skipped or stays unknown."""
    certain: bool
    """False when several configs name different models and nothing tells which one is loaded."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Each repo once, in the order of first mention."""
        return tuple(dict.fromkeys(model.target for model in self.models))


def needed_models(
    project: str,
    environment: Environment,
    *,
    pool: PoolOption = "auto",
    settings_models: Sequence[ModelSetting] = (),
) -> Needs:
    """Return what the project in this folder loads when started in this environment.

    The `[[models]]` of the settings come first, then what the configs name. A variable that is
    set to something decides; one that is set and empty is told in a note and then passed over,
    since the program would ask the Hub for a model with no name. Runs `nvidia-smi` (5 s at most)
    only where a pool depends on it.
    """
    project = environment.absolute(project)
    found = find_configs(project, environment)
    survey = _Survey(project, environment, Pools(pool, environment))
    per_config = [tuple(survey.config(config)) for config in found.configs]
    models = [*map(_configured, settings_models), *(m for row in per_config for m in row)]
    return Needs(
        models=tuple(models),
        draws=_draws(models, survey.variables, environment),
        others=tuple(dict.fromkeys(survey.others)),
        notes=tuple(dict.fromkeys((*survey.pools.reasons, *survey.notes, *found.notes))),
        certain=_is_certain(found, per_config),
    )


def _configured(setting: ModelSetting) -> NeededModel:
    target = Target(setting.type, setting.id, setting.revision)
    return NeededModel(target, "settings", "swarmcache.toml", t("The settings name it."))


def _is_certain(found: Configs, per_config: list[tuple[NeededModel, ...]]) -> bool:
    if found.launched_by:
        return True
    named = {frozenset(model.target for model in models) for models in per_config if models}
    return len(named) <= 1


def _draws(
    models: Sequence[NeededModel], variables: dict[str, str], environment: Environment
) -> tuple[Draw, ...]:
    groups: dict[str, dict[Target, None]] = {}
    for model in models:
        if model.group:
            groups.setdefault(model.group, {})[model.target] = None
    open_ones = ((g, m) for g, m in groups.items() if not environment.get(variables[g]))
    return tuple(Draw(group, variables[group], tuple(members)) for group, members in open_ones)


class _Survey:
    """Collects models, other needs and notes while it goes through the configs."""

    def __init__(self, project: str, environment: Environment, pools: Pools) -> None:
        self.project = project
        self.environment = environment
        self.pools = pools
        self.others: list[OtherNeed] = []
        self.notes: list[str] = []
        self.variables: dict[str, str] = {}

    def config(self, config: Config) -> Iterator[NeededModel]:
        """Yield the models of one config, each place and alternative on its own."""
        resolver = Resolver(config, self.environment, self.pools.functions)
        for site in load_sites(config):
            origin = f"{os.path.relpath(config.file, self.project)}:{site.place.line}"
            try:
                if site.kind != "model":
                    self._other(site.kind, resolver.values(site.place), origin)
                elif not site.reference_only or "${" in (site.place.text or ""):
                    yield from self._models(resolver, config, site, origin)
            except Unresolved as reason:
                text = site.place.text
                self.notes.append(
                    t(
                        "{origin}: {text} is not known: {reason}.",
                        origin=origin,
                        text=text,
                        reason=reason,
                    )
                )

    def _other(self, kind: Kind, values: Values, origin: str) -> None:
        names = [value for value in values if isinstance(value, str) and value]
        self.others += [OtherNeed(kind, name, origin) for name in names if kind != "model"]

    def _models(
        self, resolver: Resolver, config: Config, site: Site, origin: str
    ) -> Iterator[NeededModel]:
        source = resolver.source(site.place)
        variable = pinning_variable(source)
        values = resolver.values(source)
        if values == ("",) and variable:
            values = self._without(variable, config, source)
        group = "".join((source.text or "").split()) if "${" in (source.text or "") else ""
        self.variables[group] = variable
        revision = self._revision(resolver, site)
        for value in values:
            if not isinstance(value, str):
                continue
            if not is_repo_id(value, self.project, self.environment.cwd):
                self.notes.append(
                    t(
                        "{origin}: {value} is a local path, not a model of the Hub.",
                        origin=origin,
                        value=repr(value),
                    )
                )
                continue
            why = self._why(variable, len(values), origin)
            yield NeededModel(Target("model", value, revision), site.role, origin, why, group)

    def _without(self, variable: str, config: Config, source: Place) -> Values:
        """Return what the expression yields when a variable that is set but empty is unset."""
        self.notes.append(
            t(
                "{variable} is set but empty: unset it, or the program loads a model with no name.",
                variable=variable,
            )
        )
        rest = {k: v for k, v in self.environment.variables.items() if k != variable}
        environment = self.environment._replace(variables=rest)
        return Resolver(config, environment, self.pools.functions).values(source)

    def _revision(self, resolver: Resolver, site: Site) -> str:
        if site.revision is None:
            return "main"
        values = resolver.values(site.revision)
        if len(values) != 1:
            raise Unresolved(t("its revision is drawn at random"))
        if values[0] is None:
            return "main"
        check_revision(str(values[0]))
        return str(values[0])

    def _why(self, variable: str, count: int, origin: str) -> str:
        if variable and self.environment.get(variable):
            return t("{variable} is set to it.", variable=variable)
        if count > 1:
            return t("One of {count} models, drawn at random at each start.", count=count)
        if variable:
            return t("{variable} is not set, and this is the default.", variable=variable)
        return t("{origin} names it.", origin=origin)


__all__ = ["Draw", "NeededModel", "Needs", "OtherNeed", "needed_models"]
