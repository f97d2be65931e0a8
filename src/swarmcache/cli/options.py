"""The options that every command shares, and how they become its Invocation."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from swarmcache.cli.invocation import Invocation
from swarmcache.cli.session import Session
from swarmcache.environment import Environment
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


__all__ = [
    "PLACE",
    "Invocation",
    "age",
    "common_options",
    "invocation_of",
    "rate",
    "shared_options",
    "size",
]

P = ParamSpec("P")
R = TypeVar("R")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_NAMES = ("cache_dir", "python", "as_json", "quiet", "verbose")


class Place(click.Path):
    """A path that is not empty: a forgotten shell variable must not mean the working directory."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """Return the path; refuses an empty one."""
        if not os.fspath(value):
            self.fail(t("The path is empty."), param, ctx)
        return super().convert(value, param, ctx)


PLACE = Place(readable=False)
"""The type of what names a folder to work on, or a file to make."""


def common_options(
    function: Callable[Concatenate[Invocation, P], int | None],
) -> Callable[P, int]:
    """Give a click command the shared options; it gets them as an Invocation, first argument."""

    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> int:
        shared = {name: kwargs.pop(name) for name in _NAMES}
        invocation = invocation_of(shared)
        return invocation.settled(function(invocation, *args, **kwargs))

    return shared_options(command)


def shared_options(function: Callable[P, R]) -> Callable[P, R]:
    """Give a click command the shared options as they are, by their names."""
    for option in reversed(_options()):
        function = option(function)
    return function


def invocation_of(values: Mapping[str, object]) -> Invocation:
    """Return what the values of the shared options mean here; CacheNotFound without a `cwd`."""
    cache_dir, python = values["cache_dir"], values["python"]
    return Invocation(
        Environment.current(),
        cache_dir=None if cache_dir is None else str(cache_dir),
        json=bool(values["as_json"]),
        quiet=bool(values["quiet"]),
        verbose=bool(values["verbose"]),
        python=None if python is None else str(python),
    )


def _options() -> tuple[Callable[[Callable[P, R]], Callable[P, R]], ...]:
    return (
        click.option(
            "--cache-dir",
            metavar="PATH",
            type=PLACE,
            callback=_name_cache,
            help=t("Use the cache in this folder instead of the one that the settings name."),
        ),
        click.option(
            "--python",
            metavar="PATH",
            type=PLACE,
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


def _name_cache(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    del parameter
    session = ctx.find_object(Session)
    if session:
        session.cache_dir = value
    return value


def _show_tracebacks(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    del parameter
    session = ctx.find_object(Session)
    if value and session:
        session.tracebacks = True
    return value


def rate(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Return the bytes a second of a rate written `50MB`, `50MB/s` or `1GiB`."""
    if value is None:
        return None
    from swarmcache.units import parse_bytes  # noqa: PLC0415 - few calls have a rate

    try:
        found = parse_bytes(value.strip().removesuffix("/s"))
    except (ValueError, OverflowError):
        found = 0
    if found <= 0:
        raise click.BadParameter(
            t("{text} is not a rate; write it like 50MB.", text=value), ctx, parameter
        )
    return found


def size(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Return the bytes of a size written `50GB`, `1.5 TiB` or `4096`."""
    if value is None:
        return None
    from swarmcache.units import parse_bytes  # noqa: PLC0415 - few calls have a size

    try:
        return parse_bytes(value)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            t("{text} is not a size; write it like 50GB.", text=value), ctx, parameter
        ) from None


def age(ctx: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Return the seconds of a duration written `30d`, `12h`, `90m`, `45s` or `2w`."""
    if value is None:
        return None
    import re  # noqa: PLC0415 - few calls have an age

    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", value.strip().lower())
    if match is None:
        raise click.BadParameter(
            t("{text} is not a duration; write it like 30d or 12h.", text=value), ctx, parameter
        )
    return float(match[1]) * _SECONDS[match[2]]
