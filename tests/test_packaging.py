"""The wheel that users install: complete, and alive with the core dependencies alone."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import venv
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(command: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, whatever its exit code."""
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def pip(arguments: Sequence[str], environment: dict[str, str]) -> None:
    """Run this environment's pip, with the index settings that the tests were started with."""
    done = run([sys.executable, "-m", "pip", *arguments], environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, outside: dict[str, str]) -> pathlib.Path:
    """Return the wheel of this checkout, built as a release is."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    pip(["wheel", *options, str(ROOT)], outside)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(
    wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory, outside: dict[str, str]
) -> pathlib.Path:
    """Return the `bin` folder of a fresh environment that has the wheel, and no extra."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False, symlinks=True)
    python = str(home / "bin" / "python")
    pip(["--python", python, "install", "--quiet", str(wheel)], outside)
    return home / "bin"


def test_the_wheel_holds_types_and_compiled_catalogues(wheel: pathlib.Path) -> None:
    """What is not Python is easily forgotten."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "swarmcache/py.typed" in names
    templates = {name for name in names if name.startswith("swarmcache/launch/emit/templates/")}
    assert len(templates) == 6
    assert "swarmcache/locale/zh_CN/LC_MESSAGES/swarmcache.mo" in names
    assert "swarmcache/launch/start/answering.bash" in names


def test_the_wheel_holds_the_package_alone(wheel: pathlib.Path) -> None:
    """Tests and tasks must not land among a trainer's own top-level modules."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "swarmcache",
        "hydra_plugins",  # Where Hydra looks; of several packages, and so without __init__.py.
    }
    with zipfile.ZipFile(wheel) as archive:
        plugins = {name for name in archive.namelist() if name.startswith("hydra_plugins")}
    assert plugins == {"hydra_plugins/swarmcache_resolvers.py"}


@pytest.mark.parametrize("script", ["swarmcache", "hf-swarmcache"])
def test_both_scripts_answer(installed: pathlib.Path, script: str) -> None:
    """With nothing installed but the core dependencies."""
    done = run([str(installed / script), "--help"], {"LANG": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "check" in done.stdout


def test_a_fresh_install_checks_a_model(installed: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """An absent model is a plain "no", not a missing dependency."""
    command = [str(installed / "swarmcache"), "check", "org/absent", "--cache-dir", str(tmp_path)]
    done = run(command, {"LANG": "C.UTF-8", "HOME": str(tmp_path)})
    assert done.returncode == 1, done.stderr
    assert "org/absent" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_fresh_install_speaks_chinese(installed: pathlib.Path) -> None:
    """The compiled catalogue is found where pip put it."""
    done = run([str(installed / "swarmcache"), "--help"], {"LANG": "zh_CN.UTF-8"})
    assert "命令" in done.stdout
