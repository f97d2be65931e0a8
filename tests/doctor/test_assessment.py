"""What a start costs today: only what its own models take, and only where they are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import model
from doctor.cases import case
from swarmcache.doctor.assessment import StartCost, assess
from swarmcache.doctor.engine import Wanted, examined
from swarmcache.report.doctor_pages import cost_rows

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.doctor.assessment import Assessment

CONFIG = """\
model:
  _target_: transformers.AutoModelForCausalLM.from_pretrained
  pretrained_model_name_or_path: {name}
"""
IN_CONTAINER = {
    "compose.yaml": "services:\n  one:\n    build: .\n",
    "Dockerfile": 'FROM python:3.11\nWORKDIR /app\nCOPY . .\nCMD ["bash", "go.sh"]\n',
}
SCRIPT = "python train.py --config-path $PWD/conf --config-name a\n"


def assessed(folder: Path, name: str, **more: str) -> Assessment:
    """Return the assessment of a project that loads a model of this name."""
    config = CONFIG.format(name=name)
    one = case(folder, {"go.sh": SCRIPT, "conf/a.yaml": config, **more})
    return assess(one, list(examined(one, Wanted())))


def test_a_start_that_loses_nothing_fetches_nothing_again(tmp_path: Path) -> None:
    """However much its cache holds."""
    found = assessed(tmp_path, "org/tiny-1B")
    assert (found.today.bytes, found.today.containers) == (0, False)


@pytest.mark.parametrize(("name", "size"), [("org/tiny-0.5B", 1_000_000_000), ("org/tiny", None)])
def test_a_container_that_is_thrown_away(tmp_path: Path, name: str, size: int | None) -> None:
    """Its models' size is told by their names, or not at all."""
    found = assessed(tmp_path, name, **IN_CONTAINER)
    assert (found.today.bytes, found.today.containers) == (size, True)
    assert found.today.guessed == (size is not None)
    assert found.after == StartCost(0, 0, containers=True)
    head = cost_rows(found)[1]
    assert head[0] == "bytes fetched again by each new container"
    assert head[1] == ("unknown" if size is None else "about 1.0 GB, told from the names")


def test_a_model_that_this_machine_holds_has_its_true_size(tmp_path: Path) -> None:
    """And what else lies in the cache does not count: no container loads it."""
    hub = tmp_path / "home/.cache/huggingface/hub"
    cache = CacheMaker(str(hub))
    for name in ("org/tiny-0.5B", "org/other"):
        cache.repo(name, model())
    found = assessed(tmp_path, "org/tiny-0.5B", **IN_CONTAINER)
    assert not found.today.guessed
    assert found.today.bytes is not None
    assert 0 < found.today.bytes < found.total_bytes
