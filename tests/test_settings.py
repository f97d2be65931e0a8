"""Settings: which source wins for each key, and what a wrong file or variable says."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from other_user import open_folder, run_as_other_user
from swarmcache.environment import Environment
from swarmcache.errors import SettingsError
from swarmcache.settings import (
    Claim,
    ModelSetting,
    Origin,
    Settings,
    TierSetting,
    explain,
    load_settings,
)
from swarmcache.settings.keys import KEYS

if TYPE_CHECKING:
    from pathlib import Path

FULL = """
language = "zh_CN"
[cache]
dir = "$DISK/hub"
tiers = [{ path = "/mnt/nfs/hub", link = "symlink" }, "near"]
budget = "200GB"
[[models]]
id = "org/one"
[[models]]
id = "org/two"
revision = "v1.0"
pin = true
type = "dataset"
[hub]
endpoints = ["https://huggingface.co/", "https://hf-mirror.com"]
[launch]
command = "./run_rl_swarm.sh"
offline = "never"
answers = { "name of the model" = "{model}" }
[doctor]
ignore = ["SC101"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / ".config" / "swarmcache").mkdir(parents=True)
    return folder


def load(project: Path, home: Path | str = "/nobody", **variables: str) -> Settings:
    return load_settings(str(project), Environment(variables, str(home), str(project)))


def complaint(project: Path, **variables: str) -> str:
    with pytest.raises(SettingsError) as raised:
        load(project, **variables)
    assert raised.value.exit_code == 2
    return raised.value.message


def test_defaults(project: Path) -> None:
    """Nothing set leaves the cache to huggingface_hub, and asks its own Hub."""
    settings = load(project)
    assert settings._replace(origins=()) == Settings()
    assert settings.endpoints == ("https://huggingface.co",)


def test_every_key_of_a_file(project: Path) -> None:
    """Folders rest on the file's folder, sizes are bytes, endpoints have no closing slash."""
    (project / "swarmcache.toml").write_text(FULL)
    settings = load(project, DISK="/srv")
    assert settings._replace(origins=()) == Settings(
        cache_dir="/srv/hub",
        tier_settings=(TierSetting("/mnt/nfs/hub", "symlink"), TierSetting(f"{project}/near")),
        budget=200_000_000_000,
        models=(ModelSetting("org/one"), ModelSetting("org/two", "v1.0", True, "dataset")),
        endpoints=("https://huggingface.co", "https://hf-mirror.com"),
        launch_command="./run_rl_swarm.sh",
        offline="never",
        answers={"name of the model": "{model}"},
        doctor_ignore=("SC101",),
        language="zh_CN",
        project_file=f"{project}/swarmcache.toml",
    )


def test_every_key_of_the_environment(project: Path) -> None:
    """Each key has its variable; lists are split as the documentation says."""
    settings = load(
        project,
        SWARMCACHE_CACHE_DIR="~/hub",
        SWARMCACHE_CACHE_TIERS="/one:two",
        SWARMCACHE_CACHE_BUDGET="1.5 TiB",
        SWARMCACHE_MODELS="org/one org/two@v1.0",
        SWARMCACHE_HUB_ENDPOINTS="http://localhost:8000 https://huggingface.co",
        SWARMCACHE_LAUNCH_COMMAND="python train.py",
        SWARMCACHE_LAUNCH_OFFLINE="always",
        SWARMCACHE_LAUNCH_ANSWERS="push to the Hub=N\nname of the model={model}",
        SWARMCACHE_DOCTOR_IGNORE="SC101,SC102",
        SWARMCACHE_LANG="zh",
    )
    assert settings._replace(origins=()) == Settings(
        cache_dir="/nobody/hub",
        tier_settings=(TierSetting("/one"), TierSetting(f"{project}/two")),
        budget=1_649_267_441_664,
        models=(ModelSetting("org/one"), ModelSetting("org/two", "v1.0")),
        endpoints=("http://localhost:8000", "https://huggingface.co"),
        launch_command="python train.py",
        offline="always",
        answers={"push to the Hub": "N", "name of the model": "{model}"},
        doctor_ignore=("SC101", "SC102"),
        language="zh",
    )


def test_names_of_the_variables() -> None:
    """The rule of the documentation, with its one exception."""
    assert {key.name: key.variable for key in KEYS} == {
        "cache.dir": "SWARMCACHE_CACHE_DIR",
        "cache.tiers": "SWARMCACHE_CACHE_TIERS",
        "cache.budget": "SWARMCACHE_CACHE_BUDGET",
        "models": "SWARMCACHE_MODELS",
        "hub.endpoints": "SWARMCACHE_HUB_ENDPOINTS",
        "launch.command": "SWARMCACHE_LAUNCH_COMMAND",
        "launch.offline": "SWARMCACHE_LAUNCH_OFFLINE",
        "launch.restart": "SWARMCACHE_LAUNCH_RESTART",
        "launch.max_starts": "SWARMCACHE_LAUNCH_MAX_STARTS",
        "launch.answers": "SWARMCACHE_LAUNCH_ANSWERS",
        "doctor.ignore": "SWARMCACHE_DOCTOR_IGNORE",
        "language": "SWARMCACHE_LANG",
    }


def test_precedence_and_who_lost(project: Path, home: Path) -> None:
    """Option, variable, project, user: the strongest decides, all others are named in order."""
    user = home / ".config" / "swarmcache" / "config.toml"
    user.write_text('[cache]\ndir = "/user"\nbudget = "1GB"\n')
    (project / "swarmcache.toml").write_text('[cache]\ndir = "project"\n')
    environment = Environment({"SWARMCACHE_CACHE_DIR": "/variable"}, str(home), "/elsewhere")
    origins = explain(str(project), environment, {"cache.dir": "option"})
    assert origins[0] == Origin(
        "cache.dir",
        "/elsewhere/option",
        "--cache-dir",
        (
            Claim("SWARMCACHE_CACHE_DIR", "/variable"),
            Claim(f"{project}/swarmcache.toml", "project"),
            Claim(str(user), "/user"),
        ),
    )
    assert origins[2] == Origin("cache.budget", "1000000000", str(user), ())
    assert origins[6] == Origin("launch.offline", "auto", "default", ())


def test_each_key_falls_through_by_itself(project: Path, home: Path) -> None:
    """A project that sets one key leaves the others to the user's file."""
    (home / ".config" / "swarmcache" / "config.toml").write_text(
        '[cache]\ndir = "relative"\nbudget = 5\n'
    )
    (project / "swarmcache.toml").write_text('[cache]\nbudget = "2GB"\n')
    settings = load(project, home)
    assert settings.budget == 2_000_000_000
    assert settings.cache_dir == f"{home}/.config/swarmcache/relative"


def test_project_keyword_is_the_projects_own_cache(project: Path) -> None:
    """`dir = "project"` is the layout that the original report asked for."""
    (project / "swarmcache.toml").write_text('[cache]\ndir = "project"\n')
    assert load(project).cache_dir == f"{project}/.cache/huggingface/hub"


def test_xdg_config_home(project: Path, tmp_path: Path) -> None:
    """The user's file is where the XDG rules put it."""
    (tmp_path / "xdg" / "swarmcache").mkdir(parents=True)
    (tmp_path / "xdg" / "swarmcache" / "config.toml").write_text('language = "zh"\n')
    assert load(project, XDG_CONFIG_HOME=f"{tmp_path}/xdg").language == "zh"


def test_pyproject_table(project: Path) -> None:
    """`[tool.swarmcache]` stands in where there is no swarmcache.toml."""
    (project / "pyproject.toml").write_text('[tool.swarmcache.cache]\ndir = "/py"\n')
    settings = load(project)
    assert (settings.cache_dir, settings.project_file) == ("/py", f"{project}/pyproject.toml")
    (project / "swarmcache.toml").write_text("")
    assert load(project).cache_dir is None


def test_other_peoples_pyproject_is_not_ours(project: Path) -> None:
    """A pyproject.toml that only mentions us, or is broken and does not, is no settings file."""
    (project / "pyproject.toml").write_text('[project]\ndependencies = ["swarmcache"]\n')
    assert load(project).project_file is None
    (project / "pyproject.toml").write_text("[project\n")
    assert load(project).project_file is None


def test_parent_folders_do_not_count(project: Path) -> None:
    """A file above the project must not move its cache."""
    (project / "swarmcache.toml").write_text('[cache]\ndir = "/above"\n')
    inner = project / "inner"
    inner.mkdir()
    assert load(inner).cache_dir is None


def test_hf_endpoint_is_the_default_endpoint(project: Path) -> None:
    """What huggingface_hub asks is asked, unless the settings say otherwise."""
    settings = load(project, HF_ENDPOINT="http://127.0.0.1:9/")
    assert settings.endpoints == ("http://127.0.0.1:9",)
    assert settings.origin("hub.endpoints").decided_by == "HF_ENDPOINT"
    (project / "swarmcache.toml").write_text('[hub]\nendpoints = ["https://hf-mirror.com"]\n')
    settings = load(project, HF_ENDPOINT="http://127.0.0.1:9")
    assert settings.endpoints == ("https://hf-mirror.com",)


def test_empty_variables_count_as_not_set(project: Path) -> None:
    """Ours must not repeat the trap of `HF_HUB_CACHE=""`."""
    names = {key.variable: "" for key in KEYS}
    assert load(project, HF_ENDPOINT="", **names)._replace(origins=()) == Settings()


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ('[cache]\ndri = "/x"\n', ": cache.dri is not a key; the nearest is cache.dir."),
        ('[cahce]\ndir = "/x"\n', ": cahce is not a key; the nearest is cache.dir."),
        ('langauge = "zh"\n', ": langauge is not a key; the nearest is language."),
        ('cache = "/x"\n', ": cache must be a table, [cache]."),
        ("[cache]\ndir = 3\n", ": cache.dir cannot be 3; expected a non-empty text."),
        ('[cache]\ndir = " "\n', ": cache.dir cannot be ' '; expected a non-empty text."),
        ('[cache]\ntiers = "/x"\n', ": cache.tiers cannot be '/x'; expected a list."),
        (
            '[cache]\ntiers = [{ path = "/x", lnik = "symlink" }]\n',
            (
                ": cache.tiers cannot be [{'path': '/x', 'lnik': 'symlink'}]; expected link in the"
                " place of lnik."
            ),
        ),
        (
            '[cache]\ntiers = [{ path = "/x", link = "hard" }]\n',
            (
                ": cache.tiers cannot be [{'path': '/x', 'link': 'hard'}]; expected"
                ' link = "content" or "symlink".'
            ),
        ),
        (
            '[cache]\ntiers = [{ link = "symlink" }]\n',
            ": cache.tiers cannot be [{'link': 'symlink'}]; expected a non-empty text.",
        ),
        (
            '[cache]\nbudget = "much"\n',
            """: cache.budget cannot be 'much'; expected a size such as "200GB".""",
        ),
        (
            '[cache]\nbudget = "inf"\n',
            """: cache.budget cannot be 'inf'; expected a size such as "200GB".""",
        ),
        pytest.param("x = " + "[" * 9999, " is nested too deeply to be read.", id="deep"),
        (
            "[cache]\nbudget = true\n",
            """: cache.budget cannot be True; expected a size such as "200GB".""",
        ),
        (
            '[launch]\noffline = "yes"\n',
            """: launch.offline cannot be 'yes'; expected "auto", "always" or "never".""",
        ),
        (
            "[launch]\nanswers = { a = 1 }\n",
            (
                ": launch.answers cannot be {'a': 1}; expected a table of questions and answers,"
                " all of them texts."
            ),
        ),
        (
            '[launch]\nanswers = { "Token:" = "hf_x" }\n',
            (
                ": launch.answers cannot be {'Token:': 'hf_x'}; expected answers that are no token:"
                " every program that is started could read them."
            ),
        ),
        (
            '[launch]\nanswers = { a = "b\\nc" }\n',
            (
                ": launch.answers cannot be {'a': 'b\\nc'}; expected questions and answers of one"
                " line each."
            ),
        ),
        (
            '[hub]\nendpoints = ["huggingface.co"]\n',
            (
                ": hub.endpoints cannot be ['huggingface.co']; expected a list of addresses that"
                " begin with http:// or https://."
            ),
        ),
        (
            '[[models]]\nname = "org/x"\n',
            (
                """: models cannot be [{'name': 'org/x'}]; expected a table with at least"""
                """ id = "org/name"."""
            ),
        ),
        (
            '[[models]]\nid = "org/x"\nrevison = "v1"\n',
            (
                ": models cannot be [{'id': 'org/x', 'revison': 'v1'}]; expected revision in"
                " the place of revison."
            ),
        ),
        (
            "[cache\n",
            (
                " is not valid TOML at line 1, column 7: Expected ']' at the end of a table"
                " declaration."
            ),
        ),
        ('x = "\n', " is not valid TOML at line 1, column 6: Illegal character '\\n'."),
    ],
    ids=str,
)
def test_wrong_files_are_named_with_the_key(project: Path, text: str, rest: str) -> None:
    """File, key, what was found, what was expected: one sentence."""
    file = project / "swarmcache.toml"
    file.write_text(text)
    assert complaint(project) == f"{file}{rest}"


def test_wrong_variable_is_named(project: Path) -> None:
    """The sentence begins with the variable."""
    assert complaint(project, SWARMCACHE_CACHE_BUDGET="big") == (
        "SWARMCACHE_CACHE_BUDGET: cache.budget cannot be 'big'; expected a size such as \"200GB\"."
    )


def test_file_that_is_not_utf8(project: Path) -> None:
    """Bytes of another encoding are said to be that."""
    (project / "swarmcache.toml").write_bytes(b'language = "\xff"')
    assert complaint(project) == f"{project}/swarmcache.toml is not UTF-8, which TOML must be."


def test_folder_in_the_place_of_the_file(project: Path) -> None:
    """What cannot be opened is an error, not an absent file."""
    (project / "swarmcache.toml").mkdir()
    assert complaint(project) == (
        f"The settings file {project}/swarmcache.toml cannot be read: Is a directory."
    )


@given(text=st.text(max_size=60))
def test_any_text_is_settings_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """No file content brings anything but settings or a SettingsError."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "swarmcache.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(SettingsError):
        assert load(folder).project_file == f"{folder}/swarmcache.toml"


def test_toml_is_parsed_only_where_a_file_exists(project: Path) -> None:
    """A start without settings files does not pay 15 ms for a parser."""
    program = (
        "import sys\n"
        "from swarmcache.environment import Environment\n"
        "from swarmcache.settings import load_settings\n"
        "e = Environment.current()\n"
        "load_settings(e.cwd, e)\n"
        "print('tomllib' in sys.modules or 'tomli' in sys.modules)\n"
    )

    def parsed() -> str:
        return subprocess.run(
            [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True
        ).stdout.strip()

    (project / "pyproject.toml").write_text("[project]\n")
    assert parsed() == "False"
    (project / "swarmcache.toml").write_text("")
    assert parsed() == "True"


def test_unreadable_file() -> None:
    """Without permission the file is named; it is not taken for absent."""
    program = (
        "import os; os.umask(0o777); open('swarmcache.toml', 'w').close()\n"
        "from swarmcache.environment import Environment\n"
        "from swarmcache.settings import load_settings\n"
        "e = Environment.current()\n"
        "try: load_settings(e.cwd, e)\n"
        "except Exception as error: print(error)\n"
    )
    with open_folder() as folder:
        os.chmod(folder, 0o777)
        done = run_as_other_user([sys.executable, "-c", program], cwd=folder)
    assert done.stdout == (
        f"The settings file {folder}/swarmcache.toml cannot be read: Permission denied.\n"
    ), done.stderr


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_settings_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody writes to it, and every verb reads settings first."""
    os.mkfifo(tmp_path / "swarmcache.toml")
    settings = load_settings(str(tmp_path), Environment({}, str(tmp_path), str(tmp_path)))
    assert settings.project_file == f"{tmp_path}/swarmcache.toml"
    assert settings.cache_dir is None
