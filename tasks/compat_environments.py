"""Make the environments of the compat tests: a real huggingface_hub version in each, or Olah.

    python tasks/compat_environments.py              # all that are missing
    python tasks/compat_environments.py 0.36.2       # this one

They live in `$SWARMCACHE_COMPAT_ENVS`, else in `.cache/envs` of the checkout, as
`hub-<version>/bin/python`, `flat-<version>/bin/python` and `olah-<version>/bin/olah-cli`. An
environment counts as made when its stamp says so, so a half-made one is made again.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSIONS: dict[str, tuple[str, ...]] = {
    "0.36.2": (),
    # Its command line imports click, which it never declared: typer brought it, until 0.26.
    "1.5.0": ("typer<0.26",),
    "1.31.0": (),
    "2.4.0": (),
}
"""One version for each layout that is still met (docs/hub-cache-layouts.md), and what it lacks."""


FLAT = (
    "--no-deps",  # It asks for a tokenizers that no Python of today has; downloading needs none.
    "transformers==4.21.3",
    "huggingface_hub==0.8.1",
    "requests<3",
    "urllib3<2",
    "certifi",
    "charset-normalizer",
    "filelock",
    "idna",
    "numpy",
    "packaging",
    "pyyaml",
    "regex",
    "tqdm",
    "typing-extensions",
)
"""The last transformers that kept flat files, and a huggingface_hub of its time."""
HYDRA = ("hydra-core==1.3.8", "huggingface_hub==2.4.0", "click>=8.1")
"""Hydra with the omegaconf that it pins (2.3), and what swarmcache itself requires."""
DATASETS = {"2.21.0": "0.36.2", "5.2.0": "2.4.0"}
"""Versions of datasets, and a huggingface_hub beside each."""
OLAH = "0.5.4"
"""A mirror of the Hub, written by others, that also serves what git repositories hold."""


def folder() -> pathlib.Path:
    """Return where the environments live, absolute."""
    return pathlib.Path(os.environ.get("SWARMCACHE_COMPAT_ENVS") or ROOT / ".cache" / "envs")


def python_of(version: str) -> pathlib.Path:
    """Return the interpreter of the environment for `version`, made or not."""
    return folder().absolute() / f"hub-{version}" / "bin" / "python"


def olah() -> pathlib.Path:
    """Return Olah's command, made or not."""
    return folder().absolute() / f"olah-{OLAH}" / "bin" / "olah-cli"


def flat() -> pathlib.Path:
    """Return the interpreter of the environment whose transformers keeps flat files."""
    return made("flat-4.21.3", FLAT)


def hydra() -> pathlib.Path:
    """Return the interpreter of the environment with Hydra."""
    return made("hydra-1.3.8", HYDRA)


def datasets(version: str) -> pathlib.Path:
    """Return the interpreter of the environment with that version of datasets."""
    pins = (f"datasets=={version}", f"huggingface_hub=={DATASETS[version]}")
    return made(f"datasets-{version}", pins)


def is_made(version: str) -> bool:
    """Tell whether the environment for `version` was made to its end."""
    return (python_of(version).parent.parent / "made").is_file()


def made(name: str, requirements: Sequence[str]) -> pathlib.Path:
    """Return the interpreter of an environment with these packages, made if it is missing."""
    home = folder().absolute() / name
    python, stamp = home / "bin" / "python", home / "made"
    if stamp.is_file() and python.exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    # Without pip of its own: this environment's pip installs into it, so ensurepip is not needed.
    venv.create(home, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, *requirements], check=True)
    stamp.write_text("\n".join(requirements))
    return python


if __name__ == "__main__":
    for wanted in sys.argv[1:] or VERSIONS:
        required = (f"huggingface_hub=={wanted}", *VERSIONS[wanted])
        print(made(f"hub-{wanted}", required), flush=True)
    if not sys.argv[1:]:
        print(flat(), flush=True)
        print(hydra(), flush=True)
        for wanted in DATASETS:
            print(datasets(wanted), flush=True)
        print(made(f"olah-{OLAH}", [f"olah=={OLAH}"]), flush=True)
