"""A power cut at any instant: what the disk was told, in which order, and what a reboot counts.

No power is cut. A trace shows that nothing claims what was not synced before, which is all that a
file system promises; and a journal of another boot is read as after one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from faults.pulling import BOUND, MIB, Site, model, site, until, weights
from faults.tracing import Call, calls, strace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DURABLE = re.compile(r"durable (\d+) (\d+) ")
WRITTEN = re.compile(r"written (\d+) (\d+) ")


class Disk:
    """What is safe of one partial, and how much is not, call by call."""

    def __init__(self, key: str) -> None:
        self._key = key
        self.written: list[tuple[int, int]] = []
        self.synced: list[tuple[int, int]] = []
        self.claimed: list[tuple[int, int]] = []
        self.safe = 0
        """Bytes that a journal on the disk claims."""
        self.begun = 0
        self.most = 0
        """Bytes that a power cut would have cost, at the worst instant."""
        self.unsynced_journal = False
        self._at_sync: list[tuple[int, int]] = []
        self._at_journal_sync: list[tuple[int, int]] = []

    def see(self, call: Call) -> None:
        """Take a call into account; fail when it claims too much."""
        if call.file.endswith(f"/partial/{self._key}/data"):
            self._data(call)
        elif f"/partial/{self._key}/journal" in call.file:
            self._journal(call)
        self.most = max(self.most, self.begun - self.safe)

    def _data(self, call: Call) -> None:
        if call.name == "pwrite64":
            start, stop = call.part
            if call.ended:
                self.written.append((start, stop))
            else:
                self.begun += stop - start
        elif call.name == "fdatasync":
            if call.ended:
                self.synced = list(self._at_sync)
            else:
                self._at_sync = list(self.written)

    def _journal(self, call: Call) -> None:
        if call.name == "write" and not call.ended:
            for start, stop in DURABLE.findall(call.text):
                part = int(start), int(stop)
                assert part[1] - part[0] == covered(self.synced, part), (
                    "claimed before it was synced"
                )
                self.claimed.append(part)
                self.unsynced_journal = True
        elif call.name == "fdatasync":
            if call.ended:
                self.safe = sum(stop - start for start, stop in self._at_journal_sync)
                self.unsynced_journal = False
            else:
                self._at_journal_sync = list(self.claimed)


def covered(parts: Iterable[tuple[int, int]], wanted: tuple[int, int]) -> int:
    """Return how many bytes of a range some disjoint parts hold."""
    return sum(max(0, min(stop, wanted[1]) - max(start, wanted[0])) for start, stop in parts)


def order(trace: list[Call], *, what: str, before: str) -> None:
    """Fail unless some call that ended, as `name path`, came before another one started."""
    ends = [n for n, call in enumerate(trace) if call.ended and re.search(what, line(call))]
    starts = [n for n, call in enumerate(trace) if not call.ended and re.search(before, line(call))]
    assert ends, what
    assert starts, before
    assert any(end < starts[0] for end in ends), f"{what} does not come before {before}"


def line(call: Call) -> str:
    """Return a call as its name and what it is about."""
    return " ".join([call.name, call.file, *call.names])


@pytest.mark.faults
def test_nothing_is_claimed_or_seen_before_it_is_on_the_disk(tmp_path: Path) -> None:
    size, repo = 40 * MIB, model(40 * MIB)
    here, log = site(tmp_path, repo), str(tmp_path / "trace")
    with here.hub:
        here.finished(before=strace(log))
    etag = weights(repo)
    trace, disk = list(calls(log)), Disk(etag)
    for call in trace:
        disk.see(call)
    assert disk.begun == size
    print(f"at most {disk.most / MIB:.2f} MiB unsafe")
    assert 4 * MIB < disk.most <= 16 * MIB
    assert disk.claimed, "nothing was claimed at all"
    assert not disk.unsynced_journal
    put = f"^rename .*/ready .*/blobs/{etag}"
    last_write = max(
        n for n, c in enumerate(trace) if c.name == "pwrite64" and c.ended and etag in c.file
    )
    order(trace[last_write:], what=f"^fdatasync .*/{etag}/data$", before=put)
    order(trace, what=put, before="^fsync .*/blobs$")
    order(trace, what="^fsync .*/blobs$", before=f"^rename .* .*/snapshots/{repo.main}$")
    order(
        trace, what="^fsync .*/partial/new-[^/ ]*$", before=f"^rename .* .*/snapshots/{repo.main}$"
    )
    order(trace, what="^fsync .*/snapshots$", before="^rename .*/refs/main$")
    order(trace, what="^fsync .*/partial/new-.*/ref$", before="^rename .*/refs/main$")
    moved = next(
        n for n, call in enumerate(trace) if re.search("^rename .*/refs/main$", line(call))
    )
    order(trace[moved:], what="^fsync .*/refs$", before="^unlink.*data$")


@pytest.mark.faults
def test_a_trace_that_claims_too_early_is_noticed() -> None:
    """The proof above could fail."""
    disk = Disk("x")
    data = '7</c/partial/x/data>, "..."..., 100, 0'
    disk.see(Call("pwrite64", data, ended=False))
    disk.see(Call("pwrite64", data, ended=True))
    with pytest.raises(AssertionError, match="claimed before"):
        disk.see(Call("write", '8</c/partial/x/journal>, "durable 0 100 abc"', ended=False))


@pytest.mark.faults
def test_after_a_reboot_only_what_was_synced_counts(tmp_path: Path) -> None:
    """The instant: half of the weights are there, some of them only in the page cache."""
    size = 64 * MIB
    repo = model(size)
    here = site(tmp_path, repo, bytes_per_second=32 * MIB)
    with here.hub:
        killed_at(here, size // 2)
        path = f"{here.cache}/.locks/.swarmcache/partial/{weights(repo)}/journal"
        with open(path, encoding="ascii") as file:
            text = file.read()
        durable = sum(int(stop) - int(start) for start, stop in DURABLE.findall(text))
        written = sum(int(stop) - int(start) for start, stop in WRITTEN.findall(text))
        here.hub.pace(None)
        here.fall_silent()
        entry, _ = here.finished(before=another_boot(tmp_path))
    print(f"{written} written, {durable} durable")
    assert 0 < durable < written <= durable + 16 * MIB
    assert entry["resumed_bytes"] == durable
    assert here.state() == "complete"


def killed_at(here: Site, count: int) -> None:
    """Start a pull and kill it when so many bytes have left the server."""
    process = here.start()
    until(lambda: here.hub.served("model.safetensors") > count, f"{count} bytes")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=BOUND)


def another_boot(tmp_path: Path) -> list[str]:
    """Return the words before a command that is to find another boot id."""
    boot = tmp_path / "boot_id"
    boot.write_text("00000000-1111-2222-3333-444444444444\n")
    script = f'mount --bind {boot} /proc/sys/kernel/random/boot_id && exec "$@"'
    words = ["unshare", "-m", "sh", "-c", script, "sh"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets us give no process another boot id")
    return words


@pytest.mark.faults
def test_a_torn_journal_counts_for_what_is_whole_in_it(tmp_path: Path) -> None:
    """The instant: the last line was half on the disk."""
    size = 32 * MIB
    repo = model(size)
    here = site(tmp_path, repo, bytes_per_second=32 * MIB)
    with here.hub:
        killed_at(here, size // 2)
        path = f"{here.cache}/.locks/.swarmcache/partial/{weights(repo)}/journal"
        os.truncate(path, os.path.getsize(path) - 3)
        with open(path, encoding="ascii") as file:
            lines = file.read().split("\n")[:-1]
        written = sum(int(b) - int(a) for a, b in WRITTEN.findall("\n".join(lines)))
        here.hub.pace(None)
        entry, _ = here.finished()
    assert entry["resumed_bytes"] == written > 0
    assert here.state() == "complete"
