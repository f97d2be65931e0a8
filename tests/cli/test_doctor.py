"""`swarmcache doctor` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema

from swarmcache import report

if TYPE_CHECKING:
    from pathlib import Path

LAUNCHER = """\
#!/bin/bash
ROOT=$PWD
export TRANSFORMERS_CACHE="$ROOT/.cache/huggingface"
export HUGGINGFACE_HUB_CACHE="$ROOT/.cache/huggingface/hub"
python train.py
"""
TRAIN = """\
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("org/model")
"""


def project(folder: Path) -> str:
    """Write a project with the original report's recipe, and an interpreter beside it."""
    (folder / "run.sh").write_text(LAUNCHER)
    (folder / "train.py").write_text(TRAIN)
    site = folder / "env/lib/python3.11/site-packages"
    (site / "transformers-4.51.3.dist-info").mkdir(parents=True)
    (folder / "env/bin").mkdir()
    (folder / "env/bin/python").symlink_to(sys.executable)
    (folder / "env/pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    return str(folder)


def doctor(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own."""
    command = [sys.executable, "-m", "swarmcache", "doctor", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_recipe_of_the_original_report_splits_the_cache(tmp_path: Path) -> None:
    """The place is shown with a caret; exit code 1."""
    done = doctor(project(tmp_path), "--python", str(tmp_path / "env"), "--rule", "SC102")
    assert done.returncode == 1, done
    assert "SC102" in done.stdout
    assert "run.sh:3:8" in done.stdout
    assert 'export TRANSFORMERS_CACHE="$ROOT/.cache/huggingface"' in done.stdout


def test_json_is_of_its_schema(tmp_path: Path) -> None:
    """With facts, findings and counts."""
    done = doctor(project(tmp_path), "--python", str(tmp_path / "env"), "--json")
    document: dict[str, Any] = json.loads(done.stdout)
    schema = json.loads((files(report) / "schemas" / "doctor.json").read_text())
    jsonschema.validate(document, schema)
    assert "SC102" in {finding["rule"] for finding in document["findings"]}


def test_a_folder_without_anything_has_no_findings(tmp_path: Path) -> None:
    """Exit code 0."""
    done = doctor(str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "✓ Nothing found.\n"), done
