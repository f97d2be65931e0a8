"""What our resolvers have said, for as long as the process lives (`resolvers.py`)."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from functools import cache, partial
from typing import TYPE_CHECKING

from swarmcache.errors import LaunchError
from swarmcache.hubcache.layout import parse_target
from swarmcache.launch.in_code.library import ensured, here_of
from swarmcache.launch.start.run import Cached
from swarmcache.locale import t
from swarmcache.project.needs.own_resolvers import (
    CACHE_DIR,
    MODEL_VARIABLE,
    PINNED_MODEL,
    SNAPSHOT,
)
from swarmcache.project.needs.vram import pool_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from swarmcache.environment import Environment


@cache
def said_once(project: str) -> SaidOnce:
    """Return what was said for a project's folder in this process."""
    return SaidOnce(project)


class SaidOnce:
    """What the resolvers have said in this process; threads wait for each other."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = threading.RLock()
        self._values: dict[tuple[str, ...], str] = {}

    def pinned_model(self, *models: object) -> str:
        """Return MODEL_NAME where it is set, else one of `models`, drawn once.

        `models` are names or lists of names; of exactly two lists, the first is the pool of large
        GPUs and the second that of small ones, as in RL-Swarm's `gpu_model_choice`.
        """
        pinned = os.environ.get(MODEL_VARIABLE)
        if pinned:
            return pinned
        pool = tuple(sorted(set(_names(models))))
        return self._once((PINNED_MODEL, *pool), lambda: self._drawn(models, pool))

    def snapshot(self, model: str) -> str:
        """Return the folder of a model's snapshot, fetched first where it is not complete."""
        return self._once((SNAPSHOT, model), partial(self._ensured, model))

    def cache_dir(self) -> str:
        """Return the cache that counts, for a `cache_dir` argument."""
        return self._once((CACHE_DIR,), lambda: here_of(self._project).cache)

    def _once(self, key: tuple[str, ...], find: Callable[[], str]) -> str:
        with self._lock:
            if key not in self._values:
                self._values[key] = find()
            return self._values[key]

    def _ensured(self, model: str) -> str:
        return ensured(here_of(self._project), parse_target(model))

    def _drawn(self, models: tuple[object, ...], pool: tuple[str, ...]) -> str:
        """Return one of the pool, the one that this process's parent has drawn where it has."""
        variable = "_SWARMCACHE_PIN_" + hashlib.sha256("\n".join(pool).encode()).hexdigest()[:12]
        inherited = os.environ.get(variable)
        if inherited in pool and inherited:
            return inherited
        here = here_of(self._project)
        chosen = _of_this_gpu(models, here.environment)
        if not chosen:
            raise LaunchError(
                t("{variable} is not set, and no model is named.", variable=MODEL_VARIABLE)
            )
        cached = Cached(here.cache, here.lock, tiers=here.settings.tiers)
        complete = [one for one in chosen if cached.state(parse_target(one)).state == "complete"]
        model = secrets.choice(complete or chosen)
        os.environ[variable] = model  # A child that is spawned reads the config anew.
        return model


def _of_this_gpu(models: Sequence[object], environment: Environment) -> list[str]:
    """Return the models to draw from: of two lists those for the GPU here, else all."""
    if len(models) == 2 and not any(isinstance(one, str) for one in models):  # noqa: PLR2004
        pools = dict(zip(("large", "small"), models, strict=True))
        models = [pools[name] for name in pool_here(environment).pools]
    return list(dict.fromkeys(_names(models)))


def _names(models: Iterable[object]) -> Iterable[str]:
    """Yield the names in names and lists of names."""
    for one in models:
        if isinstance(one, str):
            yield one
        else:
            yield from _names(one)  # type: ignore[arg-type] # a list of OmegaConf's
