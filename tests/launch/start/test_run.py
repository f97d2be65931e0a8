"""What a start needs: one draw for all places, and nothing that a user did not decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.hubcache.layout import Target, parse_target
from swarmcache.launch.start.run import (
    Cached,
    child_variables,
    is_offline,
    not_ready,
    select_models,
)
from swarmcache.settings import ModelSetting
from tinyswarm import LARGE_POOL, SMALL_POOL, fill, write_project

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

    from swarmcache.launch.start.run import Selection


class Node:
    """A project and a cache of its own."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.project = write_project(folder / "project")
        self.cache = folder / "hub"

    def environment(self, **variables: str) -> Environment:
        """Return the environment of a process in the project."""
        return Environment(variables, str(self.project.parent), str(self.project))

    def select(self, *named: str, **variables: str) -> Selection:
        """Select from the small pool; a draw takes the last candidate."""
        targets = [parse_target(name) for name in named]
        return select_models(
            self.environment(**variables),
            Cached(str(self.cache)),
            named=targets,
            pool="small",
            choose=last,
        )


@pytest.fixture
def node(tmp_path: pathlib.Path) -> Node:
    return Node(tmp_path)


def last(targets: Sequence[Target]) -> Target:
    return targets[-1]


def ids(selection: Selection) -> list[str]:
    return [target.id for target in selection.targets]


def test_one_draw_decides_for_every_place(node: Node) -> None:
    """Trainer and reward share the expression, so they get the same model."""
    selection = node.select()
    assert ids(selection) == ["tiny/three"]
    assert selection.pins == {"MODEL_NAME": "tiny/three"}
    assert [(d.among, d.cached) for d in selection.drawn] == [(3, 0)]


def test_draw_prefers_what_is_complete(node: Node) -> None:
    """With one complete candidate nothing is random any more."""
    fill(node.cache, "tiny/two")
    fill(node.cache, "tiny/three", absent=("model.safetensors",))
    for _ in range(5):
        selection = select_models(node.environment(), Cached(str(node.cache)), pool="small")
        assert selection.pins == {"MODEL_NAME": "tiny/two"}


def test_draw_among_several_reaches_each(node: Node) -> None:
    """The config asks for a random model; 40 draws of two miss one once in 2^39."""
    fill(node.cache, "tiny/one", "tiny/two")
    drawn = {
        select_models(node.environment(), Cached(str(node.cache)), pool="small").pins["MODEL_NAME"]
        for _ in range(40)
    }
    assert drawn == {"tiny/one", "tiny/two"}


def test_pool_all_draws_from_both_pools(node: Node) -> None:
    """The large pool's model can be drawn too, if it is what is cached."""
    fill(node.cache, *LARGE_POOL)
    selection = select_models(node.environment(), Cached(str(node.cache)), pool="all")
    assert selection.pins == {"MODEL_NAME": "big/one"}
    assert selection.drawn[0].among == len(SMALL_POOL) + len(LARGE_POOL)


def test_set_variable_wins_over_the_draw(node: Node) -> None:
    """A MODEL_NAME that is set and not empty is what is needed, and is not touched."""
    fill(node.cache, "tiny/two")
    selection = node.select(MODEL_NAME="org/mine")
    assert (ids(selection), selection.pins) == (["org/mine"], {})


def test_empty_variable_does_not_win(node: Node) -> None:
    """Empty means not set; hydra would take it for a model's name."""
    assert node.select(MODEL_NAME="").pins == {"MODEL_NAME": "tiny/three"}


def test_named_model_wins_over_everything(node: Node) -> None:
    """`--model` replaces the variable and the draw, and reaches the config by MODEL_NAME."""
    selection = node.select("org/named@v1", "org/second", MODEL_NAME="org/mine")
    assert ids(selection) == ["org/named", "org/second"]
    assert selection.targets[0].revision == "v1"
    assert selection.pins == {"MODEL_NAME": "org/named"}


def test_other_models_of_the_config_are_needed_beside_the_named_one(node: Node) -> None:
    """A judge that the config names itself is loaded whatever MODEL_NAME says."""
    with (node.project / "config" / "swarm.yaml").open("a") as config:
        config.write("judge:\n  model_name_or_path: org/judge\n")
    assert ids(node.select("org/named")) == ["org/named", "org/judge"]


def test_models_of_the_settings_are_needed(node: Node) -> None:
    """`[[models]]` come first and are never part of a draw."""
    selection = select_models(
        node.environment(),
        Cached(str(node.cache)),
        settings_models=[ModelSetting("org/pinned", "v2")],
        pool="small",
        choose=last,
    )
    assert selection.targets[0] == Target("model", "org/pinned", "v2")
    assert ids(selection)[1:] == ["tiny/three"]


def test_disagreeing_configs_decide_nothing(node: Node) -> None:
    """No draw is made for a config that may not be loaded; settings that name models decide."""
    (node.project / "config" / "other.yaml").write_text("model_name_or_path: org/other\n")
    selection = node.select()
    assert (selection.certain, selection.pins) == (False, {})
    assert set(ids(selection)) == {*SMALL_POOL, "org/other"}
    cached, models = Cached(str(node.cache)), [ModelSetting("org/mine")]
    decided = select_models(node.environment(), cached, settings_models=models, pool="small")
    assert (ids(decided), decided.certain) == (["org/mine"], True)


def test_two_pools_behind_one_variable_get_one_model(node: Node) -> None:
    """Once MODEL_NAME is set, every expression that reads it yields that model."""
    with (node.project / "config" / "swarm.yaml").open("a") as config:
        config.write(
            "judge:\n"
            "  model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${small},${large}}}\n"
            "proposer:\n"
            "  model_name_or_path: ${oc.env:MODEL_NAME, ${gpu_model_choice:${large},${pair}}}\n"
            "pair: [tiny/one, tiny/two]\n"
        )
    selection = node.select()
    assert selection.pins == {"MODEL_NAME": "tiny/three"}
    assert (ids(selection), len(selection.drawn)) == (["tiny/three"], 1)


def test_project_without_models_needs_none(tmp_path: pathlib.Path) -> None:
    """An empty folder is no error."""
    environment = Environment({}, str(tmp_path), str(tmp_path))
    selection = select_models(environment, Cached(str(tmp_path / "hub")))
    assert (selection.targets, selection.pins, selection.certain) == ((), {}, True)


def test_cache_that_is_a_file_holds_nothing(tmp_path: pathlib.Path) -> None:
    """What cannot be read is missing, with the reason, and raises nothing."""
    (tmp_path / "hub").write_text("no folder")
    found = Cached(str(tmp_path / "hub")).state(parse_target("org/name"))
    assert (found.state, bool(found.reason)) == ("missing", True)


def test_state_is_asked_once_until_forgotten(tmp_path: pathlib.Path) -> None:
    """Each model is looked at once, and again after it was fetched."""
    cached, target = Cached(str(tmp_path)), parse_target("org/name")
    assert cached.state(target).state == "missing"
    fill(tmp_path, "org/name")
    assert cached.state(target).state == "missing"
    cached.forget([target])
    assert cached.state(target).state == "complete"


def test_child_gets_everything_of_ours_and_the_pins() -> None:
    """Own variables stay, the cache's and the pins come on top."""
    environment = Environment({"A": "1", "HF_HUB_CACHE": "/old", "MODEL_NAME": ""}, "/h", "/w")
    given = {"HF_HUB_CACHE": "/srv/hub"}
    assert child_variables(environment, given, {"MODEL_NAME": "org/name"}) == {
        "A": "1",
        "HF_HUB_CACHE": "/srv/hub",
        "MODEL_NAME": "org/name",
    }


def test_empty_model_name_is_left_out() -> None:
    """So that `${oc.env:MODEL_NAME, default}` means its default."""
    environment = Environment({"MODEL_NAME": ""}, "/h", "/w")
    assert child_variables(environment, {}, {}) == {}


@pytest.mark.parametrize(
    ("value", "offline"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)]
)
def test_offline_is_what_the_hub_takes_for_it(value: str, offline: bool) -> None:
    """1, ON, YES and TRUE in any case."""
    assert is_offline(Environment({"HF_HUB_OFFLINE": value}, "/h", "/w")) is offline
    assert is_offline(Environment({"TRANSFORMERS_OFFLINE": value}, "/h", "/w")) is offline


@pytest.mark.parametrize(("hub", "offline"), [("", True), ("0", False), ("1", True)])
def test_the_hubs_own_variable_speaks_first(hub: str, offline: bool) -> None:
    """Where it says something; empty, it leaves the word to TRANSFORMERS_OFFLINE."""
    variables = {"HF_HUB_OFFLINE": hub, "TRANSFORMERS_OFFLINE": "1"}
    assert is_offline(Environment(variables, "/h", "/w")) is offline


def test_refusal_names_the_models_and_the_command() -> None:
    """As a user would type it, revision and type included."""
    targets = [parse_target("org/a"), parse_target("org/b@v1"), parse_target("datasets/org/c")]
    error = not_ready(targets, offline=True)
    assert error.message == (
        "Not started: offline, and not complete: org/a, org/b@v1, datasets/org/c."
    )
    assert error.hint == "swarmcache pull org/a org/b@v1 datasets/org/c"
    assert [target.spelled for target in targets] == ["org/a", "org/b@v1", "datasets/org/c"]
