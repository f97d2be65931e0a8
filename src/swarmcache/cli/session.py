"""What holds for a whole run of the command line, whichever command it runs."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache import locale
from swarmcache.environment import Environment
from swarmcache.errors import CacheNotFound, SettingsError
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping


class Session:
    """Belongs to `main`; commands reach it as their context's object."""

    __slots__ = ("cache_dir", "tracebacks")

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.tracebacks = bool(variables.get("SWARMCACHE_VERBOSE"))
        """Show where an error comes from: `SWARMCACHE_VERBOSE`, or a command's `--verbose`."""
        self.cache_dir: str | None = None
        """The text of a command's `--cache-dir`, which what an error proposes needs too."""


def choose_language() -> None:
    """Speak the settings' language from the first word on, help included.

    The order is `SWARMCACHE_LANG`, the settings' `language`, then the locale's variables.
    Settings that cannot be read decide nothing here; the command itself will complain, of a
    deleted working directory too.
    """
    with suppress(SettingsError, CacheNotFound):
        environment = Environment.current()
        if language := load_settings(environment.cwd, environment).language:
            locale.use(language)
