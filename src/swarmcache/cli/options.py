"""The options that every command shares, and how they become its Invocation."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from swarmcache.cli.invocation import Invocation
from swarmcache.cli.session import Session
from swarmcache.environment import Environment
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["Invocation", "common_options"]

P = ParamSpec("P")
R = TypeVar("R")


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
