"""The machine that a project runs on: libraries, caches and disk, each looked at when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from swarmcache.hubcache.libraries import installed
from swarmcache.hubcache.locate import locate
from swarmcache.project.needs.vram import pool_here

if TYPE_CHECKING:
    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.hubcache.locate import Location
    from swarmcache.project.needs.vram import PoolChoice


class Node:
    """This machine, as the user sees it who asks."""

    def __init__(self, environment: Environment, python: str | None = None) -> None:
        """Take the user's environment, and the trainer's interpreter where it is named."""
        self.environment = environment
        self._python = python

    @cached_property
    def libraries(self) -> Libraries:
        """The Hub's libraries that the trainer's interpreter has."""
        return installed(self.environment, self._python)

    @cached_property
    def location(self) -> Location:
        """The cache that a program gets which nobody tells anything."""
        return locate(self.environment)

    @cached_property
    def pools(self) -> PoolChoice:
        """Which of RL-Swarm's model pools this machine's GPU means; asks `nvidia-smi`, if any."""
        return pool_here(self.environment)
