"""The real RL-Swarm config, with RL-Swarm's own classes, under `swarmcache run`.

Needs a checkout of gensyn-ai/rl-swarm (SWARMCACHE_RL_SWARM) and the environments that
`tasks/torch_environment.py` makes.
"""

from __future__ import annotations

import os
import pathlib
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import swarmcache
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rl_swarm_node import Node
    from swarmcache.serve.running import RunningHub

pytestmark = pytest.mark.torch

OLD, NEW = "4.51.3", "5.23.0"
SMALL = "Qwen/Qwen2.5-Coder-0.5B-Instruct"
LARGE = {"deepseek-ai/deepseek-coder-1.3b-instruct", "Qwen/Qwen2.5-Coder-1.5B-Instruct"}
ROLES = {"trainer", "reward tokenizer", "proposer"}
RGYM = "v0.6.4"
RGYM_SMALL = {"Gensyn/Qwen2.5-0.5B-Instruct", "Qwen/Qwen3-0.6B"}


@contextmanager
def silent_hub() -> Iterator[tuple[str, list[socket.socket]]]:
    """Yield the URL of a Hub that accepts and never answers, and the connections it got."""
    accepted: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):  # Shut down: the test is over.
                while True:
                    accepted.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", accepted
        server.shutdown(socket.SHUT_RDWR)
    for connection in accepted:
        connection.close()


@pytest.mark.parametrize("version", [OLD, NEW])
def test_every_role_loads_the_one_model_that_run_fetched(
    version: str, make_node: Callable[..., Node], hub: RunningHub
) -> None:
    """Trainer, rewards and proposer start from an empty cache with one model, at one commit."""
    node = make_node(version)
    start = node.run(hub.url)
    assert start.names == dict.fromkeys(ROLES, SMALL)
    assert [role["generated"] for role in start.facts["roles"].values()] == [8, 0, 8]
    found = check(parse_target(SMALL), node.cache)
    assert found.state == "complete"
    assert start.facts["opened"] == [[node.cache, SMALL, found.commit]]
    assert start.facts["transformers"] == version


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_second_start_needs_no_hub(
    version: str, make_node: Callable[..., Node], hub: RunningHub
) -> None:
    """Offline, a warm node asks a Hub that counts nothing, and one that never answers nothing."""
    node = make_node(version)
    assert node.run(hub.url).names == dict.fromkeys(ROLES, SMALL)
    hub.requests.clear()
    assert node.run(hub.url, "--offline").names == dict.fromkeys(ROLES, SMALL)
    assert hub.requests == []
    with silent_hub() as (url, connections):
        assert node.run(url, "--offline").names == dict.fromkeys(ROLES, SMALL)
        assert connections == []


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_second_start_asks_for_no_model_though_it_is_not_offline(
    version: str, make_node: Callable[..., Node], hub: RunningHub
) -> None:
    """CodeZero streams its datasets, so HF_HUB_OFFLINE would break it: the models stay at home.

    Every role has the model under its own name, by which it is pushed and judged. A Hub that
    accepts and never answers delays nothing: without us, no such start ends within 170 s.
    """
    node = make_node(version)
    assert node.run(hub.url).names == dict.fromkeys(ROLES, SMALL)
    hub.requests.clear()
    start = node.run(hub.url)
    assert start.names == dict.fromkeys(ROLES, SMALL)
    assert hub.requests == []
    streamed = "google-research-datasets/mbpp, deepmind/code_contests (streamed)"
    assert f"The models stay offline; CMD may ask {hub.url} for {streamed}" in start.err
    with silent_hub() as (url, connections):
        assert node.run(url).names == dict.fromkeys(ROLES, SMALL)
        assert connections == []


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_large_pool_is_drawn_once_for_all_roles(
    version: str, make_node: Callable[..., Node], hub: RunningHub
) -> None:
    """With 48 GiB, run draws one of two models, fetches only that, and every role gets it."""
    node = make_node(version, gpu_gibibytes=48)
    start = node.run(hub.url)
    (chosen,) = set(start.names.values())
    assert chosen in LARGE
    assert set(start.names) == ROLES
    assert start.facts["model_name"] == chosen
    assert start.facts["drawn"] == [chosen]
    assert os.listdir(node.cache).count(f"models--{chosen.replace('/', '--')}") == 1
    assert sum(name.startswith("models--") for name in os.listdir(node.cache)) == 1
    assert not [request for request in hub.requests if request.path.endswith("pytorch_model.bin")]


def test_without_run_the_large_pool_is_drawn_at_each_reading(
    make_node: Callable[..., Node], hub: RunningHub
) -> None:
    """The control: the same node, started plainly, reads both models out of one expression."""
    start = make_node(OLD, gpu_gibibytes=48).start(hub.url)
    assert start.facts["model_name"] is None
    assert set(start.facts["drawn"]) == LARGE


def test_the_variables_of_the_original_report_lead_to_one_cache(
    make_node: Callable[..., Node], hub: RunningHub
) -> None:
    """TRANSFORMERS_CACHE one folder above HUGGINGFACE_HUB_CACHE splits; run joins them again."""
    node = make_node(OLD)
    above = os.path.join(node.checkout, ".cache", "huggingface")
    cache = os.path.join(above, "hub")
    variables = {"HF_HOME": above, "TRANSFORMERS_CACHE": above, "HUGGINGFACE_HUB_CACHE": cache}
    node = replace(node, variables=variables)
    opened = [place for place, _, _ in node.run(hub.url).facts["opened"]]
    assert opened == [cache]
    assert sorted(os.listdir(above)) == ["hub"]
    opened = [place for place, _, _ in node.start(hub.url).facts["opened"]]
    assert opened == [above]  # The control: without us, 4.51.3 downloads it all again.


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_config_of_the_reasoning_gym_era_starts_too(
    version: str, make_node: Callable[..., Node], hub: RunningHub
) -> None:
    """v0.6.4 draws from two small models; its trainer loads the one that run drew."""
    start = make_node(version, RGYM).run(hub.url)
    assert start.names["trainer"] in RGYM_SMALL
    assert start.facts["drawn"] == [start.names["trainer"]]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_our_resolver_in_its_config_draws_once_without_run(
    version: str, make_node: Callable[..., Node], hub: RunningHub
) -> None:
    """Started as RL-Swarm's own script does, with swarmcache importable: Hydra finds it."""
    node = make_node(version, gpu_gibibytes=48)
    config = pathlib.Path(node.checkout) / "code_gen_exp/config/code-gen-swarm.yaml"
    text = config.read_text()
    assert text.count("${gpu_model_choice:") == 2
    config.write_text(text.replace("${gpu_model_choice:", "${swarmcache.pinned_model:"))
    source = str(pathlib.Path(swarmcache.__file__).parent.parent)
    node = replace(node, variables={**node.variables, "PYTHONPATH": source})
    names = node.start(hub.url).names
    assert len(set(names.values())) == 1
    assert set(names.values()) <= LARGE
    # What is complete is drawn again, so that nothing more is fetched.
    assert node.start(hub.url).names == names
