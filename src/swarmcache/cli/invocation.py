"""The value that a command gets from the options that all commands share."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.hubcache.locate import Location
    from swarmcache.lockfile import Lock
    from swarmcache.report.terminal import Terminal
    from swarmcache.settings import Settings


class Invocation:
    """What a command was called with, and what follows from it, found when first asked for."""

    # No dataclass: this is on the start-up path, where importing dataclasses costs a millisecond.
    def __init__(  # noqa: PLR0913 - one argument for each shared option
        self,
        environment: Environment,
        *,
        cache_dir: str | None = None,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        python: str | None = None,
    ) -> None:
        self.environment = environment
        self.cache_dir = cache_dir
        """The option's text."""
        self.json = json
        self.quiet = quiet
        self.verbose = verbose
        self.python = python
        """The interpreter whose libraries count, as the option names it."""

    @property
    def project(self) -> str:
        """The project's folder: the working directory itself, never one above it."""
        return self.environment.cwd

    @property
    def overrides(self) -> dict[str, str]:
        """The settings that were given as options."""
        return {} if self.cache_dir is None else {"cache.dir": self.cache_dir}

    @cached_property
    def settings(self) -> Settings:
        """The settings for the project; raises SettingsError, InvalidRepoId for a model's name."""
        from swarmcache.hubcache.layout import check_repo_id, check_revision  # noqa: PLC0415
        from swarmcache.settings import load_settings  # noqa: PLC0415

        settings = load_settings(self.project, self.environment, self.overrides)
        for model in settings.models:
            check_repo_id(model.id)
            check_revision(model.revision)
        return settings

    @cached_property
    def lock(self) -> Lock | None:
        """The project's `swarmcache.lock`; None where it has none. Raises LockFileError."""
        try:
            os.stat(f"{self.project}/swarmcache.lock")
        except FileNotFoundError:
            return None  # All that most starts pay for locks.
        except OSError:
            pass  # Reading it tells why.
        from swarmcache.lockfile import read_lock  # noqa: PLC0415

        return read_lock(self.project)

    @cached_property
    def location(self) -> Location:
        """The cache that counts: `--cache-dir`, the settings, else what the Hub's client uses."""
        from swarmcache.hubcache.locate import locate_effective  # noqa: PLC0415

        return locate_effective(self.settings, self.environment)

    def note_cache(self) -> None:
        """Let other projects of this user know the cache, so that they find its content."""
        self.note_caches((self.location.path,))

    def note_caches(self, caches: Iterable[str]) -> None:
        """Let other projects of this user know caches that the command was called with."""
        from swarmcache.hubcache.registry import note  # noqa: PLC0415

        for cache in caches:
            note(cache, self.environment)

    @cached_property
    def libraries(self) -> Libraries:
        """The libraries of the interpreter that counts."""
        from swarmcache.hubcache.libraries import installed  # noqa: PLC0415

        return installed(self.environment, self.python)

    def settled(self, code: int | None) -> int:
        """Return the exit code: 3 in the place of 0 where the result could not be written."""
        lost = "terminal" in vars(self) and self.terminal.lost()
        return code or (3 if lost else 0)

    @cached_property
    def terminal(self) -> Terminal:
        """Where the command writes."""
        from swarmcache.report.terminal import Terminal  # noqa: PLC0415

        return Terminal.current(
            self.environment.variables,
            quiet=self.quiet,
            verbose=self.verbose,
            progress=not self.json,  # A program reads the document; bars would fill its log.
            cache_dir=self.cache_dir,
        )
