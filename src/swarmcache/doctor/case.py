"""What the rules look at: the project as facts, and the node that it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.doctor.node import Node
    from swarmcache.project.study import Project


@dataclass(frozen=True, slots=True)
class Case:
    """One project on one node; both are read as far as rules ask."""

    project: Project
    node: Node
    tiers: tuple[str, ...] = ()
    """The folders that links of its caches may lead into besides, by the project's settings."""
