"""Where the cache is: our answer against what real huggingface_hub versions use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmcache.environment import Environment
from swarmcache.hubcache.libraries import Libraries
from swarmcache.hubcache.locate import (
    Candidate,
    locate,
    locate_datasets,
    locate_effective,
    locate_transformers,
    locate_xet,
)
from swarmcache.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

REAL_LIBRARY = """
import importlib, json, os, sys
from huggingface_hub import constants
for line in sys.stdin:
    os.environ.clear()
    os.environ.update(json.loads(line))
    importlib.reload(constants)
    print(json.dumps([constants.HF_HUB_CACHE, constants.HF_XET_CACHE]), flush=True)
"""
COMPAT_VERSIONS = ("0.36.2", "1.5.0", "1.31.0", "2.4.0")


class RealLibrary:
    """A process with the real huggingface_hub; it reads its constants anew for each question."""

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, "-W", "ignore", "-c", REAL_LIBRARY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def paths(self, variables: dict[str, str]) -> tuple[str, str]:
        """Return the Hub's cache and the Xet cache, as the kernel sees them from here."""
        self.process.stdin.write(json.dumps(variables) + "\n")
        self.process.stdin.flush()
        hub, xet = json.loads(self.process.stdout.readline())
        return os.path.realpath(hub), os.path.realpath(xet)

    def close(self) -> None:
        """Let the process end."""
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def real_library() -> Iterator[RealLibrary]:
    library = RealLibrary(sys.executable)
    yield library
    library.close()


@pytest.fixture(scope="module", params=COMPAT_VERSIONS)
def older_library(request: pytest.FixtureRequest, outside: dict[str, str]) -> Iterator[RealLibrary]:
    folder = outside.get("SWARMCACHE_COMPAT_ENVS", os.path.join(".cache", "envs"))
    python = Path(folder) / f"hub-{request.param}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no environment with huggingface_hub {request.param} (make test-compat)")
    library = RealLibrary(str(python))
    yield library
    library.close()


def ours(variables: dict[str, str]) -> tuple[str, str]:
    with mock.patch.dict(os.environ, variables, clear=True):
        environment = Environment.current()
    hub, xet = locate(environment).path, locate_xet(environment).path
    assert os.path.isabs(hub)
    return os.path.realpath(hub), os.path.realpath(xet)


def environment(home: str = "/home/ann", cwd: str = "/work dir", **variables: str) -> Environment:
    return Environment(variables, home, cwd)


TABLE = [
    {},
    {"HF_HUB_CACHE": "/srv/hub"},
    {"HF_HUB_CACHE": ""},
    {"HF_HUB_CACHE": "~/hub"},
    {"HF_HUB_CACHE": "~"},
    {"HF_HUB_CACHE": "~root/hub"},
    {"HF_HUB_CACHE": "~nobody-of-that-name/hub"},
    {"HF_HUB_CACHE": "rel/../hub"},
    {"HF_HUB_CACHE": "$A/hub", "A": "/srv"},
    {"HF_HUB_CACHE": "${A}/hub", "A": "$B", "B": "/b"},
    {"HF_HUB_CACHE": "${A/hub", "A": "/srv"},
    {"HF_HUB_CACHE": "$/hub$$A}", "A": "x"},
    {"HF_HUB_CACHE": " /srv/hub "},
    {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HOME": "/home"},
    {"HUGGINGFACE_HUB_CACHE": "", "HF_HOME": "/home"},
    {"HUGGINGFACE_HUB_CACHE": "/old", "HF_HUB_CACHE": ""},
    {"HF_HOME": "/srv/hf"},
    {"HF_HOME": ""},
    {"HF_HOME": "rel"},
    {"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/xdg"},
    {"HF_HOME": "$A", "A": "$B", "B": "/twice"},
    {"XDG_CACHE_HOME": "/xdg"},
    {"XDG_CACHE_HOME": ""},
    {"XDG_CACHE_HOME": "~/xdg"},
    {"HOME": ""},
    {"HOME": "/"},
    {"HOME": "/h/"},
    {"HOME": "relative"},
    {"HUGGINGFACE_CO_STAGING": "1"},
    {"HUGGINGFACE_CO_STAGING": "yes", "HF_HUB_CACHE": "/srv/hub"},
    {"HF_XET_CACHE": "~/xet"},
    {"HF_XET_CACHE": "", "HF_HOME": "/h"},
]
NAMES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HF_XET_CACHE")
PIECES = st.sampled_from(
    [
        "",
        "~",
        "~/",
        "~root",
        "/",
        "/srv",
        "rel",
        "$A",
        "${A}",
        "$B/",
        "${",
        "}",
        "$",
        "..",
        "./",
        "é 模",
        "\n",
    ]
)
VALUES = st.lists(PIECES, max_size=4).map("".join)
ENVIRONMENTS = st.dictionaries(
    st.sampled_from([*NAMES, "HOME", "A", "B", "HUGGINGFACE_CO_STAGING"]), VALUES
)


@pytest.mark.parametrize("variables", TABLE, ids=str)
def test_same_as_the_real_library(real_library: RealLibrary, variables: dict[str, str]) -> None:
    """Each known trap gives the folder that huggingface_hub itself uses."""
    assert ours(variables) == real_library.paths(variables)


@given(variables=ENVIRONMENTS)
@settings(deadline=None, max_examples=300)
def test_same_as_the_real_library_in_any_environment(
    real_library: RealLibrary, variables: dict[str, str]
) -> None:
    """No combination of variables makes our answer differ from huggingface_hub's."""
    assert ours(variables) == real_library.paths(variables)


@pytest.mark.compat
def test_same_as_every_supported_library(older_library: RealLibrary) -> None:
    """The rules did not change from 0.36.2 on."""
    for variables in TABLE:
        assert ours(variables) == older_library.paths(variables), variables


@pytest.mark.torch
@pytest.mark.parametrize("version", ["4.51.3", "5.23.0"])
@pytest.mark.parametrize(
    "variables",
    [
        {"TRANSFORMERS_CACHE": "/t", "HF_HUB_CACHE": "/h"},
        {"TRANSFORMERS_CACHE": "", "HF_HUB_CACHE": "/h"},
        {"TRANSFORMERS_CACHE": "~/t$A", "A": "x"},
        {"PYTORCH_TRANSFORMERS_CACHE": "/p", "PYTORCH_PRETRAINED_BERT_CACHE": "/b"},
        {"PYTORCH_PRETRAINED_BERT_CACHE": "/b", "HF_HOME": "/h"},
        {"HF_HOME": "/h"},
    ],
    ids=str,
)
def test_same_as_the_real_transformers(
    variables: dict[str, str], version: str, outside: dict[str, str]
) -> None:
    """What `from_pretrained` uses by default is what we say for that version."""
    folder = outside.get("SWARMCACHE_COMPAT_ENVS", os.path.join(".cache", "envs"))
    python = Path(folder) / f"trainer-{version}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no environment with transformers {version} (make test-torch)")
    program = (
        "from transformers.utils import hub; from huggingface_hub import constants;"
        "print(getattr(hub, 'TRANSFORMERS_CACHE', constants.HF_HUB_CACHE))"
    )
    real = subprocess.run(
        [str(python), "-W", "ignore", "-c", program],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.removesuffix("\n")
    with mock.patch.dict(os.environ, variables, clear=True):
        located = locate_transformers(
            Environment.current(), Libraries("", "", transformers=version)
        )
    assert located.path == os.path.abspath(real)


def test_default() -> None:
    """Where nothing is set, nobody decided and nobody lost."""
    assert locate(environment()) == ("/home/ann/.cache/huggingface/hub", "default", (), ())


def test_losers_are_named_in_order_of_strength() -> None:
    """Every variable that is set but lost says what it meant and who beat it."""
    located = locate(
        environment(
            HF_HOME="/hf", HUGGINGFACE_HUB_CACHE="/hub", HF_HUB_CACHE="/hub", XDG_CACHE_HOME="x"
        )
    )
    assert (located.path, located.decided_by) == ("/hub", "HF_HUB_CACHE")
    assert located.lost == (
        Candidate(
            "HUGGINGFACE_HUB_CACHE",
            "/hub",
            "/hub",
            "HF_HUB_CACHE comes first; both mean the same folder.",
        ),
        Candidate("HF_HOME", "/hf", "/hf/hub", "HF_HUB_CACHE comes first."),
        Candidate(
            "XDG_CACHE_HOME", "x", "/work dir/x/huggingface/hub", "HF_HUB_CACHE comes first."
        ),
    )


def test_explicit_place_beats_every_variable() -> None:
    """What `cache_dir` is in Python, `--cache-dir` is here."""
    located = locate(environment(HF_HUB_CACHE="/hub"), explicit=Candidate("--cache-dir", "x", "/x"))
    assert (located.path, located.decided_by) == ("/x", "--cache-dir")
    assert [loser.name for loser in located.lost] == ["HF_HUB_CACHE"]


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        (
            {"HF_HUB_CACHE": ""},
            (
                "HF_HUB_CACHE is set but empty, so the cache moves with the working directory:"
                " now /work dir."
            ),
        ),
        (
            {"HF_HOME": ""},
            (
                "HF_HOME is set but empty, so the cache moves with the working directory:"
                " now /work dir/hub."
            ),
        ),
        (
            {"HF_HUB_CACHE": "models"},
            (
                "HF_HUB_CACHE holds the relative path models, so the cache moves with the working"
                " directory: now /work dir/models."
            ),
        ),
        (
            {"HF_HUB_CACHE": "/srv/$ROOT/hub"},
            (
                "HF_HUB_CACHE names a variable that is not set, so the folder is literally"
                " /srv/$ROOT/hub."
            ),
        ),
        (
            {"HF_HOME": "/srv/hub"},
            (
                "HF_HOME itself ends in hub, so the models are one level deeper, in /srv/hub/hub;"
                " HF_HUB_CACHE names the folder of the models directly."
            ),
        ),
        (
            {"HUGGINGFACE_CO_STAGING": "true"},
            (
                "HUGGINGFACE_CO_STAGING is on: huggingface_hub then uses the Hub's test server and"
                " another token, but the same cache."
            ),
        ),
        (
            {"HF_HOME": "/mnt/c/hf", "WSL_DISTRO_NAME": "Ubuntu"},
            (
                "/mnt/c/hf/hub is on a Windows drive, where links may be missing and reading is"
                " slow; a folder of WSL itself serves better."
            ),
        ),
    ],
    ids=str,
)
def test_odd_values_are_warned_about(variables: dict[str, str], warning: str) -> None:
    """What its user hardly meant is said in a sentence, and only that."""
    assert locate(environment(**variables)).warnings == (warning,)


@pytest.mark.parametrize("value", ["/srv/hub", "~/hub", "$HERE/hub"])
def test_ordinary_values_are_not_warned_about(value: str) -> None:
    """An absolute, home or fully set path is no oddity."""
    assert locate(environment(HF_HUB_CACHE=value, HERE="/srv")).warnings == ()


def test_dot_dot_behind_a_link_leaves_the_target(tmp_path: Path) -> None:
    """The kernel follows a link before it goes up, so the text alone must not decide."""
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    located = locate(environment(HF_HUB_CACHE=f"{tmp_path}/link/../hub"))
    assert located.path == f"{tmp_path}/far/hub"


def libraries(transformers: str | None) -> Libraries:
    return Libraries("/usr/bin/python3", "PATH", transformers=transformers)


def test_transformers_4_reads_its_own_variables_first() -> None:
    """This is the split: `from_pretrained` writes where no Hub tool looks."""
    located = locate_transformers(
        environment(TRANSFORMERS_CACHE="~/t", HF_HUB_CACHE="/hub"), libraries("4.51.3")
    )
    assert (located.path, located.decided_by) == ("/work dir/~/t", "TRANSFORMERS_CACHE")
    assert located.lost == (
        Candidate("HF_HUB_CACHE", "", "/hub", "TRANSFORMERS_CACHE comes first."),
    )


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("5.0.0", "transformers 5.0.0 does not read it."),
        (None, "No transformers was found that would read it."),
    ],
)
def test_other_transformers_use_the_hubs_cache(version: str | None, reason: str) -> None:
    """From 5.0 on the old variables do nothing, and the loser says so."""
    located = locate_transformers(environment(TRANSFORMERS_CACHE="/t"), libraries(version))
    assert (located.path, located.decided_by) == ("/home/ann/.cache/huggingface/hub", "default")
    assert located.lost == (Candidate("TRANSFORMERS_CACHE", "/t", "/t", reason),)


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({}, "/home/ann/.cache/huggingface/datasets"),
        ({"HF_HOME": "~/$A", "A": "x"}, "/home/ann/$A/datasets"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/huggingface/datasets"),
        ({"HF_DATASETS_CACHE": "~/d"}, "/work dir/~/d"),
    ],
    ids=str,
)
def test_datasets_replaces_less_than_the_hub(variables: dict[str, str], path: str) -> None:
    """`datasets` leaves `$VAR` in HF_HOME, and everything in its own variable, as it stands."""
    assert locate_datasets(environment(**variables)).path == path


def test_settings_beat_the_hubs_variables(tmp_path: Path) -> None:
    """The order is option, SWARMCACHE_CACHE_DIR, project, user, and only then HF_HUB_CACHE."""
    (tmp_path / "swarmcache.toml").write_text('[cache]\ndir = "here"\n')
    here = environment(cwd=str(tmp_path), HF_HUB_CACHE="/hub", SWARMCACHE_CACHE_DIR="/mine")
    option = {"cache.dir": "/option"}
    located = locate_effective(load_settings(str(tmp_path), here, option), here)
    assert (located.path, located.decided_by) == ("/option", "--cache-dir")
    assert [(loser.name, loser.value) for loser in located.lost] == [
        ("SWARMCACHE_CACHE_DIR", "/mine"),
        (f"{tmp_path}/swarmcache.toml", "here"),
        ("HF_HUB_CACHE", "/hub"),
    ]


def test_without_settings_the_hubs_variables_decide(tmp_path: Path) -> None:
    """Nothing set of ours leaves the folder to huggingface_hub."""
    here = environment(cwd=str(tmp_path), HF_HUB_CACHE="/hub")
    assert locate_effective(load_settings(str(tmp_path), here), here) == locate(here)
