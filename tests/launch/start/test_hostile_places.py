"""`run` where starts really happen: process 1, cron, strict scripts, read-only roots, no home."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from processes import BOUND, alive, until
from tinyswarm import fill

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

RUN = [sys.executable, "-m", "swarmcache", "run", "--model", "tiny/one"]
DEAD = "http://127.0.0.1:1"
AS_PROCESS_1 = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
OWN_MOUNTS = ("unshare", "--mount")
FORKS_ORPHANS = "for n in 1 2 3 4 5; do (sleep 0.05 & ) ; done"


class Place:
    """A folder to start in, a cache with a complete model, and what the environment says."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.cache = folder / "hub"
        fill(self.cache, "tiny/one")
        (folder / "home").mkdir()
        self.variables = {
            **os.environ,
            "HOME": str(folder / "home"),
            "HF_HUB_CACHE": str(self.cache),
            "HF_ENDPOINT": DEAD,
        }

    def begin(self, *command: str, **options: object) -> subprocess.Popen[str]:
        """Start a command here, in a session of its own."""
        settings: dict[str, object] = {"stdin": subprocess.DEVNULL, "env": self.variables}
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            command,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **{**settings, **options},
        )

    def finished(self, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Run a command here to its end."""
        process = self.begin(*command, **options)
        out, err = process.communicate(timeout=BOUND)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    return Place(tmp_path)


def permitted(words: Sequence[str]) -> None:
    """Skip the test where this machine permits no such namespace."""
    if not shutil.which(words[0]) or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip(f"this machine does not permit: {shlex.join(words)}")


# Process 1 of a container.


@pytest.mark.parametrize("code", [0, 1, 125, 255])
def test_process_1_hands_the_code_through(place: Place, code: int) -> None:
    """And the child is not process 1."""
    permitted(AS_PROCESS_1)
    done = place.finished(*AS_PROCESS_1, *RUN, "--", "sh", "-c", f"echo $PPID; exit {code}")
    assert (done.returncode, done.stdout) == (code, "1\n"), done.stderr


def begun_as_process_1(
    place: Place, script: str, *options: str
) -> tuple[int, subprocess.Popen[str]]:
    """Return process 1's number outside, and unshare around it; the child says that it runs."""
    permitted(AS_PROCESS_1)
    # unshare is no part of what is tested: process 1 is its only child.
    process = place.begin(*AS_PROCESS_1, *RUN, *options, "--", "bash", "-c", script)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    with open(children, encoding="ascii") as file:
        return int(file.read().split()[0]), process


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_process_1_passes_signals_on(place: Place, name: str) -> None:
    """The system discards them for a process 1 that does not handle them."""
    script = f"trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done"
    one, process = begun_as_process_1(place, script)
    os.kill(one, getattr(signal, f"SIG{name}"))
    out, err = process.communicate(timeout=BOUND)
    assert (process.returncode, out) == (7, f"got {name}\n"), err


def test_process_1_waits_for_a_child_that_ignores_term(place: Place) -> None:
    """It is the runtime that kills after its grace; the child may be writing a checkpoint."""
    script = (
        "trap 'echo ignored' TERM; trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done"
    )
    one, process = begun_as_process_1(place, script)
    for _ in range(2):
        os.kill(one, signal.SIGTERM)
        assert process.stdout is not None
        assert process.stdout.readline() == "ignored\n"
    os.kill(one, signal.SIGUSR1)
    process.communicate(timeout=BOUND)
    assert process.returncode == 9


def test_process_1_reaps_zombies_also_in_the_pause_of_a_loop(place: Place) -> None:
    """Orphans of the child, while it runs and while its next start is waited for."""
    zombies = "ps -e -o stat= | grep -c ^Z"
    starts = place.folder / "starts"
    script = (
        f"echo x >> {starts}; echo ready; {FORKS_ORPHANS}; [ $(wc -l < {starts}) = 1 ] && exit 1;"
        f" for n in $(seq 200); do [ $({zombies}) = 0 ] && exit 0; sleep 0.02; done; exit 5"
    )
    _, process = begun_as_process_1(place, script, "--restart", "on-failure")
    _, err = process.communicate(timeout=BOUND)
    assert (process.returncode, starts.read_text()) == (0, "x\nx\n"), err


def test_process_1_ends_in_the_pause_of_a_loop(place: Place) -> None:
    """`docker stop` while a crashed trainer waits for its next start."""
    one, process = begun_as_process_1(place, "echo ready; exit 3", "--restart", "always")
    assert process.stderr is not None
    while "started again" not in process.stderr.readline():
        pass
    os.kill(one, signal.SIGTERM)
    process.communicate(timeout=BOUND)
    assert process.returncode == 143


def test_process_1_takes_everybody_along_when_it_is_killed(place: Place) -> None:
    """The kernel ends a namespace with its process 1."""
    script = "echo ready; sleep 60"
    one, process = begun_as_process_1(place, script)
    with open(f"/proc/{one}/task/{one}/children", encoding="ascii") as file:
        child = int(file.read().split()[0])
    os.kill(one, signal.SIGKILL)
    process.communicate(timeout=BOUND)
    until(lambda: not alive(child), "the child is gone")


# Strict scripts, cron, input.


def test_a_strict_script_goes_on_or_ends_as_with_any_command(place: Place) -> None:
    """`set -euo pipefail`: success goes on, a failure of the child ends it with its code."""
    line = shlex.join([*RUN, "--", "sh", "-c"])
    script = (
        f"set -euo pipefail\n{line} 'cat' < /etc/hostname | cat > out\necho on\n"
        f"{line} 'exit 6'\necho never\n"
    )
    done = place.finished("bash", "-c", script)
    assert (done.returncode, done.stdout) == (6, "on\n"), done.stderr
    assert (place.folder / "out").read_text() != ""


def test_in_crons_environment(place: Place) -> None:
    """A handful of variables, a short PATH, no terminal, nothing on standard input."""
    variables = {
        "HOME": str(place.folder / "home"),
        "LOGNAME": "node",
        "SHELL": "/bin/sh",
        "PATH": "/usr/bin:/bin",
        "HF_HUB_CACHE": str(place.cache),
    }
    line = shlex.join([*RUN, "--offline", "--", "sh", "-c", "cat; echo $MODEL_NAME"])
    done = place.finished("/bin/sh", "-c", line, env=variables)
    assert (done.returncode, done.stdout) == (0, "tiny/one\n"), done.stderr
    assert "[ok] Model tiny/one is cached" in done.stderr


def test_input_of_a_pipe_is_the_childs(place: Place) -> None:
    """Every byte, and its end."""
    content = "".join(f"{n}\n" for n in range(20_000))
    process = place.begin(*RUN, "--", "sh", "-c", "wc -l; exit 4", stdin=subprocess.PIPE)
    out, err = process.communicate(content, timeout=BOUND)
    assert (process.returncode, out.strip()) == (4, "20000"), err


# Places that cannot be written.


def test_a_read_only_root(place: Place) -> None:
    """As `docker run --read-only`: nothing of ours can be written anywhere, and it starts."""
    permitted(OWN_MOUNTS)
    run = shlex.join([*RUN, "--", "sh", "-c", "touch x 2>/dev/null || echo read-only; exit 8"])
    script = (
        "mount --make-rprivate / && mount --bind / / && mount -o remount,ro,bind / && "
        f"mount --bind {place.folder} {place.folder} && "
        f"mount -o remount,ro,bind {place.folder} && cd {place.folder} && {run}"
    )
    done = place.finished(*OWN_MOUNTS, "sh", "-c", script)
    if "mount:" in done.stderr:
        pytest.skip("this machine lets us mount no root read-only")
    assert (done.returncode, done.stdout) == (8, "read-only\n"), done.stderr
    assert "✓ Model tiny/one is cached" in done.stderr


@pytest.mark.parametrize("what", ["ledger", "leases", "roots"])
def test_state_that_is_in_the_way_stops_nobody(place: Place, what: str) -> None:
    """A file where a folder of ours should be, as after a restore that went wrong."""
    state = place.cache / ".locks" / ".swarmcache"
    state.mkdir(parents=True)
    (state / "VERSION").write_text("1\n")
    (state / what).write_text("")
    done = place.finished(*RUN, "--", "sh", "-c", "exit 8")
    assert done.returncode == 8, done.stderr


@pytest.mark.parametrize("home", [None, "", "/proc/nobody", "/proc", "/dev/null"])
def test_a_home_that_is_none(place: Place, home: str | None) -> None:
    """Not set, empty, absent, not to be written, no folder: as in units and scratch images."""
    if home is None:
        del place.variables["HOME"]
    else:
        place.variables["HOME"] = home
    if not home:  # Else it is root's own home, or the root of the disk, that gets our state.
        place.variables["XDG_STATE_HOME"] = str(place.folder / "state")
    done = place.finished(*RUN, "--", "sh", "-c", "echo $MODEL_NAME; exit 8")
    assert (done.returncode, done.stdout) == (8, "tiny/one\n"), done.stderr
    assert "Traceback" not in done.stderr
