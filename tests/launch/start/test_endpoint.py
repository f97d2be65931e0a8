"""The endpoint that a command asks, chosen once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from processes import until
from swarmcache.environment import Environment
from swarmcache.launch.start.endpoint import PROBE_SECONDS, choose_endpoint
from swarmcache.serve.running import running
from swarmcache.serve.silent import SilentHub
from swarmcache.transfer.tokens import DEFAULT_ENDPOINT

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from swarmcache.serve.running import RunningHub

DEAD = "http://127.0.0.1:1"
LOCALLY = {"no_proxy": "127.0.0.1"}


def here(**variables: str) -> Environment:
    """Return an environment with these variables."""
    return Environment({**LOCALLY, **variables}, "/nonexistent", "/")


@pytest.fixture
def hub(tmp_path: pathlib.Path) -> Iterator[RunningHub]:
    with running([CacheMaker(tmp_path / "hub").path]) as hub:
        yield hub


def test_the_users_own_is_never_replaced(hub: RunningHub) -> None:
    """Not even where it is dead and another one answers."""
    chosen = choose_endpoint(here(HF_ENDPOINT=DEAD), [DEAD, hub.url], trusting=False)
    assert chosen == (DEAD, {})
    assert hub.requests == []


def test_the_usual_one_needs_no_variable() -> None:
    """And nobody is asked whether it is there."""
    assert choose_endpoint(here(), [DEFAULT_ENDPOINT], trusting=False) == (DEFAULT_ENDPOINT, {})


def test_the_first_that_answers_is_given_without_the_token(hub: RunningHub) -> None:
    """The token is for huggingface.co; a client would send it to wherever HF_ENDPOINT leads."""
    chosen = choose_endpoint(here(HF_TOKEN="hf_x"), [DEAD, hub.url], trusting=False)
    assert chosen.url == hub.url
    assert chosen.variables == {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    until(lambda: hub.requests, "the answer is noted")
    assert [request.path for request in hub.requests] == ["/api/models"]


def test_a_single_one_is_not_asked() -> None:
    """There is no choice, so nothing to wait for."""
    with SilentHub() as silent:
        chosen = choose_endpoint(here(), [silent.url], trusting=False)
        assert (chosen.url, silent.connections) == (silent.url, 0)


def test_who_hands_on_a_token_gets_no_other_one(hub: RunningHub) -> None:
    """A login or an upload would send it there by its own argument."""
    chosen = choose_endpoint(here(), [hub.url, DEAD], trusting=True)
    assert (chosen, hub.requests) == ((DEFAULT_ENDPOINT, {}), [])


def test_a_silent_one_costs_two_seconds_at_most(hub: RunningHub) -> None:
    """All are asked at once; where none answers, it is huggingface.co that fails then."""
    began = time.monotonic()
    with SilentHub() as one, SilentHub() as two:
        found = choose_endpoint(here(), [one.url, hub.url], trusting=False)
        none = choose_endpoint(here(), [one.url, two.url], trusting=False)
    assert (found.url, none) == (hub.url, (DEFAULT_ENDPOINT, {}))
    assert time.monotonic() - began < 2 * PROBE_SECONDS + 1
