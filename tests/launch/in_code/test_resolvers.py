"""The resolvers with the real OmegaConf: one value for a process, whoever reads it."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError

import swarmcache
import tinyswarm
from swarmcache.launch.in_code.said_once import said_once
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POOL = "tiny/one,tiny/two,tiny/three"
NAMES = set(tinyswarm.SMALL_POOL)
RESOLVERS = ("swarmcache.pinned_model", "swarmcache.snapshot", "swarmcache.cache_dir")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The cache that HF_HUB_CACHE names; what was said and drawn is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    before = dict(os.environ)
    swarmcache.register_resolvers()
    yield tmp_path / "hub"
    for name in RESOLVERS:
        OmegaConf.clear_resolver(name)
    said_once.cache_clear()
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


def value(expression: str, **others: object) -> str:
    """Return what a new config yields for one expression."""
    text: str = OmegaConf.create({"it": expression, **others}).it
    return text


def test_every_config_and_copy_of_it_sees_one_draw(cache: Path) -> None:
    """As many evaluations as would draw another model, were each a draw."""
    config = OmegaConf.create({"a": f"${{swarmcache.pinned_model:{POOL}}}", "b": {"c": "${a}"}})
    copies = [copy.deepcopy(config) for _ in range(50)]

    seen = {one.a for one in copies} | {one.b.c for one in copies}
    seen |= {value(f"${{swarmcache.pinned_model:{POOL}}}") for _ in range(50)}
    assert len(seen) == 1
    assert seen <= NAMES


def test_processes_draw_each_for_themselves(cache: Path) -> None:
    """It is a draw, and not the first of the pool; a child goes by its parent's."""
    script = (
        "import subprocess, sys, swarmcache; from omegaconf import OmegaConf\n"
        "swarmcache.register_resolvers()\n"
        "print(OmegaConf.create({'a': sys.argv[1]}).a, flush=True)\n"
        "if len(sys.argv) < 3: subprocess.run([sys.executable, *sys.argv[:2], 'child'])\n"
    )
    program = cache.parent / "program.py"
    program.write_text(script)
    command = [sys.executable, str(program), f"${{swarmcache.pinned_model:{POOL}}}"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(12)]
    told = [one.communicate(timeout=60)[0].split() for one in started]

    assert all(len(names) == 2 and names[0] == names[1] for names in told), told
    assert len({names[0] for names in told}) > 1  # By chance once in 177,147 runs.


def test_model_name_wins_whatever_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `run` pins, or a user; an empty one counts as not set."""
    monkeypatch.setenv("MODEL_NAME", "org/pinned")
    assert value(f"${{swarmcache.pinned_model:{POOL}}}") == "org/pinned"
    assert value("${swarmcache.pinned_model:}") == "org/pinned"
    monkeypatch.setenv("MODEL_NAME", "")
    assert value(f"${{swarmcache.pinned_model:{POOL}}}") in NAMES


def test_what_is_complete_is_preferred(cache: Path) -> None:
    """One of three is cached, one in part."""
    tinyswarm.fill(cache, "tiny/two")
    tinyswarm.fill(cache, "tiny/three", absent=("model.safetensors",))
    assert value(f"${{swarmcache.pinned_model:{POOL}}}") == "tiny/two"


def test_two_lists_are_the_pools_of_large_and_small_gpus(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in RL-Swarm; one list is a pool for any GPU, and its order does not matter."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    pools = {"large": ["big/one"], "small": ["tiny/one"]}
    assert value("${swarmcache.pinned_model:${large},${small}}", **pools) == "tiny/one"
    drawn = value("${swarmcache.pinned_model:${all}}", all=["tiny/one", "tiny/two", "tiny/three"])
    assert value(f"${{swarmcache.pinned_model:{POOL}}}") == drawn


def test_no_model_at_all_is_told() -> None:
    """The sentence is ours, the error OmegaConf's, with the key."""
    with pytest.raises(InterpolationResolutionError, match="MODEL_NAME is not set"):
        value("${swarmcache.pinned_model:}")


def test_the_snapshot_is_fetched_once_and_stays(cache: Path, tmp_path: Path) -> None:
    """The folder that `ensure` returns; once said, it is not asked for again."""
    with running([tinyswarm.fill(tmp_path / "served", "tiny/one").path]) as hub:
        os.environ["HF_ENDPOINT"] = hub.url
        path = value("${swarmcache.snapshot:tiny/one}")
        requests = len(hub.requests)
        assert value("${swarmcache.snapshot:${m}}", m="tiny/one") == path
        assert len(hub.requests) == requests > 0
    assert path == swarmcache.check("tiny/one").snapshot
    commit = os.path.basename(path)
    assert value(f"${{swarmcache.snapshot:tiny/one@{commit}}}") == path


def test_a_snapshot_that_cannot_be_had_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, and never as a name that the loader then takes for a folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InterpolationResolutionError, match="tiny/one"):
        value("${swarmcache.snapshot:tiny/one}")


def test_they_mean_the_project_where_they_were_registered(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra changes the working directory for its outputs."""
    (tmp_path / "swarmcache.toml").write_text('[cache]\ndir = "its"\n')
    (tmp_path / "outputs").mkdir()
    monkeypatch.chdir(tmp_path / "outputs")
    assert value("${swarmcache.cache_dir:}") == f"{tmp_path}/its"


def test_threads_see_one_draw(cache: Path) -> None:
    """Eight ask at the same moment."""
    seen: list[str] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        seen.append(value(f"${{swarmcache.pinned_model:{POOL}}}"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_registering_again_keeps_what_was_said(cache: Path) -> None:
    """Hydra registers them, and so may the program."""
    drawn = value(f"${{swarmcache.pinned_model:{POOL}}}")
    swarmcache.register_resolvers()
    assert value(f"${{swarmcache.pinned_model:{POOL}}}") == drawn


def test_without_omegaconf_the_error_says_so() -> None:
    """It is the user's, and no dependency of ours."""
    script = (
        "import sys; sys.modules['omegaconf'] = None\n"
        "import swarmcache\n"
        "try: swarmcache.register_resolvers()\n"
        "except swarmcache.SwarmcacheError as error: print(error.hint)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "pip install omegaconf\n", done.stderr
