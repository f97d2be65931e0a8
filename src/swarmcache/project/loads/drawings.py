"""Models that are drawn at random: by which expression, for which load sites, pinned or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.project.needs.draws import RESOLVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.project.effective.values import Alternatives
    from swarmcache.project.loads.in_config import Draw
    from swarmcache.project.loads.loaded_configs import LoadedConfig
    from swarmcache.project.loads.values import Load
    from swarmcache.project.study import Project


class Drawing(NamedTuple):
    """One expression of a loaded config, and every load site that evaluates it."""

    draw: Draw
    config: LoadedConfig
    loads: tuple[Load, ...]
    remembered: bool
    """Whether the resolver is registered with `use_cache`, so that it draws once."""

    @property
    def pinned(self) -> bool:
        """Whether a variable decides on every way to the program."""
        return all(setting is not None and setting.value != "" for setting in self.settings)

    @property
    def settings(self) -> Alternatives:
        """What the variable that pins it may be."""
        if not self.draw.variable:
            return (None,)
        return self.config.loader.execution.variable(self.draw.variable)

    @property
    def most(self) -> int:
        """How many models the larger pool has."""
        return max(len(self.draw.large), len(self.draw.small))


def drawings(project: Project) -> Iterator[Drawing]:
    """Yield the draws of a project's loaded configs, each for its program."""
    groups: dict[tuple[LoadedConfig, Draw], list[Load]] = {}
    for one in project.loads_in_configs:
        if one.draw is not None:
            groups.setdefault((one.config, one.draw), []).append(one.load)
    remembered = _is_remembered(project)
    for (config, draw), loads in groups.items():
        yield Drawing(draw, config, tuple(loads), remembered)


def _is_remembered(project: Project) -> bool:
    for module in project.modules:
        for call in module.calls:
            if not call.callee.endswith(("register_new_resolver", "register_resolver")):
                continue
            name, cached = call.argument("name", 0), call.argument("use_cache")
            if name is not None and name.value == RESOLVER:
                return cached is not None and cached.value is True
    return False
