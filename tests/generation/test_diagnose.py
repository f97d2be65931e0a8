"""`diagnose` tells what each version of transformers does in each state, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .test_generation_mode import ARCHITECTURES, BROKEN, KNOWN, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Worker

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]

EXCEPTIONS = {
    ("4.46.3", "gemma2"): "broken",
    ("4.51.3", "gpt2"): "no_cache",
    ("4.51.3", "opt"): "broken",
}
"""Architectures that differ from the others of their version in train mode with checkpointing."""
USUAL = {"4.46.3": "no_cache", "4.51.3": "cached", "4.57.1": "broken", "5.23.0": "broken"}
HELD = {("4.51.3", "gemma2"): 18}
"""What its static cache says of itself; all others count the 12 positions and 7 more."""
MEASURED = {key: EXCEPTIONS.get(key, USUAL[key[0]]) for key in KNOWN}

every_model = pytest.mark.parametrize(("version", "architecture"), KNOWN)
every_version = pytest.mark.parametrize("version", VERSIONS)


@every_model
def test_in_train_mode_with_checkpointing(
    version: str, architecture: str, beside: Callable[[str], Worker]
) -> None:
    """Slow, unharmed or wrong, by version and architecture; dropout has no part in it."""
    facts = beside(version).ask("diagnosed.in_state", architecture=architecture, state="plain")
    assert facts["verdict"] == MEASURED[version, architecture]
    assert facts["changed"] == []
    assert facts["versions"]["transformers"] == version


@every_model
def test_in_eval_mode(version: str, architecture: str, beside: Callable[[str], Worker]) -> None:
    """Cached in every version."""
    facts = beside(version).ask("diagnosed.in_state", architecture=architecture, state="eval")
    assert (facts["verdict"], facts["reason"]) == ("cached", "FILLS")
    assert facts["as_is"] == facts["clean"]
    assert facts["as_is"]["positions"] == [12, 1, 1, 1, 1, 1, 1, 1]
    assert facts["as_is"]["cached"] == HELD.get((version, architecture), 19)
    assert facts["agreement"] == 8
    assert facts["changed"] == []


@pytest.mark.parametrize("version", BROKEN)
def test_the_evidence_of_broken_generation(version: str, beside: Callable[[str], Worker]) -> None:
    """One position a step, and nothing in the cache."""
    facts = beside(version).ask("diagnosed.in_state", architecture="qwen2", state="plain")
    assert facts["reason"] == "EMPTY"
    assert facts["as_is"]["positions"] == [12, 1, 1, 1, 1, 1, 1, 1]
    assert facts["as_is"]["cached"] == 0
    assert facts["clean"]["cached"] == 19
    assert facts["agreement"] < 8
    assert facts["deviation"] > 0.1
    assert facts["flags"]["in_the_way"] >= 3  # The backbone and two layers.


def test_the_evidence_of_slow_generation(beside: Callable[[str], Worker]) -> None:
    """Everything is fed again at each step."""
    facts = beside("4.46.3").ask("diagnosed.in_state", architecture="qwen2", state="plain")
    assert facts["reason"] == "GROWS"
    assert facts["as_is"]["positions"] == [12, 13, 14, 15, 16, 17, 18, 19]
    assert facts["agreement"] == 8
    assert facts["deviation"] < 1e-3


@every_version
@pytest.mark.parametrize("state", ["reentrant", "not reentrant"])
def test_with_adapters(version: str, state: str, beside: Callable[[str], Worker]) -> None:
    """LoRA changes no verdict."""
    arguments = {"architecture": "qwen2", "state": state, "lora": True}
    facts = beside(version).ask("diagnosed.in_state", **arguments)
    assert facts["verdict"] == USUAL[version]
    assert facts["changed"] == []


@every_version
def test_half_precision_is_no_deviation(version: str, beside: Callable[[str], Worker]) -> None:
    """In bfloat16 rounding is told from wrong context."""
    assert beside(version).ask("diagnosed.in_bfloat16", state="eval")["verdict"] == "cached"
    facts = beside(version).ask("diagnosed.in_bfloat16", state="plain")
    assert facts["verdict"] == USUAL[version]


@every_version
@pytest.mark.parametrize(
    ("where", "verdict"),
    [("generation config", "no_cache"), ("passed", "no_cache"), ("config", "cached")],
)
def test_use_cache_false_counts_where_generate_reads_it(
    version: str, where: str, verdict: str, beside: Callable[[str], Worker]
) -> None:
    """In the generation config; the model's config alone says nothing to generate()."""
    facts = beside(version).ask("diagnosed.without_cache", where=where)
    assert facts["verdict"] == verdict
    assert facts["changed"] == []


@every_version
@pytest.mark.parametrize(
    ("check", "reason"),
    [("unfinished", "UNFINISHED"), ("sharded", "SHARDED"), ("no_model", "CANNOT")],
)
def test_unknown_is_said_with_its_reason(
    version: str, check: str, reason: str, beside: Callable[[str], Worker]
) -> None:
    """Nothing is tried where it could not be trusted."""
    facts = beside(version).ask(f"diagnosed.{check}")
    assert (facts["verdict"], facts["reason"], facts["as_is"]) == ("unknown", reason, None)


@every_version
def test_torchs_own_wrapper_is_named_and_harmless(
    version: str, beside: Callable[[str], Worker]
) -> None:
    """CheckpointWrapper listens to no flag; the cache passes through it."""
    facts = beside(version).ask("diagnosed.wrapped_layers")
    assert (facts["verdict"], facts["limits"]) == ("cached", ["checkpoint_wrapper"])


@every_version
def test_warnings_that_are_said_once_are_still_said(
    version: str, beside: Callable[[str], Worker]
) -> None:
    """A diagnosis warns of nothing, and leaves the trainer's own warning to come."""
    facts = beside(version).ask("diagnosed.warnings_kept")
    assert facts["during"] == []
    assert any("incompatible with gradient checkpointing" in line for line in facts["after"])


def test_it_costs_little_more_than_two_short_generations(beside: Callable[[str], Worker]) -> None:
    """Cheap enough for every start: a bound far above what is measured, which is 1 to 2."""
    facts = beside("5.23.0").ask("diagnosed.cost")
    assert facts["diagnosis"] < 10 * facts["generations"]


def test_every_architecture_is_tried() -> None:
    """Nine of them, less the one that 4.46 did not know."""
    assert len(ARCHITECTURES) == 9
    assert len(KNOWN) == 35
