"""Ctrl-C, SIGTERM and readers that leave: a pull ends within a second, and keeps what it has.

Each test says in which phase the signal comes: while an endpoint is asked that never answers,
while another process is waited for, while an earlier process's bytes are hashed, while bytes come,
before the snapshot and before the ref is put, before a sync.
"""

from __future__ import annotations

import glob
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from faults.pulling import BOUND, MIB, Site, assert_legal, etags, model, site, until
from transfer.faulty_hub import Repo, faults

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 24 * MIB
WAY_ON = "What had arrived stays; the same command goes on from there."
SLOW_PLACES = """
import os, sys, time
from hashlib import sha256 as real
place, reached = os.environ["PLACE"], os.environ["REACHED"]
def stop():
    if not os.path.exists(reached):
        open(reached, "w").close()
        time.sleep(30)
def watch(event, args):
    if event == "os.rename" and place in str(args[1]):
        stop()
if place == "hash":
    read = os.preadv
    def preadv(*args):
        stop()
        return read(*args)
    os.preadv = preadv
elif place == "sync":
    sync = os.fsync
    def fsync(handle):
        stop()
        return sync(handle)
    os.fsync = fsync
else:
    sys.addaudithook(watch)
"""
"""Sleeps in one place, and says when it got there."""


@pytest.fixture
def repo() -> Repo:
    return model(SIZE)


@pytest.fixture
def here(tmp_path: Path, repo: Repo) -> Iterator[Site]:
    here = site(tmp_path, repo)
    with here.hub:
        yield here


def stopped(process: subprocess.Popen[str], how: signal.Signals = signal.SIGINT) -> tuple[int, str]:
    """Send a signal as a terminal does, and return the code and words within a second."""
    began = time.monotonic()
    os.killpg(process.pid, how)
    out, said = process.communicate(timeout=BOUND)
    seconds = time.monotonic() - began
    assert seconds < 1.0, f"it took {seconds:.2f} s"
    assert "Traceback" not in said, said
    return process.returncode, out + said


def goes_on(here: Site, repo: Repo, *, at_most: int) -> None:
    """Let the next pull finish, and fail if it fetched more than that of the weights."""
    here.hub.mend()
    here.hub.pace(None)
    assert_legal(here.cache, etags(repo))
    before = here.hub.served("model.safetensors")
    here.finished()
    assert here.hub.served("model.safetensors") - before <= at_most
    assert here.state() == "complete"
    assert here.leftovers() == []


@pytest.mark.faults
@pytest.mark.parametrize("route", ["info", "tree"])
def test_while_the_listing_never_comes(here: Site, repo: Repo, route: str) -> None:
    here.hub.add(faults.silent(), route=route)
    process = here.start("org/name")
    until(lambda: here.hub.seen(route=route), "the request")
    code, _ = stopped(process)
    assert code == 130
    assert not os.path.exists(here.cache)
    goes_on(here, repo, at_most=SIZE)


@pytest.mark.faults
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_while_bytes_come(here: Site, repo: Repo, how: signal.Signals) -> None:
    here.hub.pace(12 * MIB)
    process = here.start("org/name")
    until(lambda: here.hub.served("model.safetensors") > SIZE / 2, "half of the weights")
    code, said = stopped(process, how)
    assert code == (130 if how == signal.SIGINT else -how)
    assert WAY_ON in said or how == signal.SIGTERM
    goes_on(here, repo, at_most=SIZE // 2 + 4 * MIB)


@pytest.mark.faults
def test_while_bytes_do_not_come(here: Site, repo: Repo) -> None:
    here.hub.add(faults.silent(0.5), path="model.safetensors")
    process = here.start("org/name")
    until(lambda: here.hub.served("model.safetensors") >= SIZE / 2, "half of the weights")
    code, said = stopped(process)
    assert code == 130
    assert WAY_ON in said
    goes_on(here, repo, at_most=SIZE // 2 + 4 * MIB)


@pytest.mark.faults
def test_while_a_file_never_begins(here: Site, repo: Repo) -> None:
    here.hub.add(faults.silent(), path="*.safetensors")
    process = here.start("org/name")
    until(lambda: here.hub.seen(path="model.safetensors"), "the request")
    code, said = stopped(process)
    assert code == 130
    assert WAY_ON in said
    goes_on(here, repo, at_most=SIZE)


@pytest.mark.faults
def test_while_another_process_is_waited_for(here: Site, repo: Repo) -> None:
    here.hub.pace(MIB)
    owner = here.start("org/name")
    until(lambda: here.hub.served("model.safetensors") > MIB / 2, "the owner's first bytes")
    process = here.start("org/name")
    assert process.stderr is not None
    until(lambda: "waiting for process" in process.stderr.readline(), "its words")  # type: ignore[union-attr]
    code, said = stopped(process)
    assert code == 130
    assert WAY_ON in said
    stopped(owner)
    goes_on(here, repo, at_most=SIZE)


@pytest.mark.faults
@pytest.mark.parametrize("place", ["hash", "sync", "/snapshots/", "/refs/", "/blobs/"])
def test_while_hashing_syncing_and_publishing(
    here: Site, repo: Repo, tmp_path: Path, place: str
) -> None:
    """At `hash`, a killed process has left half of the weights.

    The first sync comes when eleven MiB of them are there, and the first blob is a small one.
    """
    if place == "hash":
        here.hub.pace(12 * MIB)
        process = here.start("org/name")
        until(lambda: here.hub.served("model.safetensors") > SIZE / 2, "half of the weights")
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=BOUND)
    reached = str(tmp_path / "reached")
    process = here.start("org/name", hook=SLOW_PLACES, PLACE=place, REACHED=reached)
    until(lambda: os.path.exists(reached), place)
    code, said = stopped(process)
    assert code == 130
    assert WAY_ON in said
    left = {"hash": SIZE // 2 + 4 * MIB, "sync": SIZE - 8 * MIB, "/blobs/": SIZE}
    goes_on(here, repo, at_most=left.get(place, 0))


@pytest.mark.faults
def test_a_second_ctrl_c_at_once_does_no_harm(here: Site, repo: Repo) -> None:
    here.hub.pace(12 * MIB)
    process = here.start("org/name")
    until(lambda: here.hub.served("model.safetensors") > SIZE / 2, "half of the weights")
    for _ in range(5):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.02)  # As fast as somebody presses it.
    process.communicate(timeout=BOUND)
    assert process.returncode in {130, -signal.SIGINT}
    goes_on(here, repo, at_most=SIZE // 2 + 4 * MIB)


@pytest.mark.faults
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_leaves_ends_no_pull(here: Site, stream: str) -> None:
    """The instant: before the first byte. What was said goes nowhere; the model is cached."""
    here.hub.pace(12 * MIB)
    process = here.start("org/name")
    left = getattr(process, stream)
    left.close()
    other = process.stderr if stream == "stdout" else process.stdout
    assert other is not None
    words = other.read()
    assert process.wait(timeout=BOUND) == 0, words
    assert "Traceback" not in words
    assert here.state() == "complete"
    assert here.leftovers() == []
    assert glob.glob(f"{here.cache}/models--org--name/refs/main")
