"""The demo's parts: models that real readers load, a trainer, a bounded stage, honest proofs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import closing

import pytest
import safetensors
import yaml
from huggingface_hub import scan_cache_dir

from swarmcache.errors import LaunchError
from swarmcache.hubcache.layout import parse_target
from swarmcache.launch.demo import needs, proofs
from swarmcache.launch.demo.models import make_models
from swarmcache.launch.demo.publish import publish
from swarmcache.launch.demo.stage import Finished, stage
from swarmcache.launch.demo.tokenizer import tokenizer_files, vocabulary_size
from swarmcache.launch.demo.weights import Shape, Tensor, digest, make_tensors, to_safetensors
from swarmcache.serve.running import running

CODER, LARGE, JUDGE = "Tiny-Coder-0.5B", "Tiny-Coder-1.5B", "Tiny-Judge"


@pytest.fixture(scope="module")
def models():
    return make_models()


@pytest.fixture
def place(tmp_path):
    with stage(str(tmp_path), keep=False, colour=False) as made:
        yield made


def finish(lines):
    """Return what a generator of lines yielded, and what it returned."""
    ended = []

    def drained():
        ended.append((yield from lines))

    heard = list(drained())
    return heard, ended[0]


def test_safetensors_files_are_what_the_reference_reader_expects():
    tensors = {"b": Tensor((2, 1), b"\0\x3c\1\x3d"), "a": Tensor((1,), b"\2\xbc")}
    read = safetensors.deserialize(to_safetensors(tensors))
    assert sorted(read, key=lambda item: item[0]) == [
        ("a", {"shape": [1], "dtype": "BF16", "data": bytearray(b"\2\xbc")}),
        ("b", {"shape": [2, 1], "dtype": "BF16", "data": bytearray(b"\0\x3c\1\x3d")}),
    ]


def test_weights_are_small_numbers_and_the_same_everywhere():
    tensors = make_tensors(Shape(hidden=4, layers=1, vocabulary=6), seed=1)
    assert {byte for tensor in tensors.values() for byte in tensor.data[1::2]} <= set(
        b"\x3c\x3d\xbc\xbd"
    )
    assert digest(tensors) == "3ca5193a7aacd9bfb4e69806f6ff38bbea28b418ce27e6491b2dd0b4cbccec81"


def test_the_commits_are_the_same_on_every_machine(models, tmp_path):
    assert [publish(model, str(tmp_path)) for model in models] == [
        "7c869fa2c32b8870530a2cd4120a3d5f1d85e78e",
        "67e8460f623e88aacadb34e749a9ef6370ef6d6f",
        "b998bd1192f904f9e60279ce22d5109ed19d3167",
    ]


def test_the_hubs_own_client_finds_nothing_wrong_with_the_served_folder(models, tmp_path):
    for model in models:
        publish(model, str(tmp_path))
    report = scan_cache_dir(tmp_path)
    assert (report.warnings, len(report.repos)) == ([], 3)


def test_every_shard_that_the_index_names_is_there(models):
    judge = models[2]
    index = json.loads(judge.files["model.safetensors.index.json"])
    assert len(set(index["weight_map"].values())) == 3
    for name, file in index["weight_map"].items():
        assert name in {tensor for tensor, _ in safetensors.deserialize(judge.files[file])}


def test_one_model_repeats_its_weights_in_a_second_format(models):
    files = [sorted(name for name in model.files if name.endswith(".bin")) for model in models]
    assert files == [["pytorch_model.bin"], [], []]


def test_the_tokenizer_builds_words_from_bytes():
    tokenizer = json.loads(tokenizer_files()["tokenizer.json"])
    vocabulary = tokenizer["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert {"Ġ", "!", "ÿ", "sw", "swarm", "cache"} <= set(vocabulary)
    assert vocabulary_size() == len(vocabulary) + len(tokenizer["added_tokens"])


def test_the_project_names_only_models_that_the_hub_has(models, place):
    with open(os.path.join(place.project, "mini_swarm/config/mini-swarm.yaml"), "rb") as file:
        config = yaml.safe_load(file)
    named = {
        *config["default_small_model_pool"],
        *config["default_large_model_pool"],
        config["game_manager"]["reward_manager"]["judge"]["pretrained_model_name_or_path"],
    }
    assert named == {model.repo_id for model in models}
    assert {parse_target(name).id for name in named} == named


def test_the_trainer_reads_every_tensor_from_a_served_hub(models, place):
    for model in models:
        publish(model, place.hub)
    with running([place.hub]) as hub:
        heard, finished = finish(place.run(["./run_mini_swarm.sh"], hub.url))
        asked = {access.path.rpartition("/")[2] for access in hub.requests}
    assert finished.exit_code == 0, heard
    record = os.path.join(place.project, "logs", "started.json")
    assert proofs.everything_read(record, models) == []
    assert "pytorch_model.bin" not in asked
    assert "model-00003-of-00003.safetensors" in asked


def test_the_trainer_takes_the_model_that_is_pinned(models, place):
    for model in models:
        publish(model, place.hub)
    command = ["env", f"MODEL_NAME=swarm-demo/{LARGE}", "./run_mini_swarm.sh"]
    with running([place.hub]) as hub:
        heard, _ = finish(place.run(command, hub.url))
    assert f">> swarm-demo/{LARGE}: qwen2, 50 tensors, 278 tokens" in heard


def test_a_flipped_bit_does_not_pass_for_the_model(models, place):
    for model in models:
        publish(model, place.hub)
    snapshot = next(os.scandir(os.path.join(place.hub, f"models--swarm-demo--{CODER}/snapshots")))
    with open(os.path.join(snapshot.path, "model.safetensors"), "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    with running([place.hub]) as hub:
        finish(place.run(["./run_mini_swarm.sh"], hub.url))
    record = os.path.join(place.project, "logs", "started.json")
    assert proofs.everything_read(record, models) == [
        f"The trainer read other tensors than swarm-demo/{CODER} has."
    ]


def test_commands_know_neither_the_users_tokens_nor_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    with stage(str(tmp_path), keep=False, colour=False) as place:
        heard, _ = finish(place.run(["env"], "http://127.0.0.1:1"))
    variables = dict(line.split("=", 1) for line in heard if "=" in line)
    assert {"HF_TOKEN", "HF_HOME", "https_proxy"} & set(variables) == set()
    assert variables["HOME"].startswith(str(tmp_path))
    assert variables["HF_ENDPOINT"] == "http://127.0.0.1:1"


def test_both_streams_come_in_the_order_of_writing(place):
    command = ["bash", "-c", "echo a; echo b >&2; printf c; exit 7"]
    heard, finished = finish(place.run(command, "http://127.0.0.1:1"))
    assert (heard, finished.exit_code, finished.timed_out) == (["a", "b", "c"], 7, False)


def test_a_command_that_hangs_is_ended_at_its_limit(place):
    began = time.monotonic()
    heard, finished = finish(place.run(["bash", "-c", "echo begun; sleep 600"], "http://x", 0.5))
    assert (heard, finished.timed_out) == (["begun"], True)
    assert finished.exit_code == -signal.SIGTERM
    assert time.monotonic() - began < 5


def test_closing_the_lines_early_ends_the_command(place):
    script = "echo $$; sleep 600"
    with closing(place.run(["bash", "-c", script], "http://x")) as lines:
        pid = int(next(lines))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_stage_is_removed_whatever_happened(tmp_path):
    with pytest.raises(KeyError), stage(str(tmp_path), keep=False, colour=False):
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_a_stage_is_kept_when_asked_for(tmp_path):
    with stage(str(tmp_path / "new"), keep=True, colour=False) as place:
        pass
    assert sorted(os.listdir(place.folder)) == ["home", "hub", "mini-swarm", "tmp"]
    assert os.access(os.path.join(place.project, "run_mini_swarm.sh"), os.X_OK)


def test_needs_name_the_missing_package_and_how_to_get_it(monkeypatch):
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "safetensors" else name)
    with pytest.raises(LaunchError) as caught:
        needs.check_needs()
    assert caught.value.message == "The demo needs safetensors, not installed here."
    assert caught.value.hint == "pip install 'swarmcache[demo]'"


@pytest.mark.parametrize(
    ("expected", "finished", "faults"),
    [
        (0, Finished(0, 1.0, timed_out=False), []),
        (1, Finished(1, 1.0, timed_out=False), []),
        (0, Finished(1, 1.0, timed_out=False), ["It ended with 1, not 0."]),
        (0, Finished(-15, 60.2, timed_out=True), ["It was ended after 60 s."]),
    ],
)
def test_the_exit_code_is_proved(expected, finished, faults):
    assert proofs.ended_with(expected, finished) == faults


def test_requests_are_proved_both_ways():
    assert proofs.sent(0, some=False) == []
    assert proofs.sent(3, some=True) == []
    assert proofs.sent(0, some=True) == ["Nothing was asked of the Hub."]
    assert proofs.sent(1, some=False) == ["1 request was sent, expected none."]
    assert proofs.sent(2, some=False) == ["2 requests were sent, expected none."]


def test_a_second_format_on_the_disk_is_noticed(tmp_path):
    (tmp_path / "snapshots").mkdir()
    assert proofs.left_out(str(tmp_path), "pytorch_model.bin") == []
    path = tmp_path / "snapshots" / "pytorch_model.bin"
    path.touch()
    assert proofs.left_out(str(tmp_path), "pytorch_model.bin") == [
        f"{path} was fetched without need."
    ]


def test_a_trainer_that_left_no_record_is_noticed(tmp_path, models):
    path = str(tmp_path / "started.json")
    assert proofs.everything_read(path, models) == [f"The trainer left no record at {path}."]


def test_output_that_names_no_model_or_breaks_off_is_noticed(models):
    assert proofs.spoke_of(models, [f"✓ swarm-demo/{JUDGE} complete"]) == []
    assert proofs.spoke_of(models, ["nothing"]) == ["It did not name any model of the project."]
    broken = ["Traceback (most recent call last):", f"swarm-demo/{JUDGE}"]
    assert proofs.spoke_of(models, broken) == ["It failed with a traceback."]


def test_a_start_that_waits_for_the_network_is_not_as_fast():
    assert proofs.as_fast_as(1.0, Finished(0, 3.5, timed_out=False)) == []
    assert proofs.as_fast_as(1.0, Finished(0, 11.0, timed_out=False)) == [
        "It took 10.0 s longer than with the Hub up."
    ]


def test_the_trainer_fails_loudly_where_the_vocabulary_does_not_fit(models, place):
    coder = models[0]
    config = json.loads(coder.files["config.json"]) | {"vocab_size": 5}
    files = {**coder.files, "config.json": json.dumps(config).encode()}
    for model in (type(coder)(coder.repo_id, files, coder.tensors, coder.digest), *models[1:]):
        publish(model, place.hub)
    with running([place.hub]) as hub:
        heard, finished = finish(place.run(["./run_mini_swarm.sh"], hub.url))
    assert finished.exit_code == 1
    assert heard[-1] == f"ValueError: swarm-demo/{CODER}: 278 tokens, but the model knows 5"


def test_the_mini_project_is_in_the_wheel(place):
    names = {
        os.path.relpath(os.path.join(folder, name), place.project)
        for folder, _, files in os.walk(place.project)
        for name in files
    }
    assert names == {
        "run_mini_swarm.sh",
        "docker-compose.yaml",
        "mini_swarm/__init__.py",
        "mini_swarm/trainer.py",
        "mini_swarm/config/mini-swarm.yaml",
    }
    subprocess.run(["bash", "-n", os.path.join(place.project, "run_mini_swarm.sh")], check=True)
