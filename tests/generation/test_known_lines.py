"""What a log's lines mean, by version and by what stands beside them."""

from __future__ import annotations

import pytest

from swarmcache.generation.known_lines import LINES, MEANINGS, explain, known
from swarmcache.generation.verdicts import Verdict, expected

A = "`use_cache=True` is incompatible with gradient checkpointing. Setting `use_cache=False`."
B = (
    "Caching is incompatible with gradient checkpointing in Qwen2DecoderLayer. "
    "Setting `past_key_values=None`."
)
FAILED = "Error occurred during training, continuing..."


@pytest.mark.parametrize(
    "line",
    [
        A,
        A[:-1] + "...",
        (
            "`use_cache = True` is incompatible with gradient checkpointing. "
            "Setting `use_cache = False`..."
        ),
        (
            "`use_cache=True` is incompatible with gradient checkpointing`. "
            "Setting `use_cache=False`..."
        ),
        f"2026-01-01 12:00:00 [WARNING|logging.py:328] >> {A}",
        "use_cache=True is incompatible with gradient checkpointing. Setting use_cache=False...",
    ],
)
def test_every_spelling_of_the_warning_is_known(line: str) -> None:
    """As transformers 4.46 to 5.23 spell it, and as logs surround it."""
    assert known(line) == "use-cache-off"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (B, "cache-dropped"),
        (B.replace("past_key_values", "past_key_value"), "cache-dropped"),
        (B.replace("past_key_values", "layer_past"), "cache-dropped"),
        (
            B.replace("Setting ", "Setting `use_cache=False`, "),
            "cache-unused",
        ),
        (FAILED, "training-failed"),
        (
            "You have set `use_cache` to `False`, but cache_implementation is set to hybrid.",
            "setting-without-cache",
        ),
        ("use_cache=True", None),
        ("gradient checkpointing is on", None),
        ("", None),
    ],
)
def test_what_is_known_and_what_is_not(line: str, key: str | None) -> None:
    """Each by its own words."""
    assert known(line) == key


@pytest.mark.parametrize(
    ("log", "version", "harms"),
    [
        ([A], "4.46.3", ["undecided"]),
        ([A], "4.51.3", ["harmless"]),
        ([A], "5.23.0", ["harmless"]),
        ([A], None, ["undecided"]),
        ([A, B], "4.57.1", ["wrong", "wrong"]),
        ([FAILED], "4.48.2", ["slow"]),
        ([FAILED], "4.51.3", ["harmless"]),
        ([FAILED], "4.53.0", ["wrong"]),
        ([FAILED], None, ["undecided"]),
        ([FAILED, B], None, ["wrong", "wrong"]),
        (["transformers 4.57.1", A], None, ["harmless"]),
        (["transformers==4.46.3", A], None, ["undecided"]),
        (["Transformers version: 4.46.3", A], "5.23.0", ["harmless"]),
    ],
)
def test_lines_are_judged_together_and_by_version(
    log: list[str], version: str | None, harms: list[str]
) -> None:
    """The version that is given counts more than the one that the log names."""
    assert [sighting.harm for sighting in explain(log, version).sightings] == harms


def test_first_place_and_number_of_each_line() -> None:
    """Lines count from 1."""
    found = explain(["x", A, A, B, A])
    assert [(one.key, one.line, one.times) for one in found.sightings] == [
        ("use-cache-off", 2, 3),
        ("cache-dropped", 4, 1),
    ]
    assert found.lines == 5


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("4.46.3", "no_cache"),
        ("4.48.9", "no_cache"),
        ("4.49.0", "cached"),
        ("4.52.4", "cached"),
        ("4.53.0", "broken"),
        ("5.23.0", "broken"),
        ("6.0.0.dev0", "broken"),
        ("", "unknown"),
        ("main", "unknown"),
    ],
)
def test_what_a_version_is_expected_to_do(version: str, verdict: str) -> None:
    """At both boundaries."""
    assert expected(version) is Verdict(verdict)


def test_every_line_has_a_meaning_for_every_harm_that_it_can_do() -> None:
    """So that no log ends in a KeyError."""
    keys = {known.key for known in LINES}
    for beside in ([], [B]):
        for version in (None, "4.46.3", "4.51.3", "5.23.0"):
            lines = [A, FAILED, B.replace("Setting ", "Setting `use_cache=False`, ")]
            for sighting in explain([*lines, *beside], version).sightings:
                assert sighting.meaning
    assert {key for key, _ in MEANINGS} == keys
