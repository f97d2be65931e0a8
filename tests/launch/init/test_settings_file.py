"""The settings file of `init`: its content, how it names the folder, and what keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.errors import LaunchError, ProjectError
from swarmcache.launch.init import apply_setup, plan_init
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.launch.init import SetupPlan


def environment(project: Path, **variables: str) -> Environment:
    variables.setdefault("XDG_STATE_HOME", f"{project}.state")
    return Environment(variables, "/home/ann", str(project))


def content(plan: SetupPlan) -> str:
    """Return the settings file that a plan would write."""
    (write,) = [one for one in plan.writes if one.change.file == "swarmcache.toml"]
    return write.change.after.decode()


def write(plan: SetupPlan, here: Environment) -> None:
    assert list(apply_setup(plan, here)) == list(plan.writes)


def test_whole_file(tmp_path: Path) -> None:
    """Every line that a user finds in a new project."""
    (tmp_path / "run_rl_swarm.sh").touch()
    plan = plan_init(str(tmp_path), environment(tmp_path))
    assert plan.settings == f"{tmp_path}/swarmcache.toml"
    assert plan.command == "./run_rl_swarm.sh"
    assert content(plan) == (
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
    assert '# id = "org/found"\n' in content(plan_init(str(tmp_path), environment(tmp_path)))


def test_the_one_script_that_loads_is_the_command(tmp_path: Path) -> None:
    """Whatever its name."""
    (tmp_path / "go.sh").write_text("python train.py\n")
    (tmp_path / "train.py").write_text(
        'from transformers import AutoModel\nAutoModel.from_pretrained("org/m")\n'
    )
    plan = plan_init(str(tmp_path), environment(tmp_path))
    assert plan.command == "./go.sh"
    assert 'command = "./go.sh"\n' in content(plan)


def test_what_is_commented_out_is_valid_too(tmp_path: Path) -> None:
    """A user who removes every # of an example gets settings, not an error."""
    text = content(plan_init(str(tmp_path), environment(tmp_path)))
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
    here = environment(tmp_path)
    write(plan_init(str(tmp_path), here, layout=folder), here)
    assert load_settings(str(tmp_path), environment(tmp_path)).cache_dir == folder


@pytest.mark.parametrize(
    ("layout", "named"),
    [
        ("project", "project"),
        ("shared", "~/.cache/huggingface/hub"),
        ("$SCRATCH/hub", "/scratch/hub"),
        ("~/hub", "~/hub"),
        ("/home/ann/hub", "~/hub"),
        ("/home/anna/hub", "/home/anna/hub"),
        ("hub", "/work/hub"),
    ],
)
def test_how_the_folder_is_named(tmp_path: Path, layout: str, named: str) -> None:
    """Below the home with `~`, and what depends on where `init` ran made absolute."""
    here = Environment({"SCRATCH": "/scratch"}, "/home/ann", "/work")
    assert plan_init(str(tmp_path), here, layout=layout).folder.named == named


def test_the_cache_in_use_is_kept(tmp_path: Path) -> None:
    """Without `--layout`, making the cache explicit moves nothing."""
    here = environment(tmp_path, HF_HUB_CACHE="/srv/hub")
    write(plan_init(str(tmp_path), here), here)
    assert load_settings(str(tmp_path), here).cache_dir == "/srv/hub"


def test_the_projects_own_cache_is_kept(tmp_path: Path) -> None:
    """What its start script exports counts before what this user's shell has."""
    (tmp_path / "run.sh").write_text(
        'export HF_HUB_CACHE="$PWD/.cache/huggingface/hub"\nhf cache\n'
    )
    plan = plan_init(str(tmp_path), environment(tmp_path, HF_HUB_CACHE="/srv/hub"))
    assert (plan.folder.named, plan.folder.decided_by) == ("project", "HF_HUB_CACHE")


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    """TOML is UTF-8, so other bytes cannot be written down."""
    with pytest.raises(LaunchError) as raised:
        plan_init(str(tmp_path), environment(tmp_path), layout="/srv/\udcff")
    assert raised.value.message == (r"'/srv/\udcff' is not UTF-8, so no settings file can name it.")


@pytest.mark.parametrize("name", ["swarmcache.toml", "pyproject.toml"])
def test_existing_settings_are_kept(tmp_path: Path, name: str) -> None:
    """A new file would silence what pyproject.toml says, so both count as settings."""
    (tmp_path / name).write_text("" if name == "swarmcache.toml" else "[tool.swarmcache]\n")
    plan = plan_init(str(tmp_path), environment(tmp_path))
    assert plan.settings == f"{tmp_path}/{name}"
    assert plan.writes == ()


def test_the_line_that_names_the_cache_follows_a_layout(tmp_path: Path) -> None:
    """Everything else of the file stays."""
    path = tmp_path / "swarmcache.toml"
    path.write_text('# mine\n[cache]\ndir = "/old"  # why\nbudget = "1GB"\n')
    here = environment(tmp_path)
    write(plan_init(str(tmp_path), here, layout="/new"), here)
    assert path.read_text() == '# mine\n[cache]\ndir = "/new"  # why\nbudget = "1GB"\n'


def test_a_layout_that_the_settings_cannot_follow_is_refused(tmp_path: Path) -> None:
    """Where the cache is not named in a line of its own, only a person can change it."""
    (tmp_path / "swarmcache.toml").write_text('cache = { dir = "/old" }\n')
    with pytest.raises(LaunchError, match="init cannot change its cache"):
        plan_init(str(tmp_path), environment(tmp_path), layout="/new")


def test_a_dangling_link_is_something_too(tmp_path: Path) -> None:
    """A link to nowhere may be somebody's arrangement; it is left alone."""
    (tmp_path / "swarmcache.toml").symlink_to("/nowhere/swarmcache.toml")
    assert plan_init(str(tmp_path), environment(tmp_path)).writes == ()
    with pytest.raises(LaunchError):
        plan_init(str(tmp_path), environment(tmp_path), layout="/new")


def test_a_link_out_of_the_project_is_not_written_through(tmp_path: Path) -> None:
    """What lies elsewhere may be many projects' settings."""
    (tmp_path / "shared.toml").write_text('[cache]\ndir = "/old"\n')
    project = tmp_path / "project"
    project.mkdir()
    (project / "swarmcache.toml").symlink_to(tmp_path / "shared.toml")
    with pytest.raises(LaunchError, match="cannot change its cache"):
        plan_init(str(project), environment(project), layout="/new")


def test_no_project(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    with pytest.raises(ProjectError, match="is not a folder"):
        plan_init(f"{tmp_path}/none", environment(tmp_path))
