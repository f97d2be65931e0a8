"""Restart loops: when, after which pause, and who ends them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from processes import BOUND, alive, begun, screens, until
from stubbed_node import StubbedNode
from swarmcache.launch.child.restarting import LONG_RUN, LONGEST_PAUSE, Restarts
from swarmcache.launch.child.supervise import Ending
from tinyswarm import fill

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

    from processes import Screen
    from swarmcache.settings import Restart

RUN = [sys.executable, "-m", "swarmcache", "run"]
DEAD = "http://127.0.0.1:1"
CTRL_C, CTRL_BACKSLASH = "\x03", "\x1c"
FAILED, WELL = Ending(1, interrupted=False), Ending(0, interrupted=False)


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        """Return what a monotonic clock would."""
        return self.now


def pauses(runs: list[float], *, when: Restart = "always", most: int = 1000) -> list[float]:
    """Return the pauses after runs of so many seconds, waited for as they are."""
    clock = Clock()
    restarts = Restarts(when, most, clock=clock)
    found = []
    for seconds in runs:
        restarts.begin()
        clock.now += seconds
        pause = restarts.pause_after(FAILED)
        assert pause is not None
        found.append(pause)
        clock.now += pause
    return found


def test_the_pause_doubles_up_to_five_minutes() -> None:
    """1, 2, 4, … 256, 300, 300 seconds, each within a quarter."""
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert pauses([0.1] * 12) == [pytest.approx(one, rel=0.25) for one in expected]
    assert LONGEST_PAUSE == 300


def test_no_two_nodes_start_in_step() -> None:
    """The pause is spread, so that eight instances that died together come back apart."""
    assert len({pauses([0.1])[0] for _ in range(8)}) == 8


def test_a_long_run_begins_anew() -> None:
    """After ten minutes of training a crash is not the next of a series."""
    found = pauses([0.1, 0.1, 0.1, LONG_RUN + 1, 0.1])
    assert found[2] == pytest.approx(4, rel=0.25)
    assert found[3] == pytest.approx(1, rel=0.25)
    assert found[4] == pytest.approx(2, rel=0.25)


def test_the_hour_is_limited_and_not_the_life() -> None:
    """Three starts an hour: the fourth waits for the first to be an hour old, then goes on."""
    found = pauses([10, 10, 10, 10], most=3)
    assert found[0] < 2
    assert found[1] < 3
    assert found[2] == pytest.approx(3600 - 30 - found[0] - found[1])
    assert found[3] == pytest.approx(found[0], abs=15)


@pytest.mark.parametrize(
    ("when", "ending", "again"),
    [
        ("no", FAILED, False),
        ("on-failure", FAILED, True),
        ("on-failure", WELL, False),
        ("always", WELL, True),
        ("always", Ending(143, interrupted=False, told=True), False),
        ("always", Ending(0, interrupted=False, told=True), False),
        ("on-failure", Ending(130, interrupted=True, told=True), False),
        ("on-failure", Ending(137, interrupted=False), True),
    ],
)
def test_what_is_started_again(when: Restart, ending: Ending, again: bool) -> None:
    """Whoever was told to end stays ended; death by the kernel's hand (137) is a failure."""
    restarts = Restarts(when, 12)
    restarts.begin()
    assert (restarts.pause_after(ending) is not None) is again


class Loop:
    """`swarmcache run --restart` in a folder, with one complete model."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.starts = folder / "starts"
        fill(folder / "hub", "tiny/one")
        self.variables = {
            **os.environ,
            "HF_HUB_CACHE": str(folder / "hub"),
            "HF_ENDPOINT": DEAD,
            "SWARMCACHE_HUB_ENDPOINTS": DEAD,
        }

    def command(self, script: str, *options: str) -> list[str]:
        """Return the command whose child notes its start and then does as the script says."""
        child = f"echo started >> {self.starts}; {script}"
        return [*RUN, "--model", "tiny/one", *options, "--", "bash", "-c", child]

    def begin(self, script: str, *options: str) -> subprocess.Popen[str]:
        """Start it in a session of its own."""
        return begun(self.command(script, *options), env=self.variables, cwd=self.folder)

    def finished(self, script: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self.begin(script, *options)
        out, err = process.communicate(timeout=BOUND)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @property
    def count(self) -> int:
        """How often the child was started."""
        return self.starts.read_text().count("started") if self.starts.exists() else 0


@pytest.fixture
def loop(tmp_path: pathlib.Path) -> Loop:
    return Loop(tmp_path)


@pytest.fixture
def screen() -> Iterator[Callable[..., Screen]]:
    yield from screens()


def test_a_failure_is_followed_by_a_start_and_the_models_are_looked_at(loop: Loop) -> None:
    """The child fails once and then ends well: two starts, each with its ✓ line, and code 0."""
    script = f"[ $(wc -l < {loop.starts}) = 2 ]"
    done = loop.finished(script, "--restart", "on-failure")
    assert (done.returncode, loop.count) == (0, 2), done.stderr
    assert done.stderr.count("✓ Model tiny/one is cached (") == 2
    assert "⚠ CMD ended with code 1; it is started again in 2 s" in done.stderr.replace(
        "again in 1 s", "again in 2 s"
    )


def test_without_the_option_nothing_is_started_again(loop: Loop) -> None:
    """The default: the child's code at once."""
    done = loop.finished("exit 3")
    assert (done.returncode, loop.count) == (3, 1)


def test_the_settings_may_say_it(loop: Loop) -> None:
    """For a start command that stands in the settings too; the option still wins."""
    (loop.folder / "swarmcache.toml").write_text('[launch]\nrestart = "on-failure"\n')
    script = f"[ $(wc -l < {loop.starts}) = 2 ]"
    assert (loop.finished(script).returncode, loop.count) == (0, 2)
    assert (loop.finished("exit 3", "--restart", "no").returncode, loop.count) == (3, 3)


def test_code_0_is_restarted_by_always_alone(loop: Loop) -> None:
    """RL-Swarm's exit trap ends every failure with `exit 0`."""
    trap = "trap 'exit 0' EXIT; false"
    assert (loop.finished(trap, "--restart", "on-failure").returncode, loop.count) == (0, 1)
    process = loop.begin(trap, "--restart", "always")
    until(lambda: loop.count == 3, "the second start of the loop")
    process.terminate()
    process.communicate(timeout=BOUND)
    assert process.returncode in {0, 143}  # While the child ran, or in the pause.


def test_the_end_of_rl_swarms_script_tells_nothing(tmp_path: pathlib.Path) -> None:
    """It kills its own group, whatever the trainer said: 143 where it leads one, so `always`."""
    node = StubbedNode(tmp_path)
    node.write_own_script()
    fill(node.cache, "tiny/two")
    assert node.start("--pool", "small").returncode == 143
    (tmp_path / "stubs" / "python").write_text("#!/bin/sh\nexit 1\n")
    assert node.start("--pool", "small").returncode == 143
    starts = tmp_path / "starts"
    (tmp_path / "stubs" / "python").write_text(f"#!/bin/sh\necho started >> {starts}\n")
    process = begun(
        [*RUN, "--offline", "--pool", "small", "--restart", "always", "--", "./run_rl_swarm.sh"],
        cwd=node.project,
        env=node.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: starts.exists() and starts.read_text().count("started") == 3, "three starts")
    process.terminate()
    process.wait(BOUND)
    assert process.returncode == 143


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_signal_in_the_pause_ends_the_loop(loop: Loop, name: str) -> None:
    """With 128 + n, or by SIGINT itself, as a shell around us must see it; at once."""
    process = loop.begin("exit 3", "--restart", "always")
    assert process.stderr is not None
    while "started again" not in process.stderr.readline():
        pass
    began = time.monotonic()
    process.send_signal(getattr(signal, f"SIG{name}"))
    process.communicate(timeout=BOUND)
    number = int(getattr(signal, f"SIG{name}"))
    assert process.returncode == (-number if name == "INT" else 128 + number)
    assert (loop.count, time.monotonic() - began < 1) == (1, True)


def test_a_signal_to_the_running_child_ends_the_loop(loop: Loop) -> None:
    """Passed on once; a child that then leaves with 0 is not started again."""
    trap = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    process = loop.begin(trap, "--restart", "always")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    process.communicate(timeout=BOUND)
    assert (process.returncode, loop.count) == (0, 1)


def test_ctrl_c_ends_a_loop_whose_child_hides_it(loop: Loop, screen: Callable[..., Screen]) -> None:
    """RL-Swarm's script again: it catches the typed Ctrl-C, kills its group, and says 0."""
    # What is typed in the millisecond before the witness is there, nobody tells.
    ready = "sleep 0.3; echo ready''; read line"
    trap = f"trap 'trap - EXIT; kill -- -$$ || true; exit 0' EXIT; {ready}"
    opened = screen(*loop.command(trap, "--restart", "always"), **loop.variables)
    opened.wait_for("ready")
    opened.type(CTRL_C)
    opened.ending()
    assert loop.count == 1


@pytest.mark.parametrize("key", [CTRL_C, CTRL_BACKSLASH])
def test_a_key_that_the_child_answers_with_0_ends_the_loop(
    loop: Loop, screen: Callable[..., Screen], key: str
) -> None:
    """A trainer that saves and leaves in good order; the code is its own."""
    trap = "trap 'exit 0' INT QUIT; sleep 0.3; echo ready''; read line"
    opened = screen(*loop.command(trap, "--restart", "always"), **loop.variables)
    opened.wait_for("ready")
    opened.type(key)
    assert (os.waitstatus_to_exitcode(opened.ending()), loop.count) == (0, 1)


def test_ctrl_c_in_the_pause_ends_a_script_around_it(
    loop: Loop, screen: Callable[..., Screen]
) -> None:
    """The script's next line is not reached, as when any program dies of Ctrl-C."""
    script = loop.folder / "node.sh"
    line = shlex.join(loop.command("exit 3", "--restart", "always"))
    script.write_text(f"{line}\necho next''line\n")
    opened = screen("/bin/bash", str(script), **loop.variables)
    opened.wait_for("started again")
    opened.type(CTRL_C)
    opened.ending()
    assert (loop.count, "nextline" in opened.shown) == (1, False)


def test_what_a_start_left_behind_is_ended_before_the_next(loop: Loop) -> None:
    """A server that the script put into the background would hold its port."""
    pids = loop.folder / "pids"
    script = f"sleep 60 & echo $! >> {pids}; [ $(wc -l < {loop.starts}) = 2 ]"
    done = loop.finished(script, "--restart", "on-failure")
    assert loop.count == 2, done.stderr
    first, second = (int(line) for line in pids.read_text().split())
    until(lambda: not alive(first) and not alive(second), "both are ended")


def test_a_later_start_that_is_not_possible_is_tried_again(loop: Loop) -> None:
    """Somebody removed the model, no Hub answers: told, and it goes on when the model is back."""
    hub, away = loop.folder / "hub" / "models--tiny--one", loop.folder / "away"
    script = f"[ $(wc -l < {loop.starts}) = 1 ] && mv {hub} {away} && exit 1; exit 0"
    process = loop.begin(script, "--restart", "on-failure", "--offline")
    assert process.stderr is not None
    lines = []
    while "Not started" not in (line := process.stderr.readline()):
        lines.append(line)
    away.rename(hub)
    _, err = process.communicate(timeout=BOUND)
    assert (process.returncode, loop.count) == (0, 2), "".join([*lines, err])


def test_the_first_start_tells_what_is_wrong_at_once(loop: Loop) -> None:
    """A missing model or a wrong name is for whoever typed the command, not for a loop."""
    done = loop.finished("true", "--restart", "always", "--offline", "--model", "tiny/two")
    assert (done.returncode, loop.count) == (125, 0)
    command = [*RUN, "--restart", "always", "--", "no-such-trainer"]
    missing = subprocess.run(command, env=loop.variables, capture_output=True, check=False)
    assert missing.returncode == 127


def test_exec_cannot_start_again(loop: Loop) -> None:
    """There would be nobody left to do it."""
    done = loop.finished("true", "--restart", "always", "--exec")
    assert (done.returncode, "--exec leaves nobody" in done.stderr) == (125, True)
