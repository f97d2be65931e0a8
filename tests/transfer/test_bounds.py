"""How long is waited, and where that is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmcache.environment import Environment
from swarmcache.transfer.bounds import Bounds, asked_pause, backoff


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "300"}, 300),
        ({"Retry-After": "301"}, 300),
        ({"Retry-After": "9" * 5000}, 300),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}, 300.0),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"ratelimit": '"api"; r=0; t=55'}, 55),
        ({"ratelimit": '"resolvers";r=12;t=55'}, None),
        ({"ratelimit": '"api";r=0'}, None),
        ({"ratelimit": '"api";r=0;t='}, None),
        ({"ratelimit": '"api";r=0;t=999999999'}, 300),
        ({"ratelimit": ";;==;r;t"}, None),
        ({"Retry-After": "3", "ratelimit": '"api";r=0;t=55'}, 3),
    ],
    ids=str,
)
def test_the_pause_that_an_answer_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    """In either form, at most five minutes, and nothing where it makes no sense."""
    assert asked_pause(headers) == seconds


@given(st.dictionaries(st.sampled_from(["Retry-After", "ratelimit"]), st.text()))
def test_any_header_asks_for_a_bounded_pause_or_none(headers: dict[str, str]) -> None:
    """Whatever it holds."""
    assert asked_pause(headers) is None or 0 <= (asked_pause(headers) or 0) <= 300


@pytest.mark.parametrize(
    ("failures", "longest"), [(1, 0.5), (2, 1), (3, 2), (5, 8), (7, 20), (10_000, 20)]
)
def test_pauses_double_up_to_a_limit_and_differ(failures: int, longest: float) -> None:
    """So that many clients do not come back at once."""
    pauses = {backoff(failures) for _ in range(50)}
    assert all(longest / 2 <= pause <= longest for pause in pauses)
    assert len(pauses) > 1


def bounds(**variables: str) -> tuple[float, float]:
    found = Bounds.of(Environment(variables, "/home", "/"))
    return found.answer, found.stall


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (20, 20)),
        ({"HF_HUB_ETAG_TIMEOUT": "60"}, (60, 20)),
        ({"HF_HUB_DOWNLOAD_TIMEOUT": "120"}, (20, 120)),
        ({"HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1"}, (20, 20)),
        ({"HF_HUB_ETAG_TIMEOUT": "soon"}, (20, 20)),
    ],
    ids=str,
)
def test_the_hubs_variables_lengthen_what_is_waited(
    variables: dict[str, str], expected: tuple[float, float]
) -> None:
    """They never shorten it: ten seconds are their default, and too few for a slow link."""
    assert bounds(**variables) == expected
