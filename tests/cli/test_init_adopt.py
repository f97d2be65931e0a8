"""`swarmcache init --adopt`: the models of the places that a project has used come along."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker
from cleaning import tree
from doctor.nodes import MODEL
from doctor.test_original_report import ARGUMENTS, CONFIG, LAUNCHER, RECIPE
from small_disks import small_disk
from swarmcache import report
from swarmcache.cli import main
from swarmcache.hubcache.scan import repo_names

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "init.json").read_text("utf-8"))
NEEDED = "Gensyn/Qwen2.5-0.5B-Instruct"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The original report's node after its recipe: a cache and a half inside, one of the user's."""
    folder = tmp_path / "project"
    for name, text in {
        "run_rl_swarm.sh": RECIPE,
        "rgym_exp/config/rg-swarm.yaml": CONFIG.replace("large:", f"{ARGUMENTS}large:"),
        "rgym_exp/runner/swarm_launcher.py": LAUNCHER,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    home = tmp_path / "home"
    CacheMaker(folder / ".cache/huggingface").repo("org/split", MODEL)
    CacheMaker(folder / ".cache/huggingface/hub").repo("org/pulled", MODEL)
    CacheMaker(home / ".cache/huggingface/hub").repo(NEEDED, MODEL)
    CacheMaker(home / ".cache/huggingface/hub").repo("org/others", MODEL)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return folder


def held(cache: object) -> list[str]:
    return [name.id for name in repo_names(str(cache))]


def test_all_that_was_the_projects_comes(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From its own places everything, from the user's what it needs; the old places stay."""
    new = tmp_path / "new"
    assert main(["init", "--layout", str(new), "--adopt", "--yes"]) == 0
    out = capsys.readouterr().out
    assert f"From {project}/.cache/huggingface:" in out
    assert sorted(held(new)) == sorted([NEEDED, "org/pulled", "org/split"])
    assert held(project / ".cache/huggingface/hub") == ["org/pulled"]
    assert main(["check", "org/split"]) == 0
    assert main(["init", "--undo"]) == 0
    assert (project / "run_rl_swarm.sh").read_text() == RECIPE
    assert len(held(new)) == 3


def test_dry_run_shows_it(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And brings nothing."""
    assert main(["init", "--layout", str(tmp_path / "new"), "--adopt", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "org/split" in out
    assert "org/others" not in out
    assert not (tmp_path / "new").exists()


def test_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By their names, without a line of text around the document."""
    assert main(["init", "--layout", "project", "--adopt", "--yes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, SCHEMA)
    assert [(one["id"], one["error"]) for one in document["adopted"]] == [
        (NEEDED, None),
        ("org/split", None),
    ]
    assert document["cache_dir"] == "project"


def test_nothing_to_bring(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder that is in use is no old place."""
    for name in ("hub", "models--org--split"):
        os.rename(project / f".cache/huggingface/{name}", project / f"gone-{name}")
    assert main(["init", "--layout", "shared", "--adopt", "--yes"]) == 0
    assert "No other place holds a model of this project." in capsys.readouterr().out


@pytest.mark.parametrize("word", ["--dry-run", "--yes"])
def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    project: Path, tmp_path: Path, word: str
) -> None:
    large = {**MODEL, "big.dat": b"w" * 200_000}
    CacheMaker(project / ".cache/huggingface/hub").repo("org/large", large)
    with small_disk(str(tmp_path / "disk"), "tmpfs", "size=128k") as disk:
        before = tree(str(project))
        assert main(["init", "--layout", f"{disk}/hub", "--adopt", word]) == 3
        assert (tree(str(project)), os.listdir(disk)) == (before, [])
