"""On a terminal the child is the foreground, and a shell's job control works through us."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from processes import LAUNCHER, SUPERVISE, Screen, alive, python, screens, until

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

READING = "sh -c 'echo read\"\"ing; read line; echo got:$line; exit 5'"
"""Reads one typed line; the quotes keep the typed command from looking like its output."""
ANSWERING = python(
    "import signal, sys\n"
    "signal.signal(signal.SIGINT, lambda *_: (print('interrupt' + 'ed'), sys.exit(3)))\n"
    "print('wait' + 'ing')\n"
    "signal.pause()\n"
)
"""A child that leaves with 3 at Ctrl-C."""
CTRL_C, CTRL_Z = "\x03", "\x1a"


@pytest.fixture
def screen() -> Iterator[Callable[..., Screen]]:
    yield from screens()


@pytest.fixture
def shell(screen: Callable[..., Screen], tmp_path: pathlib.Path) -> Screen:
    """Return a screen with an interactive bash, in which `run CMD` is the launcher."""
    run = tmp_path / "run"
    # A shell in between, since the line after #! cannot name an interpreter with a space.
    (tmp_path / "supervise.py").write_text(SUPERVISE)
    launcher = shlex.join([sys.executable, str(tmp_path / "supervise.py")])
    run.write_text(f'#!/bin/sh\nexec {launcher} "$@"\n')
    run.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return screen("/bin/bash", "--norc", "--noprofile", "-i", PS1="$ ", TERM="dumb", PATH=path)


def test_child_reads_what_is_typed(screen: Callable[..., Screen]) -> None:
    """The terminal is handed over, so that the child is not stopped when it reads."""
    opened = screen(*LAUNCHER, *shlex.split(READING))
    opened.wait_for("reading")
    opened.type("hello\n")
    opened.wait_for("got:hello")
    assert os.waitstatus_to_exitcode(opened.ending()) == 5


def test_terminal_comes_back_after_the_child(shell: Screen) -> None:
    """The shell's next command can read it, and gets the child's code."""
    shell.type(f"run {READING}; echo code:$?; read again; echo again:$again\n")
    shell.wait_for("reading")
    shell.type("one\n")
    shell.wait_for("code:5")
    shell.type("two\n")
    shell.wait_for("again:two")


def test_typed_interrupt_reaches_the_child_alone(shell: Screen) -> None:
    """Ctrl-C while the child waits: it decides what happens, the launcher only reports it."""
    shell.type(f"run {shlex.join(ANSWERING)}; echo code:$?\n")
    shell.wait_for("waiting")
    shell.type(CTRL_C)
    assert shell.wait_for("code:3").count("interrupted") == 1


def test_typed_interrupt_that_kills_the_child_is_130(shell: Screen) -> None:
    """A child without a handler of its own dies of SIGINT."""
    shell.type("run sh -c 'echo wait\"\"ing; exec sleep 60'\n")
    shell.wait_for("waiting")
    shell.type(CTRL_C)
    shell.wait_for("$ ")
    shell.type("echo code:$?\n")
    shell.wait_for("code:130")


def test_typed_interrupt_ends_a_restart_loop(shell: Screen, tmp_path: pathlib.Path) -> None:
    """A script's restart loop around the launcher ends with Ctrl-C, as without it."""
    loop = tmp_path / "loop.sh"
    loop.write_text("for n in 1 2 3 4 5; do run sh -c 'echo started; exec sleep 60'; done\n")
    shell.type(f"bash {loop}; echo ended:$?\n")
    shell.wait_for("started")
    shell.type(CTRL_C)
    assert "started" not in shell.wait_for("$ ")
    shell.type("echo code:$?\n")
    shell.wait_for("code:130")


def test_job_is_stopped_and_brought_back(shell: Screen) -> None:
    """Ctrl-Z while the child reads: the shell has its prompt; after `fg` the child reads on."""
    shell.type(f"run {READING}\n")
    shell.wait_for("reading")
    shell.type_until(CTRL_Z, "Stopped")
    shell.type("jobs -s | wc -l | sed s/^/stopped:/\n")
    shell.wait_for("stopped:1")
    shell.type("fg\n")
    shell.wait_for("run sh")
    shell.type("hello\n")
    shell.wait_for("got:hello")


def test_stopped_script_stops_with_its_trainer(shell: Screen, tmp_path: pathlib.Path) -> None:
    """The launcher inside a script: Ctrl-Z stops the script too, and `fg` continues both."""
    script = tmp_path / "start.sh"
    script.write_text(f"run {READING}\necho script:$?\n")
    shell.type(f"bash {script}\n")
    shell.wait_for("reading")
    shell.type_until(CTRL_Z, "Stopped")
    shell.type("fg\n")
    shell.wait_for(str(script))
    shell.type("hello\n")
    shell.wait_for("script:5")


def test_stopped_job_is_continued_in_the_background(shell: Screen, tmp_path: pathlib.Path) -> None:
    """After `bg` the child works on and the shell keeps the terminal."""
    done = tmp_path / "done"
    # Not a shell loop: a shell inside vfork(2) cannot be stopped, under any launcher.
    program = (
        "import os, time\n"
        "print('work' + 'ing')\n"
        f"while not os.path.exists({str(done)!r}): time.sleep(0.01)\n"
        "print('fin' + 'ished')\n"
    )
    (tmp_path / "child.py").write_text(program)
    shell.type(f"run {shlex.quote(sys.executable)} -u {tmp_path}/child.py\n")
    shell.wait_for("working")
    shell.type_until(CTRL_Z, "Stopped")
    shell.type("bg\n")
    shell.type("read line; echo shell:$line\n")
    shell.type("mine\n")
    shell.wait_for("shell:mine")
    done.touch()
    shell.wait_for("finished")


def test_background_job_takes_no_terminal(shell: Screen) -> None:
    """Started with `&`, a child that reads is stopped as any background job, until `fg`."""
    shell.type(f"run {READING} &\n")
    shell.wait_for("reading")
    shell.type("read line; echo shell:$line\n")
    shell.type("mine\n")
    shell.wait_for("shell:mine")
    shell.type("until jobs -s | grep -q run; do sleep 0.01; done; echo is:stop''ped\n")
    shell.wait_for("is:stopped")
    shell.type("fg\n")
    shell.wait_for("run sh")
    shell.type("hello\n")
    shell.wait_for("got:hello")


def test_piped_input_leaves_the_terminal_to_a_child_that_asks(shell: Screen) -> None:
    """Input comes from a pipe, a password from the terminal: the child gets both."""
    asking = 'read a; echo ask""ing; read b </dev/tty; echo got:$a:$b'
    shell.type(f"echo piped | run sh -c '{asking}'\n")
    shell.wait_for("asking")
    shell.type("typed\n")
    shell.wait_for("got:piped:typed")


def test_terminal_modes_are_restored_after_a_crash(screen: Callable[..., Screen]) -> None:
    """SIGKILL hits a child that had switched echo off: the terminal echoes again."""
    script = '"$@" sh -c "stty -echo; kill -KILL \\$\\$"; stty -a | tr " " "\\n" | grep echo$'
    opened = screen("/bin/sh", "-c", script, "sh", *LAUNCHER)
    assert "-echo" not in opened.wait_for("echo")
    assert os.waitstatus_to_exitcode(opened.ending()) == 0


def test_modes_that_a_child_set_on_purpose_stay(screen: Callable[..., Screen]) -> None:
    """`stty` itself works through the launcher."""
    script = '"$@" stty -echo; stty -a | tr " " "\\n" | grep echo$'
    opened = screen("/bin/sh", "-c", script, "sh", *LAUNCHER)
    opened.wait_for("-echo")


def test_stop_key_does_nothing_where_nobody_could_continue(
    screen: Callable[..., Screen],
) -> None:
    """The launcher leads the session, as in `docker run -it`: Ctrl-Z must not hang it forever."""
    opened = screen(*LAUNCHER, *shlex.split(READING))
    opened.wait_for("reading")
    opened.type(CTRL_Z)
    opened.type("hello\n")
    opened.wait_for("got:hello")
    assert os.waitstatus_to_exitcode(opened.ending()) == 5


def test_closing_the_window_ends_the_child(screen: Callable[..., Screen]) -> None:
    """The terminal hangs up while the child sleeps: SIGHUP reaches it."""
    opened = screen(*LAUNCHER, "sh", "-c", "echo pid:$$:; exec sleep 60")
    opened.wait_for("pid:")
    child = int(opened.wait_for(":"))
    opened.hang_up()
    until(lambda: not alive(child), "the child dies of SIGHUP")
    assert os.waitstatus_to_exitcode(opened.ending()) == 128 + signal.SIGHUP
