"""`run --gpus`: one command for several instances, told apart, ended together."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from processes import BOUND, Screen, alive, begun, ran, screens, shown_by_ps, until
from stubbed_node import RUN, StubbedNode, loaded
from tinyswarm import CONFIG, SMALL_POOL, fill

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

WAITS = "echo $$ > pid.$SWARMCACHE_INSTANCE; while :; do sleep 9 & wait; done"
HOLDS = f'trap "echo ended; exit 3" TERM; {WAITS}'
"""A trainer that ends in order at SIGTERM, and says so."""


@pytest.fixture
def node(tmp_path: pathlib.Path) -> StubbedNode:
    node = StubbedNode(tmp_path)
    node.variables["PATH"] = os.environ["PATH"]  # A `sleep` that sleeps.
    return node


@pytest.fixture
def screen() -> Iterator[Callable[..., Screen]]:
    yield from screens()


def log(node: StubbedNode, name: str) -> str:
    """Return what was kept of an instance's output."""
    return (node.project / "logs" / f"swarmcache-{name}.log").read_bytes().decode()


def started(node: StubbedNode, *names: str) -> list[int]:
    """Return the process ids that trainers wrote, once all of them have."""
    files = [node.project / f"pid.{name}" for name in names]
    until(lambda: all(file.exists() and file.read_text().strip() for file in files), "all started")
    return [int(file.read_text()) for file in files]


def test_each_gpu_is_an_instance_of_its_own(node: StubbedNode) -> None:
    """With its GPU, its name and its log; lines keep their stream and get their instance."""
    says = 'echo "gpu $CUDA_VISIBLE_DEVICES of $SWARMCACHE_INSTANCE"; echo oops >&2; cat'
    done = node.start("--gpus", "0,2-3", command=("sh", "-c", says))
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        "[0] gpu 0 of 0",
        "[2] gpu 2 of 2",
        "[3] gpu 3 of 3",
    ]
    assert sorted(line for line in done.stderr.splitlines() if "oops" in line) == [
        "[0] oops",
        "[2] oops",
        "[3] oops",
    ]
    for name in ("0", "2", "3"):  # Two streams come into one log, in any order.
        assert {f"gpu {name} of {name}", "oops"} <= set(log(node, name).splitlines())
    again = node.start("--gpus", "0,2", "--log-dir", "elsewhere", command=("true",))
    assert again.returncode == 0
    assert sorted(os.listdir(node.project / "elsewhere")) == [
        "swarmcache-0.log",
        "swarmcache-2.log",
    ]


def test_one_gpu_is_one_instance(node: StubbedNode) -> None:
    """It has the terminal, and its output is its own."""
    says = 'echo "$CUDA_VISIBLE_DEVICES of $SWARMCACHE_INSTANCE"'
    assert node.start("--gpus", "5", command=("sh", "-c", says)).stdout == "5 of 5\n"
    named = node.start("--gpus", "5", "--instance", "a", command=("sh", "-c", says))
    assert named.stdout == "5 of a\n"


def test_instances_keep_their_models(node: StubbedNode) -> None:
    """Six draw of three; started again, each loads what it had."""
    node.write("config/swarm.yaml", CONFIG)
    fill(node.cache, *SMALL_POOL)
    says = ("sh", "-c", 'echo "$SWARMCACHE_INSTANCE $MODEL_NAME"')
    first = node.start("--pool", "small", "--gpus", "0-5", command=says)
    again = node.start("--pool", "small", "--gpus", "0-5", command=says)
    assert sorted(first.stdout.splitlines()) == sorted(again.stdout.splitlines())
    assert first.stdout.count("tiny/") == 6


def test_every_option_reaches_each_instance(node: StubbedNode) -> None:
    """And the script of each is answered, since it has no standard input."""
    fill(node.cache, "org/named")
    node.write_own_script()
    node.variables["PATH"] = StubbedNode(node.project.parent / "stubs only").variables["PATH"]
    done = node.start("--model", "org/named", "--gpus", "0-1", "--quiet")
    lines = [line.partition("] ")[2] for line in done.stdout.splitlines()]
    assert [loaded(line) for line in lines if "loads" in line] == ["org/named"] * 2
    assert "is cached" not in done.stderr


def test_the_first_failure_is_the_code(node: StubbedNode) -> None:
    """It is said which one ended how; the others go on to their own end."""
    script = (
        '[ "$SWARMCACHE_INSTANCE" = 1 ] && exit 5\n'
        "until [ -e go ]; do sleep 0.05; done\n"
        '[ "$SWARMCACHE_INSTANCE" = 2 ] && kill -KILL $$\n'
        "echo done\n"
    )
    process = begun(
        [*RUN, "--offline", "--gpus", "0-2", "--", "sh", "-c", script],
        cwd=node.project,
        env=node.variables,
    )
    assert process.stderr is not None
    said = []
    while not any("Instance 1 ended with exit code 5." in line for line in said):
        said.append(process.stderr.readline())
    (node.project / "go").touch()
    out, err = process.communicate(timeout=BOUND)
    assert process.returncode == 5
    assert out == "[0] done\n"
    assert "Instance 2 ended with exit code 137.\n" in err
    assert "Instance 0 ended with exit code 0.\n" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_ends_us_ends_all(node: StubbedNode, number: signal.Signals) -> None:
    """SIGTERM is passed on, once; killed outright, we leave no trainer behind."""
    process = begun(
        [*RUN, "--offline", "--gpus", "0-1", "--", "sh", "-c", HOLDS],
        cwd=node.project,
        env=node.variables,
        stderr=subprocess.DEVNULL,
    )
    trainers = started(node, "0", "1")
    process.send_signal(number)
    out, _ = process.communicate(timeout=BOUND)
    until(lambda: not any(map(alive, trainers)), "both trainers end")
    if number == signal.SIGTERM:
        assert process.returncode == 3
        assert sorted(out.splitlines()) == ["[0] ended", "[1] ended"]


def test_a_typed_interrupt_reaches_each_once(
    node: StubbedNode, screen: Callable[..., Screen]
) -> None:
    """Ctrl-C on the terminal ends all, and us as a shell expects it."""
    trainer = f'trap "echo interrupted; trap - INT; kill -INT $$" INT; {WAITS}'
    command = [*RUN, "--offline", "--gpus", "0-1", "--", "bash", "-c", trainer]
    opened = screen("/bin/sh", "-c", 'cd "$0" && exec "$@"', str(node.project), *command)
    started(node, "0", "1")
    opened.type("\x03")
    status = opened.ending()
    assert opened.shown.count("] interrupted") == 2
    assert os.waitstatus_to_exitcode(status) in {-signal.SIGINT, 130}


def test_a_stopped_job_stops_and_goes_on_with_all(
    node: StubbedNode, screen: Callable[..., Screen]
) -> None:
    """Ctrl-Z gives the prompt back and rests every trainer; `fg` wakes them."""
    (node.project / "trainer.py").write_text(  # No shell: one inside vfork(2) cannot be stopped.
        "import os, time\n"
        "with open('pid.' + os.environ['SWARMCACHE_INSTANCE'], 'w') as file:\n"
        "    file.write(str(os.getpid()))\n"
        "while not os.path.exists('go'):\n"
        "    time.sleep(0.02)\n"
        "print('ended')\n"
    )
    shell = screen("/bin/bash", "--norc", "--noprofile", "-i", **node.variables, PS1="$ ")
    command = shlex.join([*RUN, "--offline", "--gpus", "0-1", "--", sys.executable, "trainer.py"])
    shell.type(f"cd {node.project}; {command}\n")
    trainers = started(node, "0", "1")
    shell.type_until("\x1a", "Stopped")
    until(lambda: all(map(stopped, trainers)), "both trainers rest")
    (node.project / "go").touch()
    shell.type("fg\n")
    shell.wait_for("] ended")
    shell.wait_for("] ended")
    shell.type("echo code:$?:\n")
    shell.wait_for("code:0:")


def stopped(pid: int) -> bool:
    """Tell whether a process was stopped."""
    return shown_by_ps("-o", "stat=", "-p", str(pid)).startswith("T")


def test_progress_bars_take_one_line(node: StubbedNode) -> None:
    """What was written over is left out on the terminal, and kept in the log."""
    says = r"printf '10%%\r50%%\r100%%\nrest'"
    done = node.start("--gpus", "0-1", command=("sh", "-c", says))
    assert sorted(done.stdout.splitlines()) == ["[0] 100%", "[0] rest", "[1] 100%", "[1] rest"]
    assert log(node, "0").endswith("10%\r50%\r100%\nrest")


def test_no_log_is_a_warning(node: StubbedNode) -> None:
    """A file stands in the place of the folder."""
    node.write("logs", "")
    done = node.start("--gpus", "0-1", command=("echo", "started"))
    assert done.returncode == 0
    assert done.stderr.count("⚠") == 1
    assert done.stdout.count("started") == 2


def test_nobody_listening_stops_no_trainer(node: StubbedNode) -> None:
    """Our output goes into a pipe that was closed; the logs have it all."""
    script = "until [ -e go ]; do sleep 0.05; done; seq 20000; echo end"
    process = subprocess.Popen(
        [*RUN, "--offline", "--gpus", "0-1", "--", "sh", "-c", script],
        cwd=node.project,
        env=node.variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    (node.project / "go").touch()
    assert process.wait(BOUND) == 0
    assert [log(node, name).endswith("20000\nend\n") for name in ("0", "1")] == [True, True]


def test_a_variable_that_names_no_file_is_125(node: StubbedNode) -> None:
    """It would be part of a path."""
    node.variables["SWARMCACHE_INSTANCE"] = "../../x"
    done = node.start(command=("echo", "started"))
    assert (done.returncode, done.stdout) == (125, "")
    assert "../../x cannot name an instance" in done.stderr


def test_process_1_starts_instances_too(node: StubbedNode) -> None:
    """In a container, where it also takes up orphans and is not watched over."""
    words = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if shutil.which(words[0]) is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("this machine does not permit a process namespace of its own (unshare)")
    script = "(sleep 0.05 &); echo of $SWARMCACHE_INSTANCE; exit $SWARMCACHE_INSTANCE"
    done = ran(
        [*words, *RUN, "--offline", "--gpus", "0,3", "--", "sh", "-c", script],
        cwd=node.project,
        env=node.variables,
    )
    assert (done.returncode, sorted(done.stdout.splitlines())) == (3, ["[0] of 0", "[3] of 3"])


@pytest.mark.parametrize(
    "options",
    [
        ["--gpus", "0-"],
        ["--gpus", "0-1", "--instance", "a"],
        ["--instance", "../a"],
        ["--gpus", "0-1", "--exec"],
        ["--gpus", "0-1", "--json", "--dry-run"],
    ],
)
def test_what_makes_no_sense_is_125(node: StubbedNode, options: list[str]) -> None:
    """Before anything is started."""
    done = node.start(*options, command=("echo", "started"))
    assert (done.returncode, done.stdout) == (125, "")
