"""Tiers of the settings that give nothing, each told in one line before anything is fetched."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.errors import AccessDenied, CacheNotFound
from swarmcache.hubcache.folder import why_lost, within
from swarmcache.locale import t
from swarmcache.plans.nearby import meant_instead

if TYPE_CHECKING:
    from swarmcache.cli.invocation import Invocation


def tell_odd_tiers(invocation: Invocation) -> None:
    """Write a warning for each tier that gives nothing; whatever the command does, goes on."""
    for tier in invocation.settings.tiers:
        told = _oddness(invocation, tier)
        if told:
            invocation.terminal.alert(f"{invocation.terminal.warn} {told}")


def _oddness(invocation: Invocation, tier: str) -> str:
    """Return why a tier gives nothing; empty where it may give something."""
    settings = invocation.settings
    source = settings.origin("cache.tiers").decided_by
    lost = why_lost(tier)
    if lost == "closed":
        return t(
            "The tier {path} cannot be read by this user: {command} tells whose it is.",
            path=tier,
            command=invocation.terminal.command("ls -ld " + shlex.quote(tier)),
        )
    if lost is not None:
        return t(
            "The tier {path} is not there, or empty: mount it, or take it out of {source}.",
            path=tier,
            source=source,
        )
    cache = os.path.realpath(invocation.location.path)
    if tier in settings.symlinked_tiers and within(cache, os.path.realpath(tier)):
        return t(
            "The tier {path} is the cache itself, or holds it: no link leads there from within. "
            "Take it out of {source}.",
            path=tier,
            source=source,
        )
    with suppress(CacheNotFound, AccessDenied):
        if meant_instead(tier) is not None:
            return t(
                "The tier {path} holds no repos; its folder hub may be meant, in {source}.",
                path=tier,
                source=source,
            )
    return ""
