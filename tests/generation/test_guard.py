"""Guards that stay, on models and on trainers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .test_generation_mode import BROKEN, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Worker

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]

every_version = pytest.mark.parametrize("version", VERSIONS)


@pytest.mark.parametrize("version", BROKEN)
def test_a_guard_stands_for_its_model_alone(version: str, beside: Callable[[str], Worker]) -> None:
    """Copies, pickles and other models generate as they did; removed, so does the model."""
    assert beside(version).ask("guards.models") == {
        "guarded": True,
        "changed": [],
        "twin": False,
        "thawed": False,
        "other": False,
        "removed": False,
    }


@every_version
def test_adapters_are_guarded_with_their_base(
    version: str, beside: Callable[[str], Worker]
) -> None:
    """Through the wrapper and through what it wraps."""
    assert beside(version).ask("guards.adapters") == {"same": [True, True]}


@every_version
def test_a_train_that_raises_leaves_the_modes_as_they_were(
    version: str, beside: Callable[[str], Worker]
) -> None:
    """The exception passes; each module is in its own mode again, and rollouts are right."""
    assert beside(version).ask("guards.trainers") == {
        "raised": True,
        "in train mode": ["lm_head"],
        "same": True,
        "trained": "trained",
        "own train": True,
    }


@every_version
def test_a_decorated_rollout(version: str, beside: Callable[[str], Worker]) -> None:
    """The trainer's own generation config uses the cache inside, and not afterwards."""
    facts = beside(version).ask("guards.rollouts")
    assert facts == {"same": True, "inside": [False, True], "changed": []}


def test_what_cannot_be_guarded_is_refused(beside: Callable[[str], Worker]) -> None:
    """A module that cannot generate, and an object without a model."""
    assert beside("5.23.0").ask("guards.refusals") == {
        "module": "Linear cannot generate",
        "nothing": "expected a torch module, or a trainer with one as its `model`, "
        "not <class 'object'>",
    }
