"""What a project loads: by its launcher's config, its pools, its variables; and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from project.projects import CONFIG, LAUNCHER, environment, swarm, write
from swarmcache.hubcache.layout import Target
from swarmcache.project.needs.models import needed_models
from swarmcache.settings import ModelSetting

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.project.needs.models import Needs


def ids(needs: Needs) -> list[str]:
    return [target.id for target in needs.targets]


def one_config(folder: Path, text: str, **variables: str) -> Needs:
    project = write(folder, {"config/train.yaml": text})
    return needed_models(project, environment(project, **variables))


def test_without_a_gpu_the_small_pool_is_loaded_by_trainer_tokenizer_and_proposer(
    tmp_path: Path,
) -> None:
    project = swarm(tmp_path)
    needs = needed_models(project, environment(project))
    assert [(m.target.id, m.role, m.origin) for m in needs.models] == [
        ("org/tiny", "trainer", "game/config/swarm.yaml:8"),
        ("org/tiny", "tokenizer", "game/config/swarm.yaml:11"),
        ("org/tiny", "proposer", "game/config/swarm.yaml:16"),
    ]
    assert needs.certain
    assert needs.notes == (
        "There is no nvidia-smi here: no GPU is assumed, hence the small model pool.",
    )


def test_a_pool_of_several_is_one_draw_for_all_places_pinned_by_its_variable(
    tmp_path: Path,
) -> None:
    project = swarm(tmp_path)
    needs = needed_models(project, environment(project), pool="large")
    (draw,) = needs.draws
    assert draw.variable == "MODEL_NAME"
    assert [target.id for target in draw.models] == ["org/big-a", "org/big-b"]
    assert {model.group for model in needs.models} == {draw.group}
    assert needs.models[0].why == "One of 2 models, drawn at random at each start."


def test_pool_all_is_every_member_of_both_pools(tmp_path: Path) -> None:
    project = swarm(tmp_path)
    needs = needed_models(project, environment(project), pool="all")
    assert ids(needs) == ["org/big-a", "org/big-b", "org/tiny"]


def test_a_set_variable_decides_for_all_places(tmp_path: Path) -> None:
    project = swarm(tmp_path)
    needs = needed_models(project, environment(project, MODEL_NAME="me/mine"))
    assert ids(needs) == ["me/mine"]
    assert needs.draws == ()
    assert needs.models[0].why == "MODEL_NAME is set to it."
    assert needs.notes == ()


def test_an_empty_variable_is_told_and_passed_over(tmp_path: Path) -> None:
    project = swarm(tmp_path)
    needs = needed_models(project, environment(project, MODEL_NAME=""))
    assert ids(needs) == ["org/tiny"]
    assert "MODEL_NAME is set but empty: unset it, or the program loads a model with no name." in (
        needs.notes
    )


def test_the_variable_may_name_a_local_folder_which_is_no_model_of_the_hub(tmp_path: Path) -> None:
    project = swarm(tmp_path)
    (tmp_path / "out" / "best").mkdir(parents=True)
    needs = needed_models(project, environment(project, MODEL_NAME="out/best"))
    assert needs.models == ()
    assert "game/config/swarm.yaml:8: 'out/best' is a local path, not a model of the Hub." in (
        needs.notes
    )


def test_ollama_models_are_named_but_not_as_repos(tmp_path: Path) -> None:
    project = swarm(tmp_path)
    needs = needed_models(project, environment(project))
    assert [(o.kind, o.name, o.origin) for o in needs.others] == [
        ("ollama", "tinycoder:1b", "game/config/swarm.yaml:3")
    ]


def test_settings_come_first(tmp_path: Path) -> None:
    project = swarm(tmp_path)
    pinned = ModelSetting("me/pinned", revision="v1")
    needs = needed_models(project, environment(project), settings_models=[pinned])
    assert needs.targets[0] == Target("model", "me/pinned", "v1")
    assert ids(needs) == ["me/pinned", "org/tiny"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("org/name", ["org/name"]),
        ("gpt2", ["gpt2"]),
        ("./local", []),
        ("/abs/local", []),
        ("~/local", []),
        ("a/b/c", []),
        ("12", []),
        ("null", []),
        ("???", []),
        ("${unknown:x}", []),
    ],
)
def test_only_what_can_be_a_repo_counts(tmp_path: Path, value: str, found: list[str]) -> None:
    assert ids(one_config(tmp_path, f"model_name_or_path: {value}\n")) == found


@pytest.mark.parametrize(
    "text",
    [
        "model: org/name\n",
        "output: org/name\n",
        "ollama_config: {model: org/name}\n",
        "solver_tokenizer_path: org/name\n",
        "hub_model_id: org/name\n",
        "image: docker.io/org/name\n",
    ],
)
def test_a_slash_alone_makes_no_model(tmp_path: Path, text: str) -> None:
    assert one_config(tmp_path, text).models == ()


def test_the_revision_beside_the_name_counts(tmp_path: Path) -> None:
    text = "model_name_or_path: org/name\nmodel_revision: ${tag}\ntag: v2\n"
    assert one_config(tmp_path, text).targets == (Target("model", "org/name", "v2"),)


def test_what_stays_unknown_is_told_with_its_place_and_reason(tmp_path: Path) -> None:
    needs = one_config(tmp_path, "model_name_or_path: ${oc.env:MODEL}\n")
    assert needs.notes == (
        "config/train.yaml:1: ${oc.env:MODEL} is not known: the variable MODEL is not set.",
    )


def test_a_dataset_is_named_apart(tmp_path: Path) -> None:
    needs = one_config(tmp_path, "dataset_id_or_path: org/data\nmodel_name_or_path: org/name\n")
    assert [(other.kind, other.name) for other in needs.others] == [("dataset", "org/data")]
    assert ids(needs) == ["org/name"]


def test_configs_that_disagree_leave_it_open_which_is_loaded(tmp_path: Path) -> None:
    files = {
        "configs/gpu.yaml": "model_name_or_path: org/large\n",
        "configs/mac.yaml": "model_name_or_path: org/small\n",
    }
    project = write(tmp_path, files)
    needs = needed_models(project, environment(project))
    assert not needs.certain
    assert ids(needs) == ["org/large", "org/small"]


def test_other_peoples_folders_are_not_read(tmp_path: Path) -> None:
    text = "model_name_or_path: org/name\n"
    folders = ("node_modules/x", ".venv/lib", "venv", ".git", "cache", "a/b/c/d/e/f")
    project = write(tmp_path, {f"{folder}/c.yaml": text for folder in folders})
    assert needed_models(project, environment(project)).models == ()


def test_an_environment_is_known_by_its_marker_whatever_its_name(tmp_path: Path) -> None:
    project = write(
        tmp_path, {"mine/pyvenv.cfg": "", "mine/c.yaml": "model_name_or_path: org/name\n"}
    )
    assert needed_models(project, environment(project)).models == ()


def test_a_file_that_is_no_yaml_is_told_and_hides_nothing(tmp_path: Path) -> None:
    files = {"a.yaml": "a: [", "b.yaml": "model_name_or_path: org/name\n", "c.yaml": "[" * 5000}
    project = write(tmp_path, files)
    needs = needed_models(project, environment(project))
    assert ids(needs) == ["org/name"]
    assert len([note for note in needs.notes if "cannot be read as YAML" in note]) == 2


def test_a_launcher_whose_config_is_absent_is_passed_over(tmp_path: Path) -> None:
    project = write(tmp_path, {"run_rl_swarm.sh": LAUNCHER, "conf/swarm.yaml": CONFIG})
    assert ids(needed_models(project, environment(project))) == ["org/tiny"]


def test_anchors_and_merge_keys_are_followed(tmp_path: Path) -> None:
    text = """\
    base: &base
      _target_: transformers.AutoTokenizer.from_pretrained
      pretrained_model_name_or_path: org/name
    reader:
      <<: *base
    """
    needs = one_config(tmp_path, text)
    assert ids(needs) == ["org/name"]
    assert {model.role for model in needs.models} == {"tokenizer"}


def test_an_alias_that_holds_itself_ends(tmp_path: Path) -> None:
    needs = one_config(tmp_path, "a: &a\n  b: *a\nmodel_name_or_path: org/name\n")
    assert ids(needs) == ["org/name"]


def test_an_empty_folder_needs_nothing(tmp_path: Path) -> None:
    needs = needed_models(str(tmp_path), environment(str(tmp_path)))
    assert (needs.models, needs.notes, needs.certain) == ((), (), True)


def test_our_own_resolvers_are_understood(tmp_path: Path) -> None:
    """A draw of ours is pinned by MODEL_NAME; a snapshot names its model and revision."""
    text = (
        "pool: [org/a, org/b]\n"
        "trainer:\n  model_name_or_path: ${swarmcache.pinned_model:${pool}}\n"
        "judge:\n  model_name_or_path: ${swarmcache.snapshot:org/judge@v2}\n"
        "both:\n  model_name_or_path: ${swarmcache.snapshot:${swarmcache.pinned_model:${pool}}}\n"
    )
    needs = one_config(tmp_path, text)
    assert needs.targets == (
        Target("model", "org/a", "main"),
        Target("model", "org/b", "main"),
        Target("model", "org/judge", "v2"),
    )
    assert {draw.variable for draw in needs.draws if len(draw.models) > 1} == {"MODEL_NAME"}
    assert needs.notes == ()


def test_our_own_draw_yields_what_model_name_says(tmp_path: Path) -> None:
    """So that what `run` pins is what it checks."""
    text = "trainer:\n  model_name_or_path: ${swarmcache.pinned_model:org/a,org/b}\n"
    assert ids(one_config(tmp_path, text, MODEL_NAME="org/c")) == ["org/c"]


def test_our_own_draw_takes_the_pool_of_the_gpu(tmp_path: Path) -> None:
    """Two lists are the large and the small pool, as for RL-Swarm's own resolver."""
    text = (
        "l: [org/big]\ns: [org/tiny]\n"
        "trainer:\n  model_name_or_path: ${swarmcache.pinned_model:${l},${s}}\n"
    )
    assert ids(one_config(tmp_path, text, CUDA_VISIBLE_DEVICES="")) == ["org/tiny"]
