"""The machine that a project runs on: libraries, caches and disk, each looked at when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from swarmcache.hubcache.libraries import installed
from swarmcache.hubcache.locate import locate_effective
from swarmcache.project.needs.vram import pool_here
from swarmcache.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.hubcache.locate import Location
    from swarmcache.project.needs.vram import PoolChoice


class Node:
    """This machine, as the user sees it who asks."""

    def __init__(
        self,
        environment: Environment,
        python: str | None = None,
        pins: Callable[[], Mapping[str, str]] = dict,
        settings: Settings | None = None,
    ) -> None:
        """Take the user's environment, the trainer's interpreter where it is named, and the pins.

        `pins` tells the versions that the project pins; `settings` are the project's.
        """
        self.environment = environment
        self._settings = settings or Settings()
        self._python = python
        self._pins = pins

    @cached_property
    def libraries(self) -> Libraries:
        """The Hub's libraries that the trainer's interpreter has.

        Where it has none of them and nobody named it, those that the project pins.
        """
        found = installed(self.environment, self._python)
        if self._python is not None or found.huggingface_hub or found.transformers:
            return found
        pins = self._pins()
        return found._replace(
            huggingface_hub=pins.get("huggingface_hub"),
            transformers=pins.get("transformers"),
            datasets=pins.get("datasets"),
            trl=pins.get("trl"),
            unknown="" if pins else found.unknown,
        )

    @cached_property
    def location(self) -> Location:
        """The cache that a program gets which nobody tells anything: from `run`, the settings'."""
        return locate_effective(self._settings, self.environment)

    @property
    def has_own_cache(self) -> bool:
        """Whether the settings name that cache."""
        return self._settings.cache_dir is not None

    @cached_property
    def pools(self) -> PoolChoice:
        """Which of RL-Swarm's model pools this machine's GPU means; asks `nvidia-smi`, if any."""
        return pool_here(self.environment)
