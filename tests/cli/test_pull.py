"""`swarmcache pull` as a user runs it: what it says, its JSON, its exit codes."""

from __future__ import annotations

import importlib.resources
import io
import json
import os
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker, tiny_safetensors
from project.projects import swarm, write
from swarmcache.cli import main
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": tiny_safetensors(2),
    "pytorch_model.bin": b"p" * 5000,
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningHub]:
    served = CacheMaker(tmp_path / "served")
    for name in ("org/tiny", "org/big-a", "org/big-b"):
        served.repo(name, FILES)
    served.repo("org/data", {"train.csv": b"1,2"}, repo_type="dataset")
    with running([served.path]) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = str(tmp_path / "cache")
    monkeypatch.setenv("HF_HUB_CACHE", folder)
    monkeypatch.setenv("PATH", os.defpath)
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = swarm(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def test_without_a_model_what_the_project_loads_arrives(
    endpoint: RunningHub, cache: str, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull"]) == 0
    said = capsys.readouterr()
    assert said.out == "✓ Model org/tiny is cached (1.2 kB).\n"
    assert "org/tiny (trainer, tokenizer, proposer; game/config/swarm.yaml:8): " in said.err
    assert "Leaves out pytorch_model.bin, 5.0 kB: model.safetensors holds" in said.err
    assert "Ollama keeps tinycoder:1b in its own store" in said.err
    assert check(parse_target("org/tiny"), cache).state == "complete"


def test_every_member_of_a_drawn_pool_arrives(
    endpoint: RunningHub, cache: str, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "--pool", "large"]) == 0
    assert capsys.readouterr().out.count("✓") == 2
    assert check(parse_target("org/big-b"), cache).state == "complete"


def test_the_document_is_as_its_schema_says(
    endpoint: RunningHub, cache: str, project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "org/tiny", "org/none", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    schema = importlib.resources.files("swarmcache.report") / "schemas" / "pull.json"
    jsonschema.validate(document, json.loads(schema.read_text()))
    tiny, none = document["models"]
    assert document["ok"] is False
    assert (tiny["state"], tiny["files"], tiny["skipped_bytes"]) == ("complete", 4, 5000)
    assert tiny["source"] == endpoint.url
    assert (none["state"], none["error"]["kind"]) == ("missing", "RepoNotFound")


def test_a_dry_run_prints_the_plan_and_changes_nothing(
    endpoint: RunningHub, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "org/tiny", "--dry-run"]) == 0
    assert "org/tiny: 4 files to fetch, 1.2 kB, from " in capsys.readouterr().out
    assert not os.path.exists(cache)


def test_a_dataset_arrives_whole(
    endpoint: RunningHub, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "--dataset", "org/data"]) == 0
    assert capsys.readouterr().out == "✓ datasets/org/data is cached (3 B).\n"


def test_all_files_includes_the_other_formats(endpoint: RunningHub, cache: str) -> None:
    assert main(["pull", "org/tiny", "--all-files"]) == 0
    found = check(parse_target("org/tiny"), cache, full=True)
    assert found.state == "complete"
    assert "pytorch_model.bin" in os.listdir(found.snapshot or "")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["org/none"], 1),
        (["org/tiny", "--revision", "v9"], 1),
        (["../../etc"], 2),
        (["--revision", "v1"], 2),
        (["org/tiny", "--pool", "medium"], 2),
    ],
)
def test_exit_codes(endpoint: RunningHub, cache: str, arguments: list[str], code: int) -> None:
    assert main(["pull", *arguments]) == code


def test_an_unreachable_endpoint_is_exit_code_4(
    cache: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["pull", "org/tiny"]) == 4
    assert capsys.readouterr().out.startswith("✗ org/tiny: http://127.0.0.1:9 cannot be reached")


def test_a_folder_without_a_model_is_a_usage_error(
    cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pull"]) == 2
    assert "No model is named, and none was found in" in capsys.readouterr().err


def test_configs_that_disagree_pull_nothing_unasked(
    endpoint: RunningHub, cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "configs/gpu.yaml": "model_name_or_path: org/big-a\n",
        "configs/mac.yaml": "model_name_or_path: org/tiny\n",
    }
    monkeypatch.chdir(write(tmp_path / "project", files))
    assert main(["pull"]) == 2
    assert not os.path.exists(cache)
    write(tmp_path / "project", {"swarmcache.toml": '[[models]]\nid = "org/big-b"\n'})
    assert main(["pull"]) == 0
    assert sorted(name for name in os.listdir(cache) if "--" in name) == ["models--org--big-b"]


def test_a_cache_that_cannot_be_made_is_exit_code_3(
    endpoint: RunningHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["pull", "org/tiny", "--cache-dir", str(tmp_path / "file" / "hub")]) == 3


def test_a_file_in_the_place_of_the_cache_is_told_before_the_hub_is_asked(
    endpoint: RunningHub, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment prevents it, whether or not the Hub could be reached."""
    with open(cache, "w"):
        pass

    assert main(["pull", "org/tiny"]) == 3
    assert f"{cache} is a file; the cache must be a folder." in capsys.readouterr().err
    assert endpoint.requests == []


def test_models_come_from_a_file_and_from_standard_input(
    endpoint: RunningHub,
    cache: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One a line; comments and empty lines are none."""
    (tmp_path / "models.txt").write_text("# the trainer\norg/tiny   # small\n\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"org/big-a\n")))
    assert main(["pull", "-f", str(tmp_path / "models.txt"), "-f", "-", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)["models"]
    assert [(one["id"], one["state"]) for one in models] == [
        ("org/tiny", "complete"),
        ("org/big-a", "complete"),
    ]


def test_an_empty_list_is_a_usage_error_and_pulls_nothing_else(
    project: str, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models.txt").write_text("# nothing\n")
    assert main(["pull", "-f", str(tmp_path / "models.txt")]) == 2
    assert "The list names no model." in capsys.readouterr().err
    assert not os.path.exists(cache)


def test_patterns_choose_files_and_a_part_is_no_failure(endpoint: RunningHub, cache: str) -> None:
    arguments = ["--include", "*.json", "--exclude", "tokenizer*"]
    assert main(["pull", "org/tiny", *arguments]) == 0
    snapshots = os.path.join(cache, "models--org--tiny", "snapshots")
    (commit,) = os.listdir(snapshots)
    assert os.listdir(os.path.join(snapshots, commit)) == ["config.json"]


def test_events_are_lines_as_their_schema_says_and_end_with_the_end(
    endpoint: RunningHub, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "org/tiny", "--json-events"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    schemas = importlib.resources.files("swarmcache").joinpath("report/schemas")
    schema = json.loads(schemas.joinpath("pull-event.json").read_text("utf-8"))
    for line in lines:
        jsonschema.validate(line, schema)
    assert [line["event"] for line in lines] == ["plan", "start", "finish", "model", "end"]
    assert lines[-1]["ok"] is True
    assert lines[-2]["downloaded_bytes"] == lines[0]["fetch_bytes"]


def test_two_ways_to_print_the_same_are_a_usage_error(cache: str) -> None:
    assert main(["pull", "org/tiny", "--json", "--json-events"]) == 2


def test_a_plan_tells_files_sources_and_the_disk(
    endpoint: RunningHub, cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", "org/tiny", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"org/tiny: 4 files to fetch, 1.2 kB, from {endpoint.url}."
    assert "    model.safetensors: 1.2 kB" in lines
    assert lines[-1].startswith(f"To fetch: 1.2 kB into {cache}, which has ")
    assert not os.path.exists(cache)


def test_what_another_cache_has_is_copied_from_there(
    endpoint: RunningHub, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second project: no byte travels."""
    assert main(["pull", "org/tiny"]) == 0
    capsys.readouterr()
    endpoint.requests.clear()
    assert main(["pull", "org/tiny", "--json", "--cache-dir", str(tmp_path / "second")]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert (model["state"], model["downloaded_bytes"]) == ("complete", 0)
    assert model["plan"]["nearby_bytes"] == model["linked_bytes"] == model["size_bytes"]
    assert not [one for one in endpoint.requests if "/resolve/" in one.path]


@pytest.mark.parametrize("text", ["0", "fast", "-5MB"])
def test_a_rate_must_be_one(text: str, cache: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "org/tiny", "--max-rate", text]) == 2
    assert "is not a rate" in capsys.readouterr().err
