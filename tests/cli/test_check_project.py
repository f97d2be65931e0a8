"""`check` without a model: all that a start needs, and what to do for what is not here."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import tinyswarm
from cachemaker import write
from doctor.test_original_report import CONFIG, LAUNCHER, PLAIN, RECIPE
from rl_swarm_checkout import exported
from swarmcache import locale
from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads(
    importlib.resources.files("swarmcache.report").joinpath("schemas/check.json").read_text()
)
MODEL = "Gensyn/Qwen2.5-0.5B-Instruct"
CODE_ZERO = """\
trainer:
  _target_: swarm.trainer.Trainer
  model_name_or_path: org/model
reward:
  ollama_model: qwen2.5-coder:1.5b-instruct
"""
TRAINER = """\
import ollama
import torch
from datasets import load_dataset
from transformers import AutoTokenizer
from vllm import LLM

dataset_id = "org/tables"

class Trainer:
    def __init__(self, name, streaming):
        self.mbpp = load_dataset("org/streamed", streaming=True)
        self.tables = load_dataset(dataset_id, "main")
        self.either = load_dataset("org/either", streaming=streaming)
        self.unnamed = load_dataset(name)
        self.judge = AutoTokenizer.from_pretrained("org/judge")
        self.hub = torch.hub.load("pytorch/vision:v0.10.0", "resnet18")
        self.weights = torch.hub.load_state_dict_from_url("https://example.org/w/net-1.pth")
        self.engine = LLM(model=name)
"""
START = "#!/bin/bash\npython -m swarm.run --config-path $PWD/config --config-name swarm.yaml\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, with an empty cache."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return tmp_path / "home"


@pytest.fixture
def project(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of every kind of need, as CodeZero has them; the working directory."""
    folder = tmp_path / "project"
    for path, text in {
        "run.sh": START,
        "config/swarm.yaml": CODE_ZERO,
        "swarm/__init__.py": "",
        "swarm/run.py": "import hydra\n",
        "swarm/trainer.py": TRAINER,
        "swarm/unused.py": 'from datasets import load_dataset\nload_dataset("org/unused")\n',
        "tests/test_it.py": 'from datasets import load_dataset\nload_dataset("org/tested")\n',
    }.items():
        write(f"{folder}/{path}", text.encode())
    monkeypatch.chdir(folder)
    return folder


def checked(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the document, which is of its schema."""
    code = main(["check", "--json", *options])
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert document["ok"] is (code == 0)
    return code, document


def ready(document: dict[str, Any]) -> dict[str, str]:
    """Return the answer for each need."""
    return {f"{one['kind']} {one['name']}".strip(): one["ready"] for one in document["needs"]}


def table(home: Path, name: str, config: str, *, splits: tuple[str, ...] = ("train",)) -> None:
    """Write a table as `datasets` does (tests/compat/test_datasets.py has it write one)."""
    folder = (
        f"{home}/.cache/huggingface/datasets/{name.replace('/', '___')}/{config}/0.0.0/{'a' * 40}"
    )
    info = {"config_name": config, "splits": {one: {"name": one} for one in splits}}
    write(f"{folder}/dataset_info.json", json.dumps(info).encode())
    for split in splits:
        write(f"{folder}/{name.rpartition('/')[2]}-{split}.arrow", b"arrow")


def ollama_model(store: Path, name: str, tag: str) -> str:
    """Write a model into a store of Ollama's, and return the path of its largest part."""
    blobs = []
    for content in (b"{}", b"weights" * 100):
        digest = hashlib.sha256(content).hexdigest()
        write(f"{store}/blobs/sha256-{digest}", content)
        blobs.append({"digest": f"sha256:{digest}", "size": len(content)})
    manifest = {"schemaVersion": 2, "config": blobs[0], "layers": blobs[1:]}
    path = f"{store}/manifests/registry.ollama.ai/library/{name}/{tag}"
    write(path, json.dumps(manifest).encode())
    return f"{store}/blobs/{blobs[1]['digest'].replace(':', '-')}"


def test_nothing_is_here(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every need of the code that runs, and none of the code that does not."""
    code, document = checked(capsys)
    assert code == 1
    assert ready(document) == {
        "dataset org/streamed": "no",
        "dataset org/tables": "no",
        "dataset org/either": "no",
        "dataset": "unknown",
        "tokenizer org/judge": "no",
        "torch-hub pytorch/vision:v0.10.0": "no",
        "torch-weights https://example.org/w/net-1.pth": "no",
        "vllm vllm": "yes",
        "ollama qwen2.5-coder:1.5b-instruct": "no",
    }
    origins = {one["name"]: one["origin"] for one in document["needs"]}
    assert origins["org/streamed"] == "swarm/trainer.py:11"
    assert origins["qwen2.5-coder:1.5b-instruct"] == "config/swarm.yaml:5"
    advice = {one["name"]: one["advice"] for one in document["needs"]}
    assert advice["org/tables"] == (
        'python -c \'from datasets import load_dataset; load_dataset("org/tables", "main")\''
    )
    assert advice["qwen2.5-coder:1.5b-instruct"] == "ollama pull qwen2.5-coder:1.5b-instruct"
    assert advice["org/judge"] == "swarmcache pull org/judge"


def test_everything_is_here(project: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 needs every answer to be yes: what only running tells still is not."""
    tinyswarm.fill(home / ".cache/huggingface/hub", "org/model", "org/judge")
    for name, config in (("org/streamed", "default"), ("org/tables", "main")):
        table(home, name, config)
    table(home, "org/either", "default")
    ollama_model(home / ".ollama/models", "qwen2.5-coder", "1.5b-instruct")
    write(f"{home}/.cache/torch/hub/checkpoints/net-1.pth", b"weights")
    os.makedirs(f"{home}/.cache/torch/hub/pytorch_vision_v0.10.0")

    code, document = checked(capsys)
    assert code == 1
    assert {name for name, answer in ready(document).items() if answer != "yes"} == {
        "dataset",
        "torch-hub pytorch/vision:v0.10.0",
    }
    source = project / "swarm/trainer.py"
    kept = [one for one in TRAINER.splitlines() if "unnamed" not in one and "vision" not in one]
    source.write_text("\n".join(kept))
    code, document = checked(capsys)
    assert (code, document["models"][0]["state"]) == (0, "complete")


def test_a_tokenizer_alone_needs_no_weights(
    project: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As AutoTokenizer fills a cache; without its vocabulary it is not there."""
    maker = tinyswarm.fill(
        home / ".cache/huggingface/hub", "org/judge", absent=("model.safetensors",)
    )
    assert ready(checked(capsys)[1])["tokenizer org/judge"] == "yes"
    (vocabulary,) = pathlib.Path(maker.folder("org/judge")).glob("snapshots/*/tokenizer.json")
    vocabulary.unlink()
    assert ready(checked(capsys)[1])["tokenizer org/judge"] == "no"


def test_files_that_are_here_need_no_hub(
    project: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kind of file is no repo; an address is not here, and what a variable names is not known."""
    tinyswarm.fill(home / ".cache/huggingface/hub", "org/model")
    ollama_model(home / ".ollama/models", "qwen2.5-coder", "1.5b-instruct")
    source = project / "swarm/trainer.py"
    call = "from datasets import load_dataset\nload_dataset({})\n"
    write(f"{project}/data/a.jsonl", b"{}\n")
    for arguments, code in {
        '"json", data_files="data/a.jsonl"': 0,
        '"json", data_files="data/*.jsonl"': 0,
        '"json", data_files="data/b.jsonl"': 1,
        '"csv", data_files="https://example.org/x.csv"': 1,
        '"parquet", data_files=files': 1,
    }.items():
        source.write_text(call.format(arguments))
        assert checked(capsys)[0] == code, arguments


def test_a_table_that_lacks_a_split_is_not_ready(
    project: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is another configuration."""
    table(home, "org/tables", "main", splits=("train", "test"))
    cut = home / f".cache/huggingface/datasets/org___tables/main/0.0.0/{'a' * 40}/tables-test.arrow"
    cut.write_bytes(b"")
    _, document = checked(capsys)
    reasons = {one["name"]: one["reason"] for one in document["needs"]}
    assert reasons["org/tables"] == "its table lacks test"

    table(home, "org/either", "a")
    table(home, "org/either", "b")
    assert ready(checked(capsys)[1])["dataset org/either"] == "unknown"


def test_an_ollama_model_without_a_part_is_not_ready(
    project: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest alone loads nothing; a server elsewhere keeps its own; no server is asked."""
    name = "ollama qwen2.5-coder:1.5b-instruct"
    part = ollama_model(home / ".ollama/models", "qwen2.5-coder", "1.5b-instruct")
    assert ready(checked(capsys)[1])[name] == "yes"
    monkeypatch.setenv("OLLAMA_HOST", "http://10.0.0.5:11434")
    assert ready(checked(capsys)[1])[name] == "unknown"
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:11434")
    os.truncate(part, 10)
    assert ready(checked(capsys)[1])[name] == "no"
    os.unlink(part)
    assert ready(checked(capsys)[1])[name] == "no"
    ollama_model(home / "elsewhere", "qwen2.5-coder", "1.5b-instruct")
    monkeypatch.setenv("OLLAMA_MODELS", str(home / "elsewhere"))
    assert ready(checked(capsys)[1])[name] == "yes"


def test_a_model_in_the_store_of_compose_may_be_the_servers(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """RL-Swarm's compose file mounts ./ollama-data."""
    ollama_model(project / "ollama-data/models", "qwen2.5-coder", "1.5b-instruct")
    assert ready(checked(capsys)[1])["ollama qwen2.5-coder:1.5b-instruct"] == "unknown"


def test_people_read_what_to_do(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In both languages; the answer is a sentence of its own, beside the results."""
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert (
        "⚠ Dataset org/streamed (swarm/trainer.py:11) is not ready: it is streamed, which stores "
        "nothing: every start asks the Hub.\n"
    ) in printed.out
    assert "    Next: ollama pull qwen2.5-coder:1.5b-instruct\n" in printed.out
    assert "⚠ The project may not start with the network cable out.\n" in printed.err
    locale.use("zh_CN")
    assert main(["check"]) == 1
    printed = capsys.readouterr()
    assert "数据集 org/streamed" in printed.out
    assert "拔掉网线" in printed.err


@pytest.mark.parametrize("script", [PLAIN, RECIPE], ids=["plain", "recipe"])
def test_the_original_reports_node(
    script: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its model is in the default cache, so its plain node could start without a network."""
    node = tmp_path / "rl-swarm"
    write(f"{node}/run_rl_swarm.sh", script.encode())
    write(f"{node}/rgym_exp/config/rg-swarm.yaml", CONFIG.encode())
    write(f"{node}/rgym_exp/runner/swarm_launcher.py", LAUNCHER.encode())
    monkeypatch.chdir(node)
    assert checked(capsys)[0] == 1
    tinyswarm.fill(home / ".cache/huggingface/hub", MODEL)

    code, document = checked(capsys)
    assert (code, [one["id"] for one in document["models"]]) == (0, [MODEL])


@pytest.mark.parametrize(
    ("revision", "needs"),
    [
        (
            "9c95410",
            {
                "dataset google-research-datasets/mbpp",
                "dataset deepmind/code_contests",
                "ollama qwen2.5-coder:1.5b-instruct",
                "vllm vllm",
            },
        ),
        ("v0.6.4", set()),
        (
            "v0.4.4",
            {"dataset openai/gsm8k", "dataset open-r1/DAPO-Math-17k-Processed", "model"},
        ),
        ("v0.1.0", {"dataset openai/gsm8k", "model"}),
    ],
)
@pytest.mark.usefixtures("home")
def test_the_real_rl_swarm(  # noqa: PLR0913, PLR0917 - two of them are the case
    revision: str, needs: set[str], outside: dict[str, str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """CodeZero, its last rgym release, and hivemind's, whose config only running tells."""
    monkeypatch.chdir(exported(outside, revision, tmp_path / "rl-swarm"))
    code, document = checked(capsys)
    assert (code, set(ready(document))) == (1, needs)
