"""A tier of the settings that is not there now, told in one line before anything is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.folder import is_absent
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.cli.invocation import Invocation


def tell_absent_tiers(invocation: Invocation) -> None:
    """Write a warning for each tier that is not there; whatever the command does, goes on."""
    terminal, settings = invocation.terminal, invocation.settings
    for tier in filter(is_absent, settings.tiers):
        told = t(
            "The tier {path} is not there, or empty: mount it, or take it out of {source}.",
            path=tier,
            source=settings.origin("cache.tiers").decided_by,
        )
        terminal.alert(f"{terminal.warn} {told}")
