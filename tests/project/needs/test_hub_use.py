"""What a project's own code asks of the Hub, read by words."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from swarmcache.project.needs import hub_use
from swarmcache.project.needs.hub_use import HubUse, hub_uses

if TYPE_CHECKING:
    import pathlib

MANAGER = """
    from huggingface_hub import login, whoami

    class Manager:
        def configure(self):
            username = whoami(token=self.hf_token)["name"]
            login(self.hf_token)

        def save(self):
            self.trainer.model.push_to_hub(
                repo_id=self.repo_id,
                token=self.hf_token,
                commit_message=f"round {self.state.round}",
            )
"""
"""As RL-Swarm's manager has it."""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('load_dataset("org/rows", streaming=True)', [("stream", "org/rows", "")]),
        ('load_dataset("mbpp", "full", split="train")', [("dataset", "mbpp", "")]),
        ("load_dataset(\n    path,\n    streaming=True,\n)", [("stream", "", "")]),
        ('load_dataset("json", data_files="a.json")', []),
        ('# load_dataset("org/rows")', []),
        ("model.push_to_hub(name)", [("upload", "", "")]),
        ("model.push_to_hub(name, token=cfg.hub_token)", [("upload", "", "hub_token")]),
        ("TrainingArguments(push_to_hub=True)", [("upload", "", "")]),
        ("TrainingArguments(push_to_hub=False)", []),
        ("huggingface_hub.login(token=True)", [("login", "", "")]),
        ("wandb.login(key)", []),
        ('hf_hub_download("org/name", "x.bin")', [("download", "org/name", "")]),
        ('AutoModel.from_pretrained("org/judge")', [("model", "org/judge", "")]),
        ("AutoModel.from_pretrained(cfg.model)", []),
        ('import argparse\np.add_argument("--model", default="org/x")', [("model", "org/x", "")]),
        (
            'MODEL = "org/x"  # not a file\nAutoModel.from_pretrained(MODEL)',
            [("model", "org/x", "")],
        ),
        ('model_config = "configs/model.yaml"', []),
        ('headers = {"accept": "application/json"}', []),
        ('evaluate.load("accuracy")', [("download", "accuracy", "")]),
    ],
)
def test_a_mention_is_told(
    tmp_path: pathlib.Path, code: str, expected: list[tuple[str, str, str]]
) -> None:
    """Kind, name, and where the token comes from; in comments nothing is meant."""
    (tmp_path / "train.py").write_text(f"from datasets import load_dataset\n{code}\n")
    found = hub_uses(str(tmp_path))
    assert [(use.kind, use.name, use.token) for use in found.uses] == expected
    assert (found.whole, found.files) == (True, 1)


def test_rl_swarms_manager_asks_with_its_own_token_only(tmp_path: pathlib.Path) -> None:
    """Each mention with its line, and the attribute that the config fills."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "manager.py").write_text(textwrap.dedent(MANAGER))
    assert hub_uses(str(tmp_path)).uses == (
        HubUse("login", "", "src/manager.py:6", "hf_token"),
        HubUse("login", "", "src/manager.py:7", "hf_token"),
        HubUse("upload", "", "src/manager.py:10", "hf_token"),
    )


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("hf download org/name", ["download"]),
        ("huggingface-cli login --token $T", ["login"]),
        ("hf upload me/model out", ["upload"]),
        ("hf auth logout > /dev/null", []),
        ("# hf download org/name", []),
        ("vllm serve org/name --port 8000", ["model"]),
        ('export MODEL_NAME="org/name"', ["model"]),
        ("python train.py --model_name_or_path org/name", ["model"]),
        ("python train.py --model ./out/best/model", []),
        ('python train.py --model "$MODEL_NAME"', []),
    ],
)
def test_commands_of_scripts(tmp_path: pathlib.Path, line: str, kinds: list[str]) -> None:
    """A logout needs no Hub."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "start.sh").write_text(f"#!/bin/sh\n{line}\n")
    assert [use.kind for use in hub_uses(str(tmp_path)).uses] == kinds


def test_other_peoples_code_and_tests_are_not_read(tmp_path: pathlib.Path) -> None:
    """Environments, caches of Python, and what no start runs."""
    (tmp_path / ".venv").mkdir()
    for place in (".venv", "env2", "tests", "node_modules"):
        (tmp_path / place).mkdir(exist_ok=True)
        (tmp_path / place / "a.py").write_text('load_dataset("org/rows")')
    (tmp_path / "env2" / "pyvenv.cfg").touch()
    (tmp_path / "test_it.py").write_text('load_dataset("org/rows")')
    assert hub_uses(str(tmp_path)) == ((), True, 0)


@pytest.mark.parametrize("bound", ["MAX_FILES", "MAX_BYTES", "MAX_CPU_SECONDS", "MAX_SECONDS"])
def test_what_is_too_large_is_said_not_to_be_read(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """Then nobody may say that nothing needs the Hub."""
    for number in range(3):
        (tmp_path / f"{number}.py").write_text("x = 1\n")
    assert hub_uses(str(tmp_path)).whole
    monkeypatch.setattr(hub_use, bound, -1)
    assert not hub_uses(str(tmp_path)).whole


def test_folders_that_are_too_deep_are_not_passed_over(tmp_path: pathlib.Path) -> None:
    """Nine below another."""
    deep = tmp_path.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    (deep / "a.py").write_text('load_dataset("org/rows")')
    assert hub_uses(str(tmp_path)) == ((), False, 0)
    assert hub_uses(str(tmp_path / "a")).uses[0].name == "org/rows"


def test_a_file_that_cannot_be_read_is_not_passed_over(tmp_path: pathlib.Path) -> None:
    """A link that leads nowhere is no file; a folder named like one is a folder."""
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.py").mkdir()
    assert hub_uses(str(tmp_path)) == ((), True, 0)
