"""The options that every command shares, and the value that a command gets from them."""

from __future__ import annotations

import functools
from functools import cached_property
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from swarmcache.cli.session import Session
from swarmcache.environment import Environment
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.hubcache.locate import Location
    from swarmcache.report.terminal import Terminal
    from swarmcache.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")


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
    def location(self) -> Location:
        """The cache that counts: `--cache-dir`, the settings, else what the Hub's client uses."""
        from swarmcache.hubcache.locate import locate_effective  # noqa: PLC0415

        return locate_effective(self.settings, self.environment)

    @cached_property
    def libraries(self) -> Libraries:
        """The libraries of the interpreter that counts."""
        from swarmcache.hubcache.libraries import installed  # noqa: PLC0415

        return installed(self.environment, self.python)

    @cached_property
    def terminal(self) -> Terminal:
        """Where the command writes."""
        from swarmcache.report.terminal import Terminal  # noqa: PLC0415

        return Terminal.current(self.environment.variables, quiet=self.quiet, verbose=self.verbose)


def common_options(function: Callable[Concatenate[Invocation, P], R]) -> Callable[P, R]:
    """Give a click command the shared options; it gets them as an Invocation, first argument."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> R:
        invocation = Invocation(
            Environment.current(),
            cache_dir=kwargs.pop("cache_dir"),  # type: ignore[arg-type]
            json=bool(kwargs.pop("as_json")),
            quiet=bool(kwargs.pop("quiet")),
            verbose=bool(kwargs.pop("verbose")),
            python=kwargs.pop("python"),  # type: ignore[arg-type]
        )
        return function(invocation, *args, **kwargs)

    decorated: Callable[P, R] = command
    for option in reversed(_options()):
        decorated = option(decorated)
    return decorated


def _options() -> tuple[Callable[[Callable[P, R]], Callable[P, R]], ...]:
    return (
        click.option(
            "--cache-dir",
            metavar="PATH",
            type=click.Path(readable=False),
            callback=_named,
            help=t("Use the cache in this folder instead of the one that the settings name."),
        ),
        click.option(
            "--python",
            metavar="PATH",
            type=click.Path(readable=False),
            callback=_named,
            help=t("The interpreter whose libraries count, or its environment's folder."),
        ),
        click.option("--json", "as_json", is_flag=True, help=t("Print one JSON document.")),
        click.option("-q", "--quiet", is_flag=True, help=t("Print the result and errors only.")),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            callback=_show_tracebacks,
            help=t("Say more, and show where an error comes from."),
        ),
    )


def _named(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse an empty path: a forgotten shell variable must not mean the working directory."""
    if value is not None and not value:
        raise click.BadParameter(t("The path is empty."), ctx, parameter)
    return value


def _show_tracebacks(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    del parameter
    session = ctx.find_object(Session)
    if value and session:
        session.tracebacks = True
    return value
