"""Random choice of a model from a pool: what may come out, and which variable pins it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from swarmcache.locale import t
from swarmcache.project.needs.resolve import Unresolved
from swarmcache.project.needs.vram import pool_here
from swarmcache.project.readers.interpolation import BadInterpolation, Call, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.environment import Environment
    from swarmcache.project.needs.resolve import Function, Values
    from swarmcache.project.needs.vram import PoolChoice, PoolName
    from swarmcache.project.readers.hydra import Place

RESOLVER = "gpu_model_choice"
"""The resolver with which RL-Swarm draws, registered by its own code."""
PoolOption = Literal["auto", "small", "large", "all"]


class Pools:
    """RL-Swarm's resolver `gpu_model_choice(large, small)`, with every member it may draw."""

    def __init__(self, option: PoolOption, environment: Environment) -> None:
        self._option = option
        self._environment = environment
        self._here: PoolChoice | None = None
        self.functions: Mapping[str, Function] = {RESOLVER: self._members}

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why this pool, in one sentence; empty when nothing depended on it."""
        return (self._here.reason,) if self._here else ()

    def _members(self, *arguments: object) -> Values:
        pools = [pool for pool in arguments if isinstance(pool, list)]
        if len(arguments) != 2 or len(pools) != 2:  # noqa: PLR2004 - large and small
            raise Unresolved(t("gpu_model_choice takes two lists, the large and the small pool"))
        members = {"large": pools[0], "small": pools[1]}
        found = [model for name in self._pools() for model in members[name]]
        if not found:
            raise Unresolved(t("the model pool is empty"))
        return tuple(dict.fromkeys(found))

    def _pools(self) -> tuple[PoolName, ...]:
        if self._option == "all":
            return ("large", "small")
        if self._option != "auto":
            return (self._option,)
        if self._here is None:
            self._here = pool_here(self._environment)
        return self._here.pools


def draws(place: Place) -> bool:
    """Tell whether an expression draws from a pool when no variable decides."""
    return f"${{{RESOLVER}:" in "".join((place.text or "").split())


def pinning_variable(place: Place) -> str:
    """Return the variable that decides a value when it is set: the name in its `oc.env` call."""
    try:
        parts = parse(place.text or "")
    except BadInterpolation:
        return ""
    if len(parts) != 1 or not isinstance(parts[0], Call) or parts[0].name != "oc.env":
        return ""
    name = parts[0].arguments[0] if parts[0].arguments else ()
    known = isinstance(name, tuple) and len(name) == 1 and isinstance(name[0], str)
    return str(name[0]) if known and isinstance(name, tuple) else ""
