"""`swarmcache check` as launch scripts use it."""

from __future__ import annotations

import json
import os
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker, tiny_safetensors
from other_user import open_folder, run_as_other_user
from swarmcache import report
from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "check.json").read_text())
MODEL = {
    "config.json": b"{}",
    "model.safetensors": tiny_safetensors(1),
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b'{"a": 1}',
}


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CacheMaker:
    """The cache that HF_HUB_CACHE names, and an empty working directory."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return CacheMaker(tmp_path / "hub")


def test_complete_models_are_ticked_and_exit_with_0(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line that the original report asked for."""
    maker.repo("org/name", MODEL)

    assert main(["check", "org/name"]) == 0
    size = sum(map(len, MODEL.values()))
    assert capsys.readouterr().out == f"✓ Model org/name is cached ({size / 1000:.1f} kB).\n"


def test_the_chinese_lines_are_the_original_reports(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """「✓ 模型 … 已缓存」 and 「⚠ 模型 … 未缓存」."""
    monkeypatch.setenv("SWARMCACHE_LANG", "zh_CN")
    maker.repo("org/name", MODEL)

    assert main(["check", "org/name", "org/other"]) == 1
    good, bad = capsys.readouterr().out.splitlines()[:2]
    assert good.startswith("✓ 模型 org/name 已缓存")
    assert bad.startswith("⚠ 模型 org/other 未缓存")


def test_what_is_missing_is_named(maker: CacheMaker, capsys: pytest.CaptureFixture[str]) -> None:
    """One yellow line, then the files."""
    maker.repo("org/name", MODEL, absent=["tokenizer.json", "model.safetensors"])

    assert main(["check", "org/name"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "⚠ Model org/name is cached in part: 2 files are missing.",
        "    model.safetensors",
        "    tokenizer.json",
    ]


def test_json_holds_every_model_and_fits_its_schema(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Complete, incomplete and missing side by side."""
    commit = maker.repo("org/name", MODEL)
    maker.repo("org/half", MODEL, absent=["config.json"])

    assert main(["check", "--json", "org/name", "org/half@main", "datasets/org/none"]) == 1
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, SCHEMA)
    assert told["ok"] is False
    assert [(m["id"], m["type"], m["state"]) for m in told["models"]] == [
        ("org/name", "model", "complete"),
        ("org/half", "model", "incomplete"),
        ("org/none", "dataset", "missing"),
    ]
    assert told["models"][0]["commit"] == commit
    assert told["models"][1]["missing"] == ["config.json"]


def test_full_asks_for_every_file(maker: CacheMaker) -> None:
    """README included."""
    maker.repo("org/name", {**MODEL, "README.md": b"x"}, absent=["README.md"])

    assert main(["check", "org/name"]) == 0
    assert main(["check", "--full", "org/name"]) == 1


def test_without_a_model_the_project_is_checked(
    maker: CacheMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What `swarmcache.toml` names, here."""
    maker.repo("org/name", MODEL)
    text = '[[models]]\nid = "org/name"\n[[models]]\nid = "org/two"\n'
    (tmp_path / "project" / "swarmcache.toml").write_text(text)

    assert main(["check"]) == 1
    assert [line[:1] for line in capsys.readouterr().out.splitlines()] == ["✓", "⚠"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["check", "../../etc"], 2, "'../../etc' is not a repo id the Hub accepts"),
        (["check", "a/b/c/d"], 2, "is not a repo id"),
        (["check", "a/b@x..y/../z"], 2, "is not a revision name"),
        (["check"], 2, "No model is named"),
        (["check", "--cache-dir", "/nonexistent", "a/b"], 3, "/nonexistent does not exist"),
        (["check", "--cache-dir", "/etc/hostname", "a/b"], 3, "is a file"),
        (["check", "--cache-dir", "", "a/b"], 2, "empty"),
    ],
)
@pytest.mark.usefixtures("maker")
def test_bad_input_is_one_sentence_and_the_right_code(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing on standard output, no traceback."""
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_a_cache_that_is_not_there_yet_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fresh machine is no error: the model is missing."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))

    assert main(["check", "org/name"]) == 1
    assert "is not cached" in capsys.readouterr().out


def test_a_closed_cache_is_an_error_and_not_a_no() -> None:
    """Without the right to look, "not cached" would be a lie."""
    with open_folder() as folder:
        CacheMaker(f"{folder}/hub").repo("org/name", MODEL)
        os.chmod(f"{folder}/hub", 0)
        command = [sys.executable, "-m", "swarmcache", "check", "--cache-dir", f"{folder}/hub"]

        done = run_as_other_user([*command, "org/name"], cwd=folder)

    assert done.returncode == 3, done.stderr
    assert "cannot be read" in done.stderr
