"""Another interpreter's libraries, read from names on disk alone."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.errors import SettingsError
from swarmcache.hubcache.libraries import Libraries, installed
from swarmcache.hubcache.sites import site_folders

if TYPE_CHECKING:
    from pathlib import Path


def environment(tmp_path: Path, **variables: str) -> Environment:
    return Environment(variables, str(tmp_path / "home"), str(tmp_path))


def make_venv(folder: Path, *libraries: str, config: str = "", minor: int = 12) -> Path:
    """Make what `python -m venv` leaves, and metadata folders such as `transformers-5.0.0`."""
    site = folder / "lib" / f"python3.{minor}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_bytes(b"\x7fELF")
    (folder / "bin" / "python").chmod(0o755)
    (folder / "pyvenv.cfg").write_text(config or f"home = /usr/bin\nversion = 3.{minor}.1\n")
    for library in libraries:
        (site / f"{library}.dist-info").mkdir()
    return site


def test_own_interpreter_agrees_with_importlib() -> None:
    """What we read is what the interpreter itself says it has."""
    found = installed(Environment.current(), sys.executable)
    assert (found.python, found.chosen_by) == (sys.executable, "--python")
    assert found.huggingface_hub == version("huggingface_hub")
    assert found.unknown == ""


def test_folders_agree_with_the_interpreters_own(tmp_path: Path) -> None:
    """`sys.path` of the real interpreter behind this environment has the folders we look in."""
    base = os.path.realpath(sys.executable)
    program = "import sys; print(*(p for p in sys.path if p.endswith('-packages')), sep='\\n')"
    for python in (base, sys.executable):
        real = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, check=True
        ).stdout.split("\n")[:-1]
        ours = site_folders(environment(tmp_path), python)
        assert real
        assert [path for path in ours if path in real] == real


def test_an_environments_folder_names_its_interpreter(tmp_path: Path) -> None:
    """`--python .venv` is what people type."""
    make_venv(tmp_path / ".venv", "huggingface_hub-0.36.2", "transformers-4.51.3", "tqdm-4.0")
    assert installed(environment(tmp_path), ".venv") == Libraries(
        f"{tmp_path}/.venv/bin/python", "--python", "0.36.2", "4.51.3"
    )


def test_virtual_env_beats_the_path(tmp_path: Path) -> None:
    """The activated environment counts before any `python` on PATH."""
    make_venv(tmp_path / "one", "huggingface_hub-1.5.0")
    make_venv(tmp_path / "two", "huggingface_hub-2.4.0")
    both = environment(tmp_path, VIRTUAL_ENV=f"{tmp_path}/one", PATH=f"{tmp_path}/two/bin")
    assert installed(both)[:3] == (f"{tmp_path}/one/bin/python", "VIRTUAL_ENV", "1.5.0")


def test_path_counts_where_the_environment_is_gone(tmp_path: Path) -> None:
    """A VIRTUAL_ENV that was deleted does not hide the `python` that would run."""
    make_venv(tmp_path / "two", "huggingface_hub-2.4.0", "datasets-5.2.0")
    stale = environment(tmp_path, VIRTUAL_ENV=f"{tmp_path}/gone", PATH=f"{tmp_path}/two/bin")
    found = installed(stale)
    assert found == Libraries(f"{tmp_path}/two/bin/python", "PATH", "2.4.0", datasets="5.2.0")


def test_our_own_interpreter_is_the_last_resort(tmp_path: Path) -> None:
    """With no `python` anywhere it is the one that runs us, and it is said."""
    found = installed(environment(tmp_path, PATH=str(tmp_path)))
    assert (found.python, found.chosen_by) == (sys.executable, "swarmcache")


def test_a_shim_is_unknown(tmp_path: Path) -> None:
    """What pyenv puts on PATH is a script; which Python it starts cannot be known by reading."""
    shim = tmp_path / "python"
    shim.write_text('#!/usr/bin/env bash\nexec pyenv exec "$@"\n')
    shim.chmod(0o755)
    found = installed(environment(tmp_path, PATH=str(tmp_path)))
    assert found == Libraries(
        str(shim),
        "PATH",
        unknown=f"{shim} is a script that starts some Python; name that Python with --python.",
    )


def test_a_file_that_tells_no_version_is_unknown(tmp_path: Path) -> None:
    """No guess is made about a binary of no known name."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "interpreter").write_bytes(b"\x7fELF")
    found = installed(environment(tmp_path), "bin/interpreter")
    assert found.unknown == f"Nothing tells which version of Python {found.python} is."


@pytest.mark.parametrize("python", ["/no/such/python", "no-such-python", "folder"])
def test_no_interpreter_is_a_usage_error(tmp_path: Path, python: str) -> None:
    """What `--python` names must exist."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError) as raised:
        installed(environment(tmp_path), python)
    assert raised.value.exit_code == 2
    assert raised.value.message == (
        f"{python} is neither a Python interpreter nor the folder of one."
    )


def test_the_first_folder_wins(tmp_path: Path) -> None:
    """PYTHONPATH shadows the environment, as it does for imports."""
    make_venv(tmp_path / "env", "transformers-5.0.0", "huggingface_hub-1.31.0")
    (tmp_path / "extra" / "transformers-4.57.1.dist-info").mkdir(parents=True)
    found = installed(environment(tmp_path, PYTHONPATH="extra"), "env")
    assert (found.transformers, found.huggingface_hub) == ("4.57.1", "1.31.0")


def test_system_packages_show_through_where_asked(tmp_path: Path) -> None:
    """`--system-site-packages` adds the base interpreter's libraries, behind the own ones."""
    base = tmp_path / "base"
    make_venv(base, "transformers-4.51.3", "huggingface_hub-0.36.2")
    (base / "pyvenv.cfg").unlink()
    config = f"home = {base}/bin\nversion_info = 3.12.1\ninclude-system-site-packages = %s\n"
    make_venv(tmp_path / "open", "huggingface_hub-0.30.0", config=config % "true")
    make_venv(tmp_path / "closed", "huggingface_hub-0.30.0", config=config % "false")
    found = installed(environment(tmp_path), "open")
    assert (found.huggingface_hub, found.transformers) == ("0.30.0", "4.51.3")
    assert installed(environment(tmp_path), "closed").transformers is None


def test_user_site_shadows_the_system(tmp_path: Path) -> None:
    """`pip install --user` wins over the system's packages, unless PYTHONNOUSERSITE is set."""
    site = make_venv(tmp_path / "base", "transformers-4.51.3")
    (tmp_path / "base" / "pyvenv.cfg").unlink()
    user = tmp_path / "home" / ".local" / "lib" / "python3.12" / "site-packages"
    (user / "transformers-5.0.0.dist-info").mkdir(parents=True)
    assert site.is_dir()
    assert installed(environment(tmp_path), "base").transformers == "5.0.0"
    without = environment(tmp_path, PYTHONNOUSERSITE="1")
    assert installed(without, "base").transformers == "4.51.3"


@pytest.mark.parametrize(
    "entry",
    [
        "Huggingface.Hub-2.4.0.dist-info",
        "huggingface_hub-2.4.0-py3.12.egg-info",
        "huggingface_hub-2.4.0.egg-info",
    ],
)
def test_spellings_of_metadata(tmp_path: Path, entry: str) -> None:
    """Old and careless build tools name these folders in other ways."""
    site = make_venv(tmp_path / "env")
    (site / entry).mkdir()
    (site / "huggingface_hub").mkdir()
    (site / "~uggingface_hub-9.9.dist-info").mkdir()
    assert installed(environment(tmp_path), "env").huggingface_hub == "2.4.0"


def test_nothing_is_run_or_imported(tmp_path: Path) -> None:
    """An interpreter that leaves a mark when it runs leaves none."""
    make_venv(tmp_path / "env", "transformers-4.51.3")
    mark = tmp_path / "mark"
    (tmp_path / "env" / "bin" / "python").write_text(f"#!/bin/sh\ntouch {mark}\n")
    assert installed(environment(tmp_path), "env").unknown != ""
    assert not mark.exists()
