"""Server CPU per GiB: `swarmcache serve` against nginx, whole files and ranges, side by side.

Both send the same file over loopback to the same client, which only counts the bytes. The CPU is
user and system time of the server's processes, from /proc, around the transfers alone.

    python bench/serve_vs_nginx.py [--gib 1] [--rounds 5]
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import shutil
import statistics
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from measure.nginx import free_port, nginx, process

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 2**30
TARGET = 1.2
COMMIT = "c" * 40


class Server(NamedTuple):
    """A server under test."""

    name: str
    pid: int
    port: int
    path: str


def main() -> int:
    """Run both and print CPU milliseconds per GiB and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if shutil.which("nginx") is None:
        print("nginx is not installed; there is nothing to compare with (apt-get install nginx)")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        blob = make_cache(folder, int(options.gib * GIB))
        with ours(folder) as first, nginx(folder, os.path.dirname(blob)) as (pid, port):
            second = Server("nginx", pid, port, "/" + os.path.basename(blob))
            compare(first, second, options.rounds, os.path.getsize(blob))
    return 0


def compare(first: Server, second: Server, rounds: int, size: int) -> None:
    """Alternate the servers, so that whatever else the machine does falls on both."""
    for kind, start in (("whole file", 0), ("range", size // 4)):
        costs: dict[str, list[float]] = {first.name: [], second.name: []}
        fetch(first, start), fetch(second, start)  # Warm the page cache and both servers.
        for _ in range(rounds):
            for server in (first, second):
                before = cpu_seconds(server.pid)
                received = fetch(server, start)
                assert received == size - start, received
                used = cpu_seconds(server.pid) - before
                costs[server.name].append(used * 1000 * GIB / received)
        mine, theirs = (statistics.median(costs[each.name]) for each in (first, second))
        ratio = mine / theirs
        print(
            f"{kind:10}  swarmcache {mine:4.0f}  nginx {theirs:4.0f} CPU-ms/GiB"
            f" (median of {rounds})  ratio {ratio:.2f}"
            f"  target {TARGET} {'met' if ratio <= TARGET else 'missed'}"
        )


def make_cache(folder: str, size: int) -> str:
    """Write a cache with one file of `size` bytes, and return its blob."""
    repo = os.path.join(folder, "hub", "models--org--bench")
    name = hashlib.sha256(b"bench").hexdigest()
    blob = os.path.join(repo, "blobs", name)
    snapshot = os.path.join(repo, "snapshots", COMMIT)
    for each in (os.path.dirname(blob), snapshot, os.path.join(repo, "refs")):
        os.makedirs(each)
    chunk = os.urandom(2**20)
    with open(blob, "wb") as file:
        file.writelines(chunk for _ in range(size // len(chunk)))
    os.symlink(f"../../blobs/{name}", os.path.join(snapshot, "weights.npz"))
    with open(os.path.join(repo, "refs", "main"), "w") as file:
        file.write(COMMIT)
    return blob


@contextmanager
def ours(folder: str) -> Iterator[Server]:
    """Serve the cache with `swarmcache serve`."""
    port = free_port()
    command = [sys.executable, "-m", "swarmcache", "serve", os.path.join(folder, "hub"), "-q"]
    path = f"/org/bench/resolve/{COMMIT}/weights.npz"
    with process([*command, "--port", str(port)], port) as pid:
        yield Server("swarmcache", pid, port, path)


def fetch(server: Server, start: int) -> int:
    """Download from byte `start` on, and return the number of bytes that came."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Range": f"bytes={start}-"} if start else {}
    connection.request("GET", server.path, headers=headers)
    answer = connection.getresponse()
    assert answer.status == (206 if start else 200), answer.status
    buffer = bytearray(2**20)
    received = 0
    while count := answer.readinto(buffer):
        received += count
    connection.close()
    return received


def cpu_seconds(pid: int) -> float:
    """Return the time that a process, its threads and its children spent on a processor."""
    total = 0
    for each in [pid, *children(pid)]:
        for thread in os.listdir(f"/proc/{each}/task"):
            # In nanoseconds; the ticks of /proc/<pid>/stat are as coarse as a whole transfer.
            with open(f"/proc/{each}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
    return total / 1e9


def children(pid: int) -> list[int]:
    """Return the processes that `pid` started and that live."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


if __name__ == "__main__":
    sys.exit(main())
