"""The endpoint that a command asks, chosen once for each start.

A client sends the user's token to whatever HF_ENDPOINT names. The token is for huggingface.co where
the user has set no HF_ENDPOINT; so another endpoint is chosen only for commands that hand no token
on, and together with HF_HUB_DISABLE_IMPLICIT_TOKEN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from swarmcache.transfer.tokens import DEFAULT_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from swarmcache.environment import Environment

PROBE_SECONDS = 2.0


class Chosen(NamedTuple):
    """Where a command's requests go."""

    url: str
    variables: Mapping[str, str]
    """What makes them go there; nothing where they would anyway."""


def choose_endpoint(
    environment: Environment, endpoints: Sequence[str], *, trusting: bool
) -> Chosen:
    """Return the endpoint for a command that may send requests; `trusting` ones hand on a token.

    1. HF_ENDPOINT, when the user has set it
    2. the first of `endpoints` that answers within PROBE_SECONDS; of a single one nobody asks
    3. huggingface.co, and for trusting commands at once
    """
    own = environment.get("HF_ENDPOINT")
    if own:
        return Chosen(own, {})
    if trusting or not any(map(_is_another, endpoints)):
        return Chosen(DEFAULT_ENDPOINT, {})
    chosen: str | None = endpoints[0]
    if len(endpoints) > 1:
        from swarmcache.transfer.reachable import first_reachable  # noqa: PLC0415 - http, 20 ms

        chosen = first_reachable(endpoints, environment, seconds=PROBE_SECONDS)
    if chosen is None or not _is_another(chosen):
        return Chosen(DEFAULT_ENDPOINT, {})
    variables = {"HF_ENDPOINT": chosen, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    return Chosen(chosen, variables)


def _is_another(endpoint: str) -> bool:
    if endpoint == DEFAULT_ENDPOINT:
        return False
    from swarmcache.transfer.http import Origin  # noqa: PLC0415 - http, 20 ms

    return Origin.of(endpoint) != Origin.of(DEFAULT_ENDPOINT)
