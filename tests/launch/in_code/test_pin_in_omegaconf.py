"""A config's places get one model with the pin, and several without: OmegaConf itself, no Hydra.

With RL-Swarm's own config, and Hydra, the same is tried in tests/trainers/test_one_model.py.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from omegaconf import OmegaConf

from swarmcache.environment import Environment
from swarmcache.launch.start.run import Cached, select_models
from tinyswarm import CONFIG, SMALL_POOL, fill, write_project

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore:register_new_resolver")  # 2.3 has no other.

STARTS = 100
PROPOSER = """\
proposer:
  model: ${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${small}}}
"""
PLACES = ("trainer.model.pretrained_model_name_or_path", "reward.tokenizer_path", "proposer.model")


@pytest.fixture(autouse=True)
def _draws_from_the_small_pool() -> Iterator[None]:
    """Register what RL-Swarm registers, on a machine without a GPU."""
    OmegaConf.register_new_resolver("gpu_model_choice", lambda _, small: random.choice(small))
    yield
    OmegaConf.clear_resolver("gpu_model_choice")


def loaded(project: pathlib.Path) -> frozenset[str]:
    """Return the models that one start would load."""
    config = OmegaConf.load(project / "config" / "swarm.yaml")
    return frozenset(OmegaConf.select(config, place) for place in PLACES)


def test_every_place_gets_the_pin(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each of a hundred starts, and every model of the pool in some."""
    project = write_project(tmp_path / "project", CONFIG + PROPOSER)
    fill(tmp_path / "hub", *SMALL_POOL)
    environment = Environment({}, str(tmp_path), str(project))
    drawn = set()
    for _ in range(STARTS):
        selection = select_models(environment, Cached(str(tmp_path / "hub")), pool="small")
        monkeypatch.setenv("MODEL_NAME", selection.pins["MODEL_NAME"])
        assert loaded(project) == {selection.pins["MODEL_NAME"]}
        drawn.add(selection.pins["MODEL_NAME"])
    assert drawn == set(SMALL_POOL)


def test_without_a_pin_the_places_disagree(tmp_path: pathlib.Path) -> None:
    """The control: three places of three models are one model in one start of nine."""
    project = write_project(tmp_path / "project", CONFIG + PROPOSER)
    assert sum(len(loaded(project)) > 1 for _ in range(STARTS)) > STARTS / 2
