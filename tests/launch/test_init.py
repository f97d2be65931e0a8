"""The first settings file: its content, and the write that never replaces anything."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.errors import LaunchError, ProjectError
from swarmcache.launch import init
from swarmcache.launch.init import plan_init, write
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def environment(project: Path, **variables: str) -> Environment:
    return Environment(variables, "/home/ann", str(project))


def test_whole_file(tmp_path: Path) -> None:
    """Every line that a user finds in a new project."""
    (tmp_path / "run_rl_swarm.sh").touch()
    plan = plan_init(str(tmp_path), environment(tmp_path))
    assert plan.path == f"{tmp_path}/swarmcache.toml"
    assert plan.command == "./run_rl_swarm.sh"
    assert plan.content == (
        "# Settings of swarmcache for this project; swarmcache env --explain tells what counts.\n"
        "\n"
        '# The one place for models; "project" means .cache/huggingface/hub in this folder.\n'
        "[cache]\n"
        'dir = "~/.cache/huggingface/hub"\n'
        '# tiers = ["/mnt/nfs/hub"]    # read-only caches to take files from first\n'
        '# budget = "200GB"            # what the cache may hold\n'
        "\n"
        "# Models to keep beside those that the project's files name; remove the # to use.\n"
        "# [[models]]\n"
        '# id = "Gensyn/Qwen2.5-0.5B-Instruct"\n'
        '# revision = "main"\n'
        "# pin = true                  # never evicted\n"
        "\n"
        "# What swarmcache run starts when it is given no command.\n"
        "[launch]\n"
        'command = "./run_rl_swarm.sh"\n'
    )


def test_models_of_the_project_are_offered(tmp_path: Path) -> None:
    """What the project's own configuration loads stands in the file, to be uncommented."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "train.yaml").write_text(
        "model:\n"
        "  _target_: transformers.AutoModelForCausalLM.from_pretrained\n"
        "  pretrained_model_name_or_path: org/found\n"
    )
    assert '# id = "org/found"\n' in plan_init(str(tmp_path), environment(tmp_path)).content


def test_what_is_commented_out_is_valid_too(tmp_path: Path) -> None:
    """A user who removes every # of an example gets settings, not an error."""
    text = plan_init(str(tmp_path), environment(tmp_path)).content
    opened = [
        line.removeprefix("# ") if " = " in line or "[[" in line else line
        for line in text.splitlines()
    ]
    (tmp_path / "swarmcache.toml").write_text("\n".join(opened))
    settings = load_settings(str(tmp_path), environment(tmp_path))
    assert settings.budget == 200_000_000_000
    assert settings.tiers == ("/mnt/nfs/hub",)
    assert settings.launch_command == "./train.sh"
    assert [(model.id, model.pin) for model in settings.models] == [
        ("Gensyn/Qwen2.5-0.5B-Instruct", True)
    ]


@pytest.mark.parametrize(
    "folder", ['/srv/my "models"\\hub', "/srv/模型\n\t\x7f\x01/hub", "/srv/it's ''' \"\"\" #/x"]
)
def test_every_path_survives_the_file(tmp_path: Path, folder: str) -> None:
    """What is read back is the very folder that was named."""
    plan = plan_init(str(tmp_path), environment(tmp_path), folder=folder)
    write(plan)
    assert load_settings(str(tmp_path), environment(tmp_path)).cache_dir == folder


@pytest.mark.parametrize(
    ("folder", "named"),
    [
        ("project", "project"),
        ("$SCRATCH/hub", "$SCRATCH/hub"),
        ("~/hub", "~/hub"),
        ("/home/ann/hub", "~/hub"),
        ("/home/anna/hub", "/home/anna/hub"),
        ("hub", "/work/hub"),
    ],
)
def test_how_the_folder_is_named(tmp_path: Path, folder: str, named: str) -> None:
    """Below the home with `~`, and what depends on where `init` ran made absolute."""
    here = Environment({}, "/home/ann", "/work")
    assert plan_init(str(tmp_path), here, folder=folder).cache_dir == named


def test_the_cache_in_use_is_kept(tmp_path: Path) -> None:
    """Without `--dir`, making the cache explicit moves nothing."""
    here = environment(tmp_path, HF_HUB_CACHE="/srv/hub")
    write(plan_init(str(tmp_path), here))
    assert load_settings(str(tmp_path), here).cache_dir == "/srv/hub"


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    """TOML is UTF-8, so other bytes cannot be written down."""
    with pytest.raises(LaunchError) as raised:
        plan_init(str(tmp_path), environment(tmp_path), folder="/srv/\udcff")
    assert raised.value.message == (r"'/srv/\udcff' is not UTF-8, so no settings file can name it.")


@pytest.mark.parametrize("name", ["swarmcache.toml", "pyproject.toml"])
def test_existing_settings_are_refused(tmp_path: Path, name: str) -> None:
    """A new file would silence what pyproject.toml says, so both count as settings."""
    (tmp_path / name).write_text("" if name == "swarmcache.toml" else "[tool.swarmcache]\n")
    with pytest.raises(LaunchError, match=f"{name} already holds settings"):
        plan_init(str(tmp_path), environment(tmp_path))


def test_a_dangling_link_is_something_too(tmp_path: Path) -> None:
    """A link to nowhere may be somebody's arrangement; it is left alone."""
    (tmp_path / "swarmcache.toml").symlink_to("/nowhere/swarmcache.toml")
    with pytest.raises(LaunchError):
        plan_init(str(tmp_path), environment(tmp_path))


def test_no_project(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(ProjectError, match="is not a folder"):
        plan_init(f"{tmp_path}/none", environment(tmp_path))


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Between plan and write another process may win; its file stays, and ours leaves no trace."""
    plan = plan_init(str(tmp_path), environment(tmp_path))
    (tmp_path / "swarmcache.toml").write_text("# theirs\n")
    if not links:
        monkeypatch.setattr(init.os, "link", refuse_link)
    with pytest.raises(LaunchError):
        write(plan)
    assert os.listdir(tmp_path) == ["swarmcache.toml"]
    assert (tmp_path / "swarmcache.toml").read_text() == "# theirs\n"


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a FAT disk the file is renamed into place."""
    monkeypatch.setattr(init.os, "link", refuse_link)
    plan = plan_init(str(tmp_path), environment(tmp_path))
    write(plan)
    assert os.listdir(tmp_path) == ["swarmcache.toml"]
    assert (tmp_path / "swarmcache.toml").read_text() == plan.content


def refuse_link(source: str, target: str) -> None:
    raise OSError(errno.EPERM, "Operation not permitted", source)
