"""CPU and wall time of HTTP clients: one large file, plain and TLS, and many small ones.

All get the same bytes from the same nginx on loopback, in turn; each time in a process of its own.
What is counted is the client's process alone: user and system time, with its start and imports
(`CPU`) and without (`work`). `+sha256` has a second thread that reads and hashes what was written.
The ratio is to the bare socket; clients that are not installed are named and left out.

    python bench/http_clients.py [--gib 1] [--small 2000] [--rounds 5] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from measure.gets.__main__ import NOT_INSTALLED
from measure.nginx import nginx, self_signed

GIB = 2**30
WAYS = {
    "socket": ["recv_into"],
    "http_client": ["read", "readinto", "readinto1", "recv_into", "recv_into WAITALL", "splice"],
    "urllib3": ["stream", "readinto"],
    "pycurl": ["callback"],
    "aiohttp": ["iter_chunked"],
    "requests": ["iter_content"],
    "httpx": ["iter_raw"],
}
"""Each client's ways to get a large file."""
WITHOUT_TLS = ("recv_into WAITALL", "splice")
"""Ways that leave the client's process out, which decrypts."""
HASHED = ("recv_into", "readinto", "callback", "stream", "iter_chunked")


class Took(NamedTuple):
    """Milliseconds of one run, or the least of several."""

    all: float
    work: float
    wall: float


def main() -> int:
    """Measure and print three tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gib", type=float, default=1.0)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    options = parser.parse_args()
    for command in ("nginx", "openssl"):
        if shutil.which(command) is None:
            print(f"{command} is not installed; nobody can serve (apt-get install {command})")
            return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        certificate = make_files(folder, int(options.gib * GIB))
        with (
            nginx(folder, f"{folder}/root") as (_, plain),
            nginx(folder, f"{folder}/root", certificate) as (_, secret),
        ):
            urls = [(f"http://127.0.0.1:{plain}", ""), (f"https://127.0.0.1:{secret}", certificate)]
            for url, ca in urls:
                large(url, ca, folder, options)
            for url, ca in urls:
                small(url, ca, folder, options)
    return 0


def make_files(folder: str, size: int) -> str:
    """Write what is served, and return the certificate."""
    os.mkdir(f"{folder}/root")
    chunk = os.urandom(2**20)
    with open(f"{folder}/root/large", "wb") as file:
        file.writelines(chunk for _ in range(size // len(chunk)))
    with open(f"{folder}/root/small", "wb") as file:
        file.write(chunk[:2000])
    return self_signed(folder)


def large(url: str, ca: str, folder: str, options: argparse.Namespace) -> None:
    """Print what a GiB takes."""
    tasks = []
    for client, ways in WAYS.items():
        usable = [way for way in ways if not ca or way not in WITHOUT_TLS]
        tasks += [(client, way) for way in usable]
        tasks += [(client, f"{way}+sha256") for way in usable if way in HASHED]
    found = measure(tasks, f"{url}/large", ca, folder, options)
    print(f"\n{'TLS' if ca else 'plain'}, {options.gib:g} GiB to a file, ms per GiB")
    print(f"{'':40}{'CPU':>7}{'work':>7}{'ratio':>7}{'wall':>7}")
    for (client, way), took in found.items():
        bare = found["socket", "recv_into+sha256" if way.endswith("+sha256") else "recv_into"]
        numbers = [took.all / options.gib, took.work / options.gib, took.wall / options.gib]
        ratio = took.work / bare.work
        name = f"{client} {way}"
        print(
            f"{name:40}{numbers[0]:7.0f}{numbers[1]:7.0f}{ratio:7.2f}{numbers[2]:7.0f}", flush=True
        )


def small(url: str, ca: str, folder: str, options: argparse.Namespace) -> None:
    """Print how many small files a second of CPU gets."""
    tasks = [(client, "small") for client in WAYS]
    found = measure(tasks, f"{url}/small", ca, folder, options)
    print(f"\n{'TLS' if ca else 'plain'}, {options.small} files of 2 kB over one connection")
    print(f"{'':40}{'CPU ms':>7}{'work':>7}{'ratio':>7}{'requests per CPU second':>25}")
    for (client, _), took in found.items():
        ratio, rate = took.work / found["socket", "small"].work, options.small / took.work * 1000
        print(f"{client:40}{took.all:7.0f}{took.work:7.0f}{ratio:7.2f}{rate:25.0f}", flush=True)


def measure(
    tasks: list[tuple[str, str]], url: str, ca: str, folder: str, options: argparse.Namespace
) -> dict[tuple[str, str], Took]:
    """Return the least of rounds in which every task has its turn; the first warms up.

    Not the median: whatever else the machine does only ever adds to the time of a processor.
    """
    runs: dict[tuple[str, str], list[Took]] = {}
    absent: set[str] = set()
    for number in range(options.rounds + 1):
        for client, way in tasks:
            words = [client, way, url, ca, str(options.small)]
            took = None if client in absent else once(words, f"{folder}/received")
            if took is None:
                absent.add(client)
            elif number:
                runs.setdefault((client, way), []).append(took)
    if absent:
        print(f"\nnot installed, left out: {', '.join(sorted(absent))}")
    return {task: Took(*map(min, zip(*found, strict=True))) for task, found in runs.items()}


def once(words: list[str], target: str) -> Took | None:
    """Run one client once; None if it is not installed."""
    ran = subprocess.run(
        [sys.executable, "-m", "measure.gets", *words, target],
        cwd=Path(__file__).parent,
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        stdout=subprocess.PIPE,
        check=False,
        timeout=300,
    )
    if os.path.exists(target):
        os.unlink(target)
    if ran.returncode == NOT_INSTALLED:
        return None
    ran.check_returncode()
    return Took(**json.loads(ran.stdout))


if __name__ == "__main__":
    sys.exit(main())
