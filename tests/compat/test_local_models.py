"""Real clients in a command that needs the Hub for something else: complete models stay at home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import compat_environments
import pytest

from cachemaker import CacheMaker
from compat.conftest import DATASET, DATASET_FILES, MODEL, MODEL_FILES
from swarmcache.serve.running import running
from swarmcache.serve.silent import SilentHub

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from compat.conftest import Library
    from swarmcache.serve.running import RunningHub

pytestmark = pytest.mark.compat

STREAM = 'load_dataset("org/rows", streaming=True)\n'
"""What keeps the project from being offline altogether."""
NEWER = {**MODEL_FILES, "config.json": b'{"model_type": "llama", "newer": true}'}
LOAD = """
import json, os, sys
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import OfflineModeIsEnabled

def tried(ask, *arguments, **options):
    try:
        return str(ask(*arguments, **options))
    except Exception as error:
        return type(error).__name__

with open(hf_hub_download("org/tiny", "config.json")) as file:
    config = file.read()
print(json.dumps({
    "config": config,
    "snapshot": os.path.basename(snapshot_download("org/tiny")),
    "info": tried(HfApi().model_info, "org/tiny"),
    "absent": tried(hf_hub_download, "org/tiny", "adapter_config.json"),
    "dataset": tried(hf_hub_download, "org/rows", "data/train-00000.jsonl", repo_type="dataset"),
}))
"""


class Project:
    """A project of a user whose cache has the model, and a Hub that has a newer one."""

    def __init__(self, library: Library, folder: pathlib.Path) -> None:
        self.library = library
        self.folder = folder
        folder.mkdir()
        (folder / "data.py").write_text(STREAM)
        (folder / "load.py").write_text(LOAD)
        (folder / "swarmcache.toml").write_text(f'[[models]]\nid = "{MODEL}"\n')

    def run(self, endpoint: str) -> dict[str, Any]:
        """Return what the program found, started under `swarmcache run`."""
        python = str(compat_environments.python_of(self.library.version))
        variables = self.library.environment(HF_ENDPOINT=endpoint)
        done = subprocess.run(
            [sys.executable, "-m", "swarmcache", "run", "--", python, "load.py"],
            env=variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert f"The models stay offline; CMD may ask {endpoint}" in done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


@pytest.fixture
def newer(tmp_path: pathlib.Path) -> Iterator[RunningHub]:
    """Serve a newer commit of the model, and the dataset."""
    maker = CacheMaker(tmp_path / "newer")
    maker.repo(MODEL, NEWER)
    maker.repo(DATASET, DATASET_FILES, repo_type="dataset")
    with running([maker.path]) as hub:
        yield hub


@pytest.fixture
def project(library: Library, tmp_path: pathlib.Path) -> Project:
    return Project(library, tmp_path / "project")


def test_the_model_is_the_cached_one_and_the_dataset_comes_from_the_hub(
    project: Project, newer: RunningHub
) -> None:
    """Though main is newer there: a start never changes what it loads by itself."""
    commit = os.path.basename(project.library.snapshot(MODEL))
    found = project.run(newer.url)
    assert found["config"] == '{"model_type": "llama"}'
    assert (found["snapshot"], found["info"]) == (commit, "OfflineModeIsEnabled")
    assert found["absent"] in {"LocalEntryNotFoundError", "EntryNotFoundError"}
    assert found["dataset"].endswith("data/train-00000.jsonl")
    about = {request.path for request in newer.requests if "org/tiny" in request.path}
    assert about == set()


def test_a_silent_hub_delays_no_model(project: Project) -> None:
    """Nobody connects for the model; the dataset, which is not asked for here, would wait."""
    project.library.snapshot(MODEL)
    program = project.folder / "load.py"
    program.write_text(LOAD.replace('"dataset": tried(', '"dataset": (lambda *a, **k: None)('))
    with SilentHub() as silent:
        found = project.run(silent.url)
        assert found["config"] == '{"model_type": "llama"}'
        assert silent.connections == 0
