"""Guarded generation says what clean generation says, and leaves no trace.

Four versions of transformers, nine architectures, and every state of training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Worker

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]

VERSIONS = ("4.46.3", "4.51.3", "4.57.1", "5.23.0")
BROKEN = ("4.57.1", "5.23.0")
ARCHITECTURES = ("qwen2", "qwen3", "llama", "mistral", "gemma2", "phi3", "gpt2", "gpt_neox", "opt")
KNOWN = [(v, a) for v in VERSIONS for a in ARCHITECTURES if (v, a) != ("4.46.3", "qwen3")]
STATES = ("plain", "reentrant", "not reentrant", "mixed")

every_model = pytest.mark.parametrize(("version", "architecture"), KNOWN)
every_version = pytest.mark.parametrize("version", VERSIONS)
every_state = pytest.mark.parametrize("state", STATES)
with_or_without_lora = pytest.mark.parametrize("lora", [False, True], ids=["whole", "lora"])


@every_model
@every_state
def test_guarded_tokens_are_those_of_eval_mode(
    version: str, architecture: str, state: str, beside: Callable[[str], Worker]
) -> None:
    """Train mode, checkpointing and dropout change no token, and are all back afterwards."""
    facts = beside(version).ask("guarding.tokens", architecture=architecture, state=state)
    assert facts["guarded"] == facts["clean"]
    assert facts["changed"] == []


@pytest.mark.parametrize("version", BROKEN)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_unguarded_tokens_are_others(
    version: str, architecture: str, beside: Callable[[str], Worker]
) -> None:
    """The control: from transformers 4.53 on, the same call without the guard is wrong."""
    facts = beside(version).ask("guarding.tokens", architecture=architecture, state="plain")
    assert facts["dirty"] != facts["clean"]


@every_version
@every_state
def test_lora_too(version: str, state: str, beside: Callable[[str], Worker]) -> None:
    """Adapters with dropout in every linear layer, inputs that require gradients."""
    facts = beside(version).ask("guarding.tokens", architecture="qwen2", state=state, lora=True)
    assert facts["guarded"] == facts["clean"]
    assert facts["changed"] == []


@every_model
def test_use_cache_is_on_inside_wherever_a_config_forbids_it(
    version: str, architecture: str, beside: Callable[[str], Worker]
) -> None:
    """The model's config, its generation config and the passed one; each is False again after."""
    facts = beside(version).ask("guarding.use_cache_off", architecture=architecture)
    assert facts == {"inside": [True, True, True], "fed": [12, 1, 1, 1], "changed": []}


@every_model
@pytest.mark.parametrize("state", ["reentrant", "not reentrant", "mixed"])
def test_the_next_gradients_are_the_same(
    version: str, architecture: str, state: str, beside: Callable[[str], Worker]
) -> None:
    """A training step with dropout after guarded generation is the step without it, bit by bit."""
    facts = beside(version).ask("guarding.gradients", architecture=architecture, state=state)
    assert facts["same"]
    assert facts["gradients"] > 10
    assert not facts["zero"]


@every_version
@pytest.mark.parametrize("state", ["reentrant", "not reentrant"])
def test_the_next_gradients_of_adapters_are_the_same(
    version: str, state: str, beside: Callable[[str], Worker]
) -> None:
    """The same with LoRA, of which only the adapters train."""
    arguments = {"architecture": "qwen2", "state": state, "lora": True}
    facts = beside(version).ask("guarding.gradients", **arguments)
    assert facts["same"]
    assert facts["gradients"] > 10
    assert not facts["zero"]


@every_version
@pytest.mark.parametrize("state", ["reentrant", "not reentrant"])
@with_or_without_lora
def test_no_block_begins_between_a_forward_and_its_backward(
    version: str, state: str, lora: bool, beside: Callable[[str], Worker]
) -> None:
    """Refused only there, only for that model, and with nothing changed."""
    facts = beside(version).ask("guarding.unfinished", architecture="qwen2", state=state, lora=lora)
    assert facts == {
        "before": False,
        "between": True,
        "another model": False,
        "unchanged": True,
        "lingering": False,
        "after": False,
    }


@every_version
@pytest.mark.parametrize("kind", ["ValueError", "KeyboardInterrupt"])
def test_an_exception_restores_and_passes(
    version: str, kind: str, beside: Callable[[str], Worker]
) -> None:
    """Two blocks deep, exceptions of every base."""
    facts = beside(version).ask("guarding.exceptions", kind=kind)
    assert facts == {"caught": kind, "changed": []}


def test_an_interruption_of_the_restoring_restores_too(beside: Callable[[str], Worker]) -> None:
    """A Ctrl-C at any line of the restoring is raised after it, not instead of it."""
    facts = beside("5.23.0").ask("guarding.interruptions")
    assert facts["left"] == []
    assert facts["hits"] > 10


@every_version
def test_blocks_nest(version: str, beside: Callable[[str], Worker]) -> None:
    """Around parts of the model too, and after `train()` inside a block."""
    facts = beside(version).ask("guarding.nested")
    assert facts == {"same": [True, True, True], "changed": []}


@every_version
def test_threads_take_turns(version: str, beside: Callable[[str], Worker]) -> None:
    """No thread restores the flags while another generates."""
    facts = beside(version).ask("guarding.threads", count=4)
    assert facts == {"made": [True] * 20, "changed": []}


def test_the_last_block_restores(beside: Callable[[str], Worker]) -> None:
    """Coroutines end their blocks in any order."""
    facts = beside("5.23.0").ask("guarding.interleaved")
    assert facts == {"any": False, "changed": []}


@every_version
@pytest.mark.parametrize("by", ["compile", "data parallel", "distributed"])
def test_wrappers_are_looked_through(
    version: str, by: str, beside: Callable[[str], Worker]
) -> None:
    """torch.compile, DataParallel and DistributedDataParallel around the model."""
    facts = beside(version).ask("guarding.wrapped", by=by)
    assert facts == {"training": [False, False], "same": True, "changed": [], "back": True}


@every_version
def test_a_flag_of_the_class_leaves_none_on_the_module(
    version: str, beside: Callable[[str], Worker]
) -> None:
    """Switched off inside by an attribute that is gone afterwards."""
    facts = beside(version).ask("guarding.class_flag")
    assert facts == {"inside": False, "own": False, "changed": []}


def test_a_copy_made_inside_stays_as_it_was_made(beside: Callable[[str], Worker]) -> None:
    """The block restores its own model alone."""
    assert beside("5.23.0").ask("guarding.copies") == {"twin": False, "model": True}
