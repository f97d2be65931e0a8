"""Random draws as a user sees them: told, kept for the next start, and drawn anew on request."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from swarmcache.errors import NotReady, os_reason
from swarmcache.hubcache.layout import Target
from swarmcache.launch.start.remembered import (
    draws_file,
    forget_draws,
    remember_draws,
    remembered_draws,
)
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.cli.readiness import Start
    from swarmcache.launch.start.run import Cached, Drawn, Selection
    from swarmcache.report.terminal import Terminal


def remembered(invocation: Invocation, start: Start, cached: Cached) -> dict[str, str]:
    """Return what an earlier start drew for each variable, as far as it counts for this one.

    Offline, a model that is not complete does not count: another one may be.
    """
    if start.redraw:
        return {}
    draws = remembered_draws(invocation.environment, invocation.project)
    if not start.offline:
        return draws
    return {
        variable: model
        for variable, model in draws.items()
        if cached.state(Target("model", model, "main")).state == "complete"
    }


def say_drawn(terminal: Terminal, draws: Sequence[Drawn]) -> None:
    """Tell which model each draw gave, and why, where it could have been another."""
    for drawn in draws:
        if drawn.before and drawn.before != drawn.target.id:
            terminal.say(
                t(
                    "{before}, which was drawn before, is no longer in the pool.",
                    before=drawn.before,
                )
            )
        if drawn.among > 1:
            terminal.say(_told(drawn))


def _told(drawn: Drawn) -> str:
    if drawn.before == drawn.target.id:
        return t(
            "As at the last start: {variable}={id}, one of {among}; --redraw draws anew.",
            variable=drawn.variable,
            id=drawn.target.id,
            among=drawn.among,
        )
    return t(
        "Drawn once for this start: {variable}={id}, one of {among}, {cached} cached.",
        variable=drawn.variable,
        id=drawn.target.id,
        among=drawn.among,
        cached=drawn.cached,
    )


@contextlib.contextmanager
def kept_draws(invocation: Invocation, selection: Selection) -> Iterator[None]:
    """Keep the draws for the next start, unless what was drawn turns out not to be had inside.

    From the beginning, so that a start that is killed while it pulls goes on with the same model.
    """
    draws = {drawn.variable: drawn.target.id for drawn in selection.drawn}
    environment, project = invocation.environment, invocation.project
    try:
        remember_draws(environment, project, draws)
    except OSError as error:
        invocation.terminal.alert(f"{invocation.terminal.warn} {_not_kept(invocation, error)}")
    try:
        yield
    except NotReady:
        forget_draws(environment, project, draws)
        raise


def _not_kept(invocation: Invocation, error: OSError) -> str:
    return t(
        "The next start may draw another model, since {path} cannot be written: {reason}.",
        path=draws_file(invocation.environment, invocation.project),
        reason=os_reason(error),
    )
