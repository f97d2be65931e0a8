"""`swarmcache emit` as a command: what it makes of settings, and never over another file."""

from __future__ import annotations

import importlib.resources
import json
import os
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("shell", "systemd", "compose", "kubernetes", "slurm", "cron")
COMPOSE = """\
services:
  web:
    image: nginx
  trainer:
    build: .
    command: python -m train.run --config-path config --config-name c.yaml
    environment: [HF_TOKEN=x]
"""
MODEL = "org/model"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with settings, a config and compose services; the working directory."""
    project = tmp_path / "My Swarm"
    project.mkdir()
    monkeypatch.chdir(project)
    settings = (
        '[cache]\ndir = "../hub"\n[hub]\nendpoints = ["https://a.example", "https://b.example"]\n'
        "[launch]\ncommand = \"python train.py --name 'a b'\"\n"
        f'[[models]]\nid = "{MODEL}"\nrevision = "v2"\n'
    )
    (project / "swarmcache.toml").write_text(settings)
    (project / "compose.yaml").write_text(COMPOSE)
    (project / "train").mkdir()
    (project / "train/run.py").write_text(
        "from transformers import AutoModel\nAutoModel.from_pretrained('org/model')\n"
    )
    (project / "Dockerfile").write_text("FROM python:3.12\nCOPY . /app\nWORKDIR /app\n")
    return project


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_the_settings(
    kind: str, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cache, and the endpoints where they are not the usual one."""
    assert main(["emit", kind, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    schema = importlib.resources.files("swarmcache.report") / "schemas/emit.json"
    jsonschema.validate(document, json.loads(schema.read_text()))
    assert f"{tmp_path}/hub" in document["content"]
    if kind != "shell":  # Its functions are run in the project, by whose settings they go.
        assert "https://a.example" in document["content"]
    if kind in {"compose", "kubernetes"}:
        assert f"{MODEL}@v2" in document["content"]


def test_the_services_are_those_that_load_models(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As doctor finds them, or as they are named."""
    assert main(["emit", "compose"]) == 0
    assert set(yaml.safe_load(capsys.readouterr().out)["services"]) == {"swarmcache", "trainer"}
    assert main(["emit", "compose", "--service", "a", "--service", "b"]) == 0
    assert set(yaml.safe_load(capsys.readouterr().out)["services"]) == {"swarmcache", "a", "b"}
    (project / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    (project / "Dockerfile").unlink()
    assert main(["emit", "compose"]) == 2
    assert "--service" in capsys.readouterr().err


def test_a_file_that_is_there_stays_unless_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal nobody can be asked; links and folders are files, too."""
    file = project / "model_cache.sh"
    file.write_text("mine\n")
    assert main(["emit", "shell", "--output", "model_cache.sh"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert file.read_text() == "mine\n"
    assert main(["emit", "shell", "-o", "model_cache.sh", "--yes"]) == 0
    assert file.read_text().startswith("#!/usr/bin/env bash\n")
    assert os.access(file, os.X_OK)
    assert "✓ Wrote" in capsys.readouterr().out
    (project / "dangling").symlink_to("nowhere")
    assert main(["emit", "cron", "-o", "dangling"]) == 2
    assert os.path.islink(project / "dangling")
    assert sorted(os.listdir(project)) == [
        "Dockerfile", "compose.yaml", "dangling", "model_cache.sh", "swarmcache.toml", "train",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "file", "said"),
    [
        ("shell", "scripts/my cache.sh", "source './scripts/my cache.sh'"),
        ("compose", "override.yaml", "-f ./override.yaml up"),
        ("kubernetes", "{elsewhere}/k.yaml", "kubectl apply -f {elsewhere}/k.yaml"),
        ("slurm", "t.sbatch", "sbatch ./t.sbatch"),
    ],
)
def test_what_it_says_names_the_file_that_it_wrote(
    kind: str, file: str, said: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a shell in the project takes it."""
    (project / "scripts").mkdir()
    elsewhere = project.parent
    assert main(["emit", kind, "-o", file.format(elsewhere=elsewhere)]) == 0
    assert said.format(elsewhere=elsewhere) in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the name that was typed."""
    assert main(["emit", "cron", "-o", "no/where"]) == 3
    assert f"{project}/no/where: No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["emit"], 2, "Missing argument"),
        (["emit", "podman"], 2, "podman"),
        (["emit", "shell", "a/b/c/d"], 2, "is not a repo id"),
        (["emit", "shell", "--cache-dir", "/srv/two\nlines"], 3, "newline"),
    ],
)
@pytest.mark.usefixtures("project")
def test_bad_input_is_one_sentence(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing on standard output."""
    assert main(words) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert (printed.out, "Traceback" in printed.err) == ("", False)


def test_under_sudo_one_is_told_whose_unit_it_is(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cache is root's, which nobody meant."""
    monkeypatch.setenv("SUDO_USER", "node")
    assert main(["emit", "systemd"]) == 0
    assert "sudo tee" in capsys.readouterr().err


def test_a_folder_in_whose_name_the_hubs_client_replaces_something_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable of a piece could name it."""
    project = tmp_path / "$HOME"
    project.mkdir()
    (project / "swarmcache.toml").write_text('[cache]\ndir = "project"\n')
    monkeypatch.chdir(project)
    assert main(["emit", "shell"]) == 3
    assert "replaces the variable" in capsys.readouterr().err


def test_the_user_form_is_a_unit_of_this_user(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the PATH of this shell, and the command that starts it on standard error."""
    monkeypatch.setenv("PATH", "/opt/venv/bin:bin::/usr/bin:/bin:/opt/venv/bin")
    assert main(["emit", "systemd", "--user"]) == 0
    printed = capsys.readouterr()
    assert "WantedBy=default.target" in printed.out
    assert 'ExecStart="' in printed.out
    assert '"--" "python" "train.py" "--name" "a b"' in printed.out
    assert 'Environment="PATH=/opt/venv/bin:/usr/bin:/bin"' in printed.out
    assert "sudo" not in printed.err
    assert "systemctl --user daemon-reload && systemctl --user enable --now my-swarm" in printed.err
