"""Questions to real transformers, each version in an environment of its own."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
from typing import TYPE_CHECKING, Any

import compat_environments
import pytest

import swarmcache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INSIDE = pathlib.Path(__file__).parent / "inside"
SOURCE = pathlib.Path(swarmcache.__file__).parent.parent


def python_of(outside: dict[str, str], version: str) -> str:
    """Return the interpreter beside that transformers version; skips the test if none was made."""
    folder = outside.get("SWARMCACHE_COMPAT_ENVS") or compat_environments.ROOT / ".cache" / "envs"
    home = pathlib.Path(folder).absolute() / f"generation-{version}"
    if not (home / "made").is_file():
        pytest.skip(f"No {home}: make it by python tasks/generation_environment.py {version}")
    return str(home / "bin" / "python")


def torch_variables(home: str) -> dict[str, str]:
    """Return the environment of a process with torch: offline, one thread, our package."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([str(INSIDE), str(SOURCE)]),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }


class Worker:
    """One version of transformers, asked by name of a check."""

    def __init__(self, python: str, home: str) -> None:
        self._process = subprocess.Popen(
            [python, str(INSIDE / "worker.py")],
            env=torch_variables(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, check: str, **arguments: object) -> dict[str, Any]:
        """Return the facts that a check finds."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"check": check, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        facts: dict[str, Any] = answer["facts"]
        return facts

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


@pytest.fixture(scope="session")
def beside(
    outside: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Worker]]:
    """Return a function that returns the worker of a version of transformers, one for all tests."""
    workers: dict[str, Worker] = {}

    def worker(version: str) -> Worker:
        if version not in workers:
            home = str(tmp_path_factory.mktemp(f"transformers-{version}"))
            workers[version] = Worker(python_of(outside, version), home)
        return workers[version]

    yield worker
    for started in workers.values():
        started.close()


@pytest.fixture
def generation_python(outside: dict[str, str]) -> Callable[[str], str]:
    """Return a function that names the interpreter beside a transformers version."""
    return lambda version: python_of(outside, version)
