"""Random choice of a model from a pool: what may come out, and which variable pins it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from swarmcache.locale import t
from swarmcache.project.needs.own_resolvers import MODEL_VARIABLE, PINNED_MODEL, SNAPSHOT
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
        self.functions: Mapping[str, Function] = {
            RESOLVER: self._members,
            PINNED_MODEL: self._pinned,
            SNAPSHOT: _named,
        }

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

    def _pinned(self, *arguments: object) -> Values:
        """Return what our own resolver yields: MODEL_NAME where it is set, else one of them all."""
        pinned = self._environment.get(MODEL_VARIABLE)
        if pinned:
            return (pinned,)
        if len(arguments) == 2 and all(isinstance(one, list) for one in arguments):  # noqa: PLR2004
            return self._members(*arguments)
        lists = [one if isinstance(one, list) else [one] for one in arguments]
        return tuple(dict.fromkeys(model for models in lists for model in models))

    def _pools(self) -> tuple[PoolName, ...]:
        if self._option == "all":
            return ("large", "small")
        if self._option != "auto":
            return (self._option,)
        if self._here is None:
            self._here = pool_here(self._environment)
        return self._here.pools


def _named(*arguments: object) -> Values:
    """Return the model whose snapshot our own resolver yields."""
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        raise Unresolved(t("{resolver} takes one model", resolver=SNAPSHOT))
    return (arguments[0],)


def draws(place: Place) -> bool:
    """Tell whether an expression draws from a pool when no variable decides."""
    return f"${{{RESOLVER}:" in "".join((place.text or "").split())


def pinning_variable(place: Place) -> str:
    """Return the variable that decides a value when it is set: the name in its `oc.env` call.

    Our own resolver, also inside of `swarmcache.snapshot`, reads MODEL_NAME.
    """
    try:
        parts = parse(place.text or "")
    except BadInterpolation:
        return ""
    if len(parts) == 1 and isinstance(parts[0], Call) and parts[0].name == SNAPSHOT:
        inner = parts[0].arguments[0] if parts[0].arguments else ()
        parts = inner if isinstance(inner, tuple) else ()
    if len(parts) != 1 or not isinstance(parts[0], Call):
        return ""
    if parts[0].name == PINNED_MODEL:
        return MODEL_VARIABLE
    if parts[0].name != "oc.env":
        return ""
    name = parts[0].arguments[0] if parts[0].arguments else ()
    known = isinstance(name, tuple) and len(name) == 1 and isinstance(name[0], str)
    return str(name[0]) if known and isinstance(name, tuple) else ""
