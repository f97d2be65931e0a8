"""A place of its own for the demo: folders, environment, and commands run in bounded time."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from swarmcache.locale import language

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

_PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mini_project")
_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LD_LIBRARY_PATH", "PYTHONPATH", "TERM")
"""What a command may know of the user's environment: neither tokens nor caches nor proxies."""
_LIMIT = 60.0
"""Seconds for one command; none takes five on an ordinary machine."""
_GRACE = 5.0
"""Seconds between asking a command to end and killing it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    exit_code: int
    seconds: float
    timed_out: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder that holds everything the demo makes, and the environment of its commands."""

    folder: str
    variables: Mapping[str, str]

    @property
    def hub(self) -> str:
        """The cache folder that the demo's Hub serves."""
        return os.path.join(self.folder, "hub")

    @property
    def project(self) -> str:
        """The miniature RL-Swarm project, where the commands are typed."""
        return os.path.join(self.folder, "mini-swarm")

    @property
    def cache(self) -> str:
        """The cache that the project's commands find when nothing is configured."""
        return os.path.join(self.folder, "home", ".cache", "huggingface", "hub")

    def run(
        self, command: Sequence[str], endpoint: str, limit: float = _LIMIT
    ) -> Generator[str, None, Finished]:
        """Run a command in the project against the Hub at `endpoint`, and yield its lines.

        Both streams come as one, in the order of writing. After `limit` seconds the command
        is ended; it also is when the generator is closed early.
        """
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=self.project,
            env={**self.variables, "HF_ENDPOINT": endpoint},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C comes to us alone, and we end the command in order.
        )
        ended = False
        try:
            ended = yield from _lines(process, began + limit)
        finally:
            _end(process, _GRACE if ended else 0)
        return Finished(process.returncode, time.monotonic() - began, timed_out=not ended)


@contextmanager
def stage(parent: str | None, *, keep: bool, colour: bool) -> Iterator[Stage]:
    """Make the folder of a demo inside `parent` (None: the system's place for such) with a project.

    It is removed at the end, however that comes, unless `keep`.
    """
    if parent is not None:
        os.makedirs(parent, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="swarmcache-demo-", dir=parent)
    try:
        made = Stage(folder, _variables(folder, os.environ, colour=colour))
        for name in ("hub", "home", "tmp"):
            os.mkdir(os.path.join(folder, name))
        shutil.copytree(_PROJECT, made.project, ignore=shutil.ignore_patterns("__pycache__"))
        # A wheel does not carry the executable bit through every installer.
        os.chmod(os.path.join(made.project, "run_mini_swarm.sh"), 0o755)  # noqa: S103
        yield made
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _variables(folder: str, user: Mapping[str, str], *, colour: bool) -> dict[str, str]:
    search = os.pathsep.join([os.path.dirname(sys.executable), user.get("PATH", os.defpath)])
    return {
        **{name: user[name] for name in _KEPT if name in user},
        "PATH": search,  # The trainer's `python3` is the one that runs us.
        "HOME": os.path.join(folder, "home"),
        "TMPDIR": os.path.join(folder, "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_PROXY": "127.0.0.1",  # Some systems have a proxy without any variable.
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "SWARMCACHE_LANG": language(),
        **({"FORCE_COLOR": "1"} if colour else {"NO_COLOR": "1"}),
    }


def _lines(process: subprocess.Popen[bytes], deadline: float) -> Generator[str, None, bool]:
    """Yield the process's lines as they come; return whether it closed its output in time."""
    if process.stdout is None:
        return True
    rest = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            continue
        chunk = os.read(process.stdout.fileno(), 65536)
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in lines)
        if not chunk:
            if rest:
                yield rest.decode("utf-8", "replace")
            return True
    return False


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Wait for the process; one that outlasts `patience` is asked to end, then made to."""
    for ask in (signal.SIGTERM, signal.SIGKILL):
        try:
            process.wait(patience)
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, ask)
            patience = _GRACE
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
