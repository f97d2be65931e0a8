"""A child under supervision behaves as if its user had started it directly."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from processes import BOUND, LAUNCHER, alive, finished, launch, python, shown_by_ps, until

if TYPE_CHECKING:
    import pathlib

ANSWERING = (
    "import signal, sys\n"
    "def answer(number, frame):\n"
    "    print(signal.Signals(number).name)\n"
    "    if number == signal.SIGUSR2: sys.exit(9)\n"
    "for name in ('TERM', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2', 'WINCH', 'CONT'):\n"
    "    signal.signal(getattr(signal, 'SIG' + name), answer)\n"
    "print('ready')\n"
    "while True: signal.pause()\n"
)
"""A child that names each signal it gets, survives all, and leaves with 9 at USR2."""


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_every_exit_code_is_handed_through() -> None:
    """0 to 255 come out as they went in; one launcher process runs all 256 children."""
    program = (
        "import os\n"
        "from swarmcache.launch.child.supervise import supervise\n"
        "codes = [supervise(['sh', '-c', f'exit {n}'], os.environ).code for n in range(256)]\n"
        "print(codes == list(range(256)), codes)\n"
    )
    done = subprocess.run(python(program), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("True"), done.stdout


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_launcher_exits_with_the_code_of_its_child(code: int) -> None:
    """The launcher's own exit status is the child's."""
    assert finished("sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize(
    ("name", "code"), [("KILL", 137), ("TERM", 143), ("SEGV", 139), ("INT", 130), ("PIPE", 141)]
)
def test_death_by_signal_is_128_and_its_number(name: str, code: int) -> None:
    """As in a shell; PIPE also shows that the child does not inherit Python's ignoring of it."""
    assert finished("sh", "-c", f"ulimit -c 0; kill -{name} $$").returncode == code


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "WINCH", "CONT"])
def test_signal_reaches_the_child_once(name: str) -> None:
    """Sent while the child waits: it gets that signal, and only one before the next."""
    process = launch(*python(ANSWERING))
    assert line(process) == "ready"
    process.send_signal(getattr(signal, f"SIG{name}"))
    assert line(process) == f"SIG{name}"
    process.send_signal(signal.SIGUSR2)
    assert line(process) == "SIGUSR2"
    assert process.wait(BOUND) == 9


def test_child_that_ignores_term_lives_and_each_term_is_passed_on() -> None:
    """Three SIGTERMs, each sent after the child answered the one before: no SIGKILL follows."""
    process = launch(*python(ANSWERING))
    assert line(process) == "ready"
    for _ in range(3):
        process.terminate()
        assert line(process) == "SIGTERM"
    process.send_signal(signal.SIGUSR2)
    assert process.wait(BOUND) == 9


def test_signal_reaches_the_child_although_threads_are_left_behind() -> None:
    """Any thread may be handed a process's signal, as after a download with worker threads."""
    program = (
        "import os, sys, threading\n"
        "from swarmcache.launch.child.supervise import supervise\n"
        "waiting = threading.Event()\n"
        "for _ in range(4): threading.Thread(target=waiting.wait, daemon=True).start()\n"
        "sys.exit(supervise(sys.argv[1:], os.environ).code)\n"
    )
    process = subprocess.Popen(
        [*python(program), *python(ANSWERING)], stdout=subprocess.PIPE, text=True
    )
    assert line(process) == "ready"
    for _ in range(20):
        process.terminate()
        assert line(process) == "SIGTERM"
    process.send_signal(signal.SIGUSR2)
    assert process.wait(BOUND) == 9


def test_signal_reaches_the_grandchildren_in_the_group_and_no_daemon() -> None:
    """A script's trainer gets SIGTERM too; what left with `setsid` is not ours."""
    process = launch("sh", "-c", "setsid sleep 60 & echo $!; sleep 60 & echo $!; echo ready; wait")
    daemon, grandchild = int(line(process)), int(line(process))
    assert line(process) == "ready"
    until(lambda: os.getsid(daemon) == daemon, "the daemon leaves the session")
    try:
        process.terminate()
        assert process.wait(BOUND) == 143
        until(lambda: not alive(grandchild), "the grandchild dies of SIGTERM")
        assert alive(daemon)
    finally:
        os.kill(daemon, signal.SIGKILL)


def test_group_is_ended_when_the_launcher_is_killed() -> None:
    """SIGKILL hits the launcher while a script waits for its trainer: neither is orphaned."""
    process = launch("sh", "-c", "sleep 60 & echo $$ $!; wait")
    script, trainer = (int(number) for number in line(process).split())
    until(lambda: len(members(script)) == 3, "the guard joins script and trainer")
    process.kill()
    process.wait(BOUND)
    until(lambda: not alive(script) and not alive(trainer), "the group dies of SIGTERM")
    until(lambda: not members(script), "the guard leaves")


def test_background_process_of_a_finished_child_goes_on() -> None:
    """A script that starts a daemon and exits has it running, and no guard stays with it."""
    process = launch("sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $$ $!")
    script, daemon = (int(number) for number in line(process).split())
    try:
        assert process.wait(BOUND) == 0
        assert members(script) == [daemon]
    finally:
        os.kill(daemon, signal.SIGKILL)


def members(group: int) -> list[int]:
    """Return the processes of a group."""
    rows = shown_by_ps("-e", "-o", "pid=,pgid=,stat=").splitlines()
    fields = [row.split() for row in rows]
    return [int(pid) for pid, pgid, state in fields if int(pgid) == group and state[0] != "Z"]


def test_guard_that_is_stopped_with_its_group_does_not_hold_the_launcher() -> None:
    """SIGSTOP hits the whole group, then SIGKILL the child: the launcher still ends."""
    process = launch("sh", "-c", "echo $$; exec sleep 60")
    child = int(line(process))
    until(lambda: len(members(child)) == 2, "the guard joins the group")
    os.killpg(child, signal.SIGSTOP)
    until(lambda: [state(pid) for pid in members(child)] == ["T", "T"], "both are stopped")
    os.kill(child, signal.SIGKILL)
    assert process.wait(BOUND) == 137


def test_paused_child_is_left_paused() -> None:
    """SIGSTOP from somebody else, without a terminal: the launcher neither stops nor resumes it."""
    process = launch(*python(ANSWERING))
    assert line(process) == "ready"
    child = children(process.pid)[0]
    os.kill(child, signal.SIGSTOP)
    until(lambda: state(child) == "T", "the child is stopped")
    assert state(process.pid) == "S"
    process.send_signal(signal.SIGCONT)
    assert line(process) == "SIGCONT"
    process.send_signal(signal.SIGUSR2)
    assert process.wait(BOUND) == 9


def children(pid: int) -> list[int]:
    """Return the children of a process, oldest first."""
    listed = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [row.split() for row in listed.stdout.splitlines()]
    return sorted(int(child) for child, parent in pairs if int(parent) == pid)


def state(pid: int) -> str:
    """Return the first letter of a process's state: S waits, T is stopped, Z is dead."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()[:1]


def test_input_is_handed_through() -> None:
    """What is piped in arrives byte for byte."""
    content = bytes(range(256)) * 1000
    done = subprocess.run([*LAUNCHER, "cat"], input=content, stdout=subprocess.PIPE, check=True)
    assert done.stdout == content


@pytest.mark.parametrize("closed", ["0<&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_stay_closed(closed: str, tmp_path: pathlib.Path) -> None:
    """The child finds the descriptors closed that were closed, and none of ours in their place."""
    numbers = [int(part[0]) for part in closed.split()]
    report = tmp_path / "report"
    program = (
        "import os\n"
        "def closed(n):\n"
        "    try: os.fstat(n)\n"
        "    except OSError: return True\n"
        f"found = [n for n in range(64) if closed(n)][:{len(numbers)}]\n"
        f"open({str(report)!r}, 'w').write(repr(found))\n"
    )
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *LAUNCHER, *python(program)]
    assert subprocess.run(command, check=False).returncode == 0
    assert report.read_text() == repr(numbers)


def test_descriptors_of_the_caller_are_inherited() -> None:
    """A restart loop's lock (`exec 9>lock`) stays with the child."""
    command = ["bash", "-c", 'exec 9</dev/null; exec "$@"', "bash", *LAUNCHER]
    done = subprocess.run([*command, "sh", "-c", "test -e /dev/fd/9"], check=False)
    assert done.returncode == 0


def test_ignored_hangup_stays_ignored() -> None:
    """Under `nohup` neither the launcher nor the child dies of SIGHUP."""
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *LAUNCHER]
    process = subprocess.Popen(
        [*command, "sh", "-c", "echo $$; kill -HUP $$; read line; exit 4"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(line(process))
    process.send_signal(signal.SIGHUP)
    os.kill(child, signal.SIGHUP)
    process.communicate("go on\n", timeout=BOUND)
    assert process.returncode == 4


def test_no_home_is_needed() -> None:
    """A service may have no HOME at all."""
    variables = {name: value for name, value in os.environ.items() if name != "HOME"}
    done = finished("sh", "-c", 'echo "${HOME-none}"', env=variables)
    assert (done.returncode, done.stdout) == (0, "none\n")


def test_working_directory_may_be_deleted(tmp_path: pathlib.Path) -> None:
    """Removed after the shell went there and before the launcher starts."""
    folder = tmp_path / "gone"
    folder.mkdir()
    command = ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(folder), *LAUNCHER]
    assert subprocess.run([*command, "sh", "-c", "exit 6"], check=False).returncode == 6


def test_it_works_in_a_strict_script() -> None:
    """`set -euo pipefail` sees the child's failure, and goes on after its success."""
    script = 'set -euo pipefail; "$@" true; echo good; "$@" sh -c "exit 3" | cat; echo never'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *LAUNCHER], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "good\n")


def test_unknown_command_is_127() -> None:
    """And the sentence names it."""
    done = finished("no-such-trainer")
    assert (done.returncode, done.stderr.strip()) == (127, "no-such-trainer: command not found.")


def test_file_without_permission_is_126(tmp_path: pathlib.Path) -> None:
    """And the next step is the command that permits it."""
    script = tmp_path / "train.sh"
    script.write_text("#!/bin/sh\n")
    done = finished(str(script))
    assert done.returncode == 126
    assert done.stderr.strip().endswith(f"Permission denied. chmod +x {script}")


def test_missing_interpreter_is_said(tmp_path: pathlib.Path) -> None:
    """The script is there, but not what its first line names."""
    script = executable(tmp_path, "#!/no/such/python\n")
    done = finished(script)
    assert done.returncode == 127
    assert "the interpreter that its first line names does not exist" in done.stderr


def test_script_without_first_line_is_run_by_the_shell(tmp_path: pathlib.Path) -> None:
    """As a shell itself would do."""
    assert finished(executable(tmp_path, "exit 8\n")).returncode == 8


def executable(folder: pathlib.Path, content: str) -> str:
    path = folder / "train.sh"
    path.write_text(content)
    path.chmod(0o755)
    return str(path)


def test_replacing_keeps_the_process() -> None:
    """`--exec`: same process id, SIGPIPE not ignored, the code of the program itself."""
    program = (
        "import os, sys\n"
        "from swarmcache.launch.child.program import replace\n"
        "print(os.getpid(), flush=True)\n"
        "replace(sys.argv[1:], os.environ)\n"
    )
    script = 'echo $$; trap "echo survived" PIPE; kill -PIPE $$; exit 5'
    done = subprocess.run(
        [*python(program), "sh", "-c", script], capture_output=True, text=True, check=False
    )
    launcher, child, trapped = done.stdout.split()
    assert (launcher == child, trapped, done.returncode) == (True, "survived", 5)


def test_orphans_are_reaped_as_process_1() -> None:
    """A grandchild whose parent died ends under process 1 and does not stay a zombie."""
    inside = ["unshare", "--pid", "--fork", "--mount-proc"]
    if not shutil.which("unshare") or subprocess.run([*inside, "true"], check=False).returncode:
        pytest.skip("this machine does not permit a process namespace of its own (unshare)")
    # The inner sh leaves its sleep to process 1; the loop waits until no zombie is left of it.
    script = (
        "sh -c 'sleep 0.1 & echo orphan $!'\n"
        "for n in $(seq 1000); do\n"
        "  ps -e -o stat=,comm= | grep -q sleep || { echo reaped by $PPID; exit 7; }\n"
        "done\n"
        "ps -e -o pid=,ppid=,stat=,comm=\n"
    )
    done = subprocess.run(
        [*inside, sys.executable, *LAUNCHER[1:], "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (7, "reaped by 1"), done.stdout
