"""The command's own place for the token, or a word why it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.errors import os_sentence
from swarmcache.launch.start.remembered import instance_of
from swarmcache.launch.start.token_place import shares_a_token, token_variables
from swarmcache.locale import t

if TYPE_CHECKING:
    from swarmcache.cli.invocation import Invocation


def own_token(invocation: Invocation, *, make: bool) -> dict[str, str]:
    """Return the variable that keeps a logout in the command from logging everybody out.

    With `make` its place is made. Where that is not possible, no start is stopped; who has a token
    to lose is warned.
    """
    environment = invocation.environment
    instance = instance_of(environment)
    try:
        return token_variables(environment, invocation.project, instance, make=make)
    except OSError as error:
        if shares_a_token(environment):
            reason = os_sentence(error)
            message = t(
                "A logout in CMD would log this user out everywhere: {reason}", reason=reason
            )
            invocation.terminal.alert(f"{invocation.terminal.warn} {message}")
        return {}
