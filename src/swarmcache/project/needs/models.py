"""What a project would load: its models, where each is named, and why it is one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from swarmcache.hubcache.layout import Target
from swarmcache.locale import t
from swarmcache.project.needs.configs import find_configs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.environment import Environment
    from swarmcache.project.needs.configs import Configs
    from swarmcache.project.needs.draws import PoolOption
    from swarmcache.project.needs.hub_tokens import HubToken
    from swarmcache.project.needs.sites import Role
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
    tokens: tuple[HubToken, ...] = ()
    """What the configs hand on for uploads and logins."""

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
    if not found.configs:
        named = tuple(map(_configured, settings_models))
        return Needs(named, (), (), tuple(dict.fromkeys(found.notes)), certain=True)
    from swarmcache.project.needs.survey import Survey  # noqa: PLC0415 - YAML and all that reads it

    survey = Survey(project, environment, pool)
    per_config = [tuple(survey.config(config)) for config in found.configs]
    models = [*map(_configured, settings_models), *(m for row in per_config for m in row)]
    return Needs(
        models=tuple(models),
        draws=_draws(models, survey.variables, environment),
        others=tuple(dict.fromkeys(survey.others)),
        notes=tuple(dict.fromkeys((*survey.pools.reasons, *survey.notes, *found.notes))),
        certain=_is_certain(found, per_config),
        tokens=tuple(dict.fromkeys(survey.tokens)),
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
