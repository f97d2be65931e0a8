"""`swarmcache env` as a shell, a program and a person use it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from processes import screens
from swarmcache import report
from swarmcache.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads((files(report) / "schemas" / "env.json").read_text("utf-8"))
PROGRAM = [sys.executable, "-m", "swarmcache"]

opened = pytest.fixture(screens)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty project, with no other Python to find than our own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["env", *arguments]) == code
    return capsys.readouterr().out


def test_exports_of_the_default_cache(capsys: pytest.CaptureFixture[str]) -> None:
    """Into a pipe goes code for bash, whatever the user's own shell is."""
    assert printed(capsys) == f"export HF_HUB_CACHE={os.environ['HOME']}/.cache/huggingface/hub\n"


def test_settings_of_the_folder_decide(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's file beats HF_HUB_CACHE, and `--cache-dir` beats the file."""
    monkeypatch.setenv("HF_HUB_CACHE", "/elsewhere")
    (project / "swarmcache.toml").write_text('[cache]\ndir = "/srv/hub"\n')
    assert printed(capsys) == "export HF_HUB_CACHE=/srv/hub\n"
    assert printed(capsys, "--cache-dir", "mine") == f"export HF_HUB_CACHE={project}/mine\n"


def test_bash_evaluates_it(project: Path) -> None:
    """The documented line works in a real script, in a folder whose name needs quoting."""
    odd = project / "it's $NOT_SET\n模型"
    odd.mkdir()
    program = shlex.join(PROGRAM)
    script = f'eval "$({program} env --cache-dir hub)"; printenv HF_HUB_CACHE'
    for locale in ("C.UTF-8", "C"):
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/nobody", "LC_ALL": locale}
        done = subprocess.run(
            ["bash", "-c", script], cwd=odd, env=environment, capture_output=True, check=True
        )
        assert done.stdout == os.fsencode(f"{odd}/hub\n")


def test_bytes_that_are_no_text_survive(project: Path) -> None:
    """A folder name in no encoding at all reaches the shell unchanged."""
    odd = os.path.join(os.fsencode(project), b"gb-\xc4\xa3\xff")
    os.mkdir(odd)
    done = subprocess.run(
        [*PROGRAM, "env", "--cache-dir", "hub"], cwd=odd, capture_output=True, check=True
    )
    assert done.stdout == b"export HF_HUB_CACHE='" + odd + b"/hub'\n"


def test_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--json` is `--shell json`, and both hold to the schema."""
    monkeypatch.setenv("HF_HUB_CACHE", "/srv/hub")
    text = printed(capsys, "--json")
    assert printed(capsys, "--shell", "json") == text
    document = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    assert document == {
        "schema": "swarmcache.env/1",
        "path": "/srv/hub",
        "decided_by": "HF_HUB_CACHE",
        "variables": {"HF_HUB_CACHE": "/srv/hub"},
    }


def test_explained_json(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--explain` adds every key, every cache and the interpreter to the document."""
    monkeypatch.setenv("HF_HOME", "rel")
    (project / "swarmcache.toml").write_text('[cache]\ndir = "/srv/hub"\nbudget = "1GB"\n')
    document = json.loads(printed(capsys, "--json", "--explain"))
    jsonschema.validate(document, SCHEMA)
    file = f"{project}/swarmcache.toml"
    assert document["settings"][2] == {
        "key": "cache.budget",
        "value": "1000000000",
        "decided_by": file,
        "lost": [],
    }
    ours, transformers, datasets, xet = document["caches"]
    assert (ours["path"], ours["decided_by"]) == ("/srv/hub", file)
    assert [loser["name"] for loser in ours["lost"]] == ["HF_HOME"]
    assert transformers["path"] == f"{project}/rel/hub"
    assert (datasets["path"], xet["path"]) == (f"{project}/rel/datasets", f"{project}/rel/xet")
    assert document["libraries"]["python"] == sys.executable


def test_explained_to_a_person(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who decided stands behind each value, who lost below it."""
    monkeypatch.setenv("SWARMCACHE_CACHE_DIR", "/variable")
    monkeypatch.setenv("HF_HUB_CACHE", "")
    lines = printed(capsys, "--explain", "--cache-dir", "/option").splitlines()
    assert lines[:4] == [
        f"Settings of this folder, {project}",
        "  cache.dir: /option (--cache-dir)",
        "    lost: SWARMCACHE_CACHE_DIR says /variable",
        "  cache.tiers: (nothing) (default)",
    ]
    start = lines.index("Cache folders")
    assert lines[start + 1 : start + 7] == [
        "  swarmcache: /option (--cache-dir)",
        "    lost: SWARMCACHE_CACHE_DIR says /variable: --cache-dir comes first.",
        "    lost: HF_HUB_CACHE says (nothing): --cache-dir comes first.",
        f"  transformers: {project} (HF_HUB_CACHE)",
        (
            "    ⚠ HF_HUB_CACHE is set but empty, so the cache moves with the working directory:"
            f" now {project}."
        ),
        f"  datasets: {os.environ['HOME']}/.cache/huggingface/datasets (default)",
    ]
    assert f"Libraries of {sys.executable}, chosen by swarmcache" in lines


def test_oddities_go_to_standard_error(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning must not end up in what the shell evaluates; `--quiet` silences it."""
    monkeypatch.setenv("HF_HUB_CACHE", "rel")
    assert main(["env"]) == 0
    out, err = capsys.readouterr()
    assert out == f"export HF_HUB_CACHE={project}/rel\n"
    assert "HF_HUB_CACHE holds the relative path rel" in err
    assert main(["env", "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_its_own_shells_language(opened) -> None:
    """A person whose shell is fish sees fish code."""
    screen = opened(*PROGRAM, "env", "--cache-dir", "/x", SHELL="/usr/bin/fish")
    screen.wait_for("set -gx HF_HUB_CACHE '/x'")
    assert screen.ending() == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--shell", "tcsh"], "'tcsh' is not one of"),
        (["--cache-dir", ""], "The path is empty."),
        (["--python", "/no/python"], "/no/python is neither a Python interpreter nor"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_bad_options_are_usage_errors(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """Exit code 2, a sentence on standard error, and nothing for the shell to evaluate."""
    assert main(["env", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err


def test_broken_settings_are_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence without a traceback; `--verbose` shows where it comes from."""
    (project / "swarmcache.toml").write_text("[cache]\ndri = 1\n")
    sentence = (
        f"swarmcache: {project}/swarmcache.toml: cache.dri is not a key;"
        " the nearest is cache.dir.\n"
    )
    assert main(["env"]) == 2
    assert capsys.readouterr() == ("", sentence)
    assert main(["env", "--verbose"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith(sentence)


def test_a_models_name_is_checked(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A repo id that the Hub would refuse is a usage error wherever it stands."""
    (project / "swarmcache.toml").write_text('[[models]]\nid = "../../etc"\n')
    assert main(["env"]) == 2
    assert "'../../etc' is not a repo id the Hub accepts" in capsys.readouterr().err


def test_a_deleted_working_directory_is_said(project: Path) -> None:
    """A shell that stands in a removed folder gets a sentence."""
    gone = project / "gone"
    gone.mkdir()
    program = (
        "import os, sys\n"
        "os.rmdir(os.getcwd())\n"
        "from swarmcache.cli import main\n"
        "sys.exit(main(['env']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=gone, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "swarmcache: The working directory no longer exists.\nNext: cd ~\n"


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "SWARMCACHE_LANG": "en"}, "en"),
    ],
    ids=str,
)
@pytest.mark.parametrize("setting", ["", "zh_CN"])
def test_language(project: Path, variables: dict[str, str], language: str, setting: str) -> None:
    """SWARMCACHE_LANG, the settings' language, then the locale's variables."""
    if setting:
        (project / "swarmcache.toml").write_text(f'language = "{setting}"\n')
    expected = setting if setting and "SWARMCACHE_LANG" not in variables else language
    program = (
        "from swarmcache import locale\n"
        "from swarmcache.cli import main\n"
        "main(['env', '-q'])\n"
        "print(locale.language())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"HOME": "/nobody", "PATH": "", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == expected
