"""What a command may still ask the Hub for, and how far it is offline therefore."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from processes import ran
from swarmcache.serve.silent import SilentHub
from tinyswarm import fill

if TYPE_CHECKING:
    import pathlib

RUN = [sys.executable, "-m", "swarmcache", "run"]
DEAD = "http://127.0.0.1:1"
SHOWN = ("HF_HUB_OFFLINE", "SWARMCACHE_COMPLETE_MODELS", "HF_ENDPOINT", "MODEL_NAME")
SHOW = f"import json, os; print(json.dumps({{n: os.environ.get(n) for n in {SHOWN}}}))\n"
"""A training script that tells what it was given."""
CONFIG = "trainer:\n  model_name_or_path: tiny/one\n"
WITH_TOKEN = CONFIG + "manager:\n  hf_token: ${oc.env:HUGGINGFACE_ACCESS_TOKEN,null}\n"
PUSH = "def save(self):\n    self.model.push_to_hub(self.name, token=self.hf_token)\n"
STREAM = 'from datasets import load_dataset\nload_dataset("org/rows", streaming=True)\n'


class Project:
    """A project that loads tiny/one, and what its script gets."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder / "project"
        (self.folder / "config").mkdir(parents=True)
        self.cache = folder / "hub"
        fill(self.cache, "tiny/one")
        self.variables = {**os.environ, "HF_HUB_CACHE": str(self.cache), "HF_ENDPOINT": DEAD}
        self.write("config/swarm.yaml", CONFIG)
        self.write("train.py", SHOW)

    def write(self, name: str, content: str) -> None:
        """Write a file of the project."""
        (self.folder / name).write_text(content)

    def start(
        self, *options: str, command: tuple[str, ...] = (sys.executable, "train.py")
    ) -> tuple[dict[str, str | None], str]:
        """Return the variables that the script got, and the last line that `run` said."""
        done = ran([*RUN, *options, "--", *command], cwd=self.folder, env=self.variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), done.stderr.splitlines()[-1]


@pytest.fixture
def project(tmp_path: pathlib.Path) -> Project:
    return Project(tmp_path)


def is_offline(given: dict[str, str | None]) -> bool:
    """Tell whether all of the command is offline; then nothing reaches into it."""
    assert (given["SWARMCACHE_COMPLETE_MODELS"] is None) == (given["HF_HUB_OFFLINE"] == "1")
    return given["HF_HUB_OFFLINE"] == "1"


def test_where_nothing_needs_the_hub_all_is_offline(project: Project) -> None:
    """The project's own code and configs name nothing but what is here."""
    given, said = project.start()
    assert is_offline(given)
    assert said.startswith("CMD gets HF_HUB_OFFLINE=1: what it needs of the Hub is here;")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("data.py", STREAM, "org/rows (streamed)"),
        ("data.py", 'load_dataset("org/rows")\n', "org/rows (datasets)"),
        ("data.py", "load_dataset(name)\n", "datasets"),
        ("push.py", PUSH, "uploads and logins"),
        ("judge.py", 'AutoModel.from_pretrained("org/judge")\n', "org/judge (not complete)"),
        ("start.sh", "#!/bin/sh\nhf download org/more\n", "further files"),
        ("config/data.yaml", "dataset_id_or_path: org/rows\n", "org/rows (datasets)"),
        ("config/swarm.yaml", CONFIG + "  push_to_hub: true\n", "uploads and logins"),
    ],
)
def test_one_line_tells_what_goes_out(project: Project, name: str, content: str, what: str) -> None:
    """And only the models stay at home."""
    project.write(name, content)
    given, said = project.start()
    assert said == f"The models stay offline; CMD may ask {DEAD} for {what}."
    assert not is_offline(given)
    table = json.loads(given["SWARMCACHE_COMPLETE_MODELS"] or "")
    assert list(table) == ["tiny/one"]
    assert table["tiny/one"]["revisions"][0] == "main"


def test_what_ollama_fetches_is_told_though_no_hub_is_asked(project: Project) -> None:
    """Its server has a registry of its own, which offline mode does not stop."""
    project.write("config/swarm.yaml", CONFIG + "reward:\n  ollama_model: coder:1.5b\n")
    given, said = project.start()
    assert is_offline(given)
    assert said.endswith("lets it ask. Ollama fetches coder:1.5b by itself where it lacks it.")


@pytest.mark.parametrize("value", [None, "None", ""])
def test_without_a_token_nobody_uploads(project: Project, value: str | None) -> None:
    """RL-Swarm's manager: its config hands on a variable that is not set, or says None."""
    project.write("config/swarm.yaml", WITH_TOKEN)
    project.write("manager.py", PUSH)
    if value is not None:
        project.variables["HUGGINGFACE_ACCESS_TOKEN"] = value
    assert is_offline(project.start()[0])
    project.variables["HUGGINGFACE_ACCESS_TOKEN"] = "hf_onlyatest"
    given, said = project.start()
    assert (is_offline(given), "uploads and logins" in said) == (False, True)
    assert "hf_onlyatest" not in said


def test_what_the_code_names_and_is_here_needs_no_hub(project: Project) -> None:
    """A complete model, a folder of the project, a table that `datasets` made before."""
    fill(project.cache, "tiny/two")
    (project.folder / "models" / "own").mkdir(parents=True)
    names = ("tiny/one", "tiny/two", "models/own")
    project.write("load.py", "".join(f'A.from_pretrained("{name}")\n' for name in names))
    assert is_offline(project.start()[0])


@pytest.mark.parametrize(
    "command",
    [
        ("sh", "-c", f"{sys.executable} train.py"),
        (sys.executable, "-c", "exec(open('train.py').read())"),
        ("../train.sh",),
    ],
)
def test_code_that_is_not_the_projects_may_need_anything(
    project: Project, command: tuple[str, ...]
) -> None:
    """So the command is not offline, and it says so; the models stay at home all the same."""
    outside = project.folder.parent / "train.sh"
    outside.write_text(f"#!/bin/sh\nexec {sys.executable} train.py\n")
    outside.chmod(0o755)
    given, said = project.start(command=command)
    assert not is_offline(given)
    assert said.endswith("for whatever its code, which is not all known, asks for.")


def test_a_module_of_the_project_is_its_own_code(project: Project) -> None:
    """`python -m package.train`, as RL-Swarm's script starts it."""
    (project.folder / "package").mkdir()
    project.write("package/train.py", SHOW)
    command = (sys.executable, "-m", "package.train")
    assert is_offline(project.start(command=command)[0])


def test_an_incomplete_model_may_be_asked_for(project: Project) -> None:
    """Started by --best-effort, the command may fetch it itself."""
    project.write("config/swarm.yaml", "model_name_or_path: tiny/two\n")
    given, said = project.start("--best-effort")
    assert given["HF_HUB_OFFLINE"] is None
    assert said == f"CMD may ask {DEAD} for tiny/two (not complete)."


@pytest.mark.parametrize("how", ["settings", "variable"])
def test_the_users_word_to_stay_online_holds(project: Project, how: str) -> None:
    """`offline = "never"`, or a variable that says so."""
    if how == "settings":
        project.write("swarmcache.toml", '[launch]\noffline = "never"\n')
    else:
        project.variables["HF_HUB_OFFLINE"] = "0"
    given, said = project.start()
    assert given["HF_HUB_OFFLINE"] in {None, "0"}
    assert given["SWARMCACHE_COMPLETE_MODELS"] is None
    assert said == f"CMD may still ask {DEAD} for newer files; --offline forbids it."


def test_a_silent_hub_is_not_waited_for(project: Project) -> None:
    """Not even to choose an endpoint: nobody connects to it, whatever goes out."""
    project.write("data.py", STREAM)
    with SilentHub() as silent:
        project.variables["HF_ENDPOINT"] = silent.url
        project.start()
        assert silent.connections == 0
