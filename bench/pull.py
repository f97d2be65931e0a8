"""What a pull costs, against `hf download`, curl and aria2c, of one Hub on loopback.

    python bench/pull.py [--mib 1024] [--small 2000] [--rounds 5] [--folder DIR]

The Hub is `swarmcache serve`; with TLS, nginx stands before it. Each round begins with an empty
cache. `hf download` speaks HTTP here: a Hub without Xet leaves it no choice. curl and aria2c only
fetch, they neither prove nor publish anything; those that the machine lacks are left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import measure.models  # noqa: F401 - makes what the tests share importable
from measure.nginx import free_port, nginx, process, self_signed
from measure.rounds import Cost, clean_variables, median, once

from cachemaker import CacheMaker, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TARGET = "targets: CPU <= 0.50 and wall <= 0.80 of hf download; near curl for one large file"


class Case(NamedTuple):
    """What is pulled, and from where."""

    title: str
    repo: str
    url: str
    """The Hub's address."""
    direct: str
    """The address of the one large file, for clients that know no Hub; empty for many files."""
    trust: Mapping[str, str]
    """Variables that make its certificate trusted."""


def main() -> None:
    """Measure one large file and many small ones, plain and with TLS."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        served = CacheMaker(f"{folder}/served")
        large = os.urandom(options.mib * 2**20)
        served.repo("bench/large", {"noise.bin": large})
        blob = f"models--bench--large/blobs/{sha256(large)}"
        del large
        texts = (f"{number} ".encode() * 300 for number in range(options.small))
        served.repo("bench/small", {f"part/{n:05}.txt": text for n, text in enumerate(texts)})
        for secure in (False, True):
            with hub(folder, served.path, secure=secure) as (url, files, trust):
                name = "TLS" if secure else "plain"
                sizes = f"{options.mib} MiB, {name}", f"{options.small} small files, {name}"
                for case in (
                    Case(sizes[0], "bench/large", url, f"{files}/{blob}", trust),
                    Case(sizes[1], "bench/small", url, "", trust),
                ):
                    report(case, options.rounds, folder)
    print(TARGET)


@contextmanager
def hub(folder: str, cache: str, *, secure: bool) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Serve a cache; yield the Hub's address, that of its bare files, and variables to trust it."""
    port = free_port()
    command = [sys.executable, "-m", "swarmcache", "serve", cache, "--port", str(port), "--quiet"]
    with process(command, port):
        if not secure:
            with nginx(folder, cache) as (_, files):
                yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{files}", {}
            return
        pem = self_signed(folder)
        trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"), pem)
        with nginx(folder, cache, pem, upstream=port) as (_, secured):
            yield f"https://127.0.0.1:{secured}", f"https://127.0.0.1:{secured}/files", trust


def report(case: Case, rounds: int, folder: str) -> None:
    """Run every command in turn, and print a row for each."""
    beside = os.path.dirname(sys.executable)
    place = f"{folder}/cache"
    own = {"HF_ENDPOINT": case.url, "HF_HUB_CACHE": place, "HOME": f"{folder}/home"}
    variables = clean_variables(**own, HF_HUB_DISABLE_XET="1", **case.trust)
    commands: dict[str, list[str]] = {
        "swarmcache pull": [f"{beside}/swarmcache", "pull", case.repo, "--all-files"],
        "hf download": [f"{beside}/hf", "download", case.repo],
    }
    if case.direct and shutil.which("curl"):
        commands["curl"] = ["curl", "-s", "-o", f"{place}/file", case.direct]
    if case.direct and shutil.which("aria2c"):
        trusted = [f"--ca-certificate={pem}" for pem in set(case.trust.values())]
        aria2c = ["aria2c", "-q", "-x4", *trusted, "-d", place, "-o", "file"]
        commands["aria2c"] = [*aria2c, case.direct]
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            shutil.rmtree(place, ignore_errors=True)
            os.makedirs(place)
            os.sync()
            costs[name].append(once(command, variables, folder))
    found = {name: median(measured) for name, measured in costs.items()}
    theirs = found["hf download"]
    heads = "".join(f"{head:>12}" for head in ("CPU ms", "wall ms", "peak MB", "CPU/hf", "wall/hf"))
    print(f"\n{case.title:32}{heads}")
    for name, cost in found.items():
        figures = f"{cost.cpu:>12.0f}{cost.wall:>12.0f}{cost.peak:>12.0f}"
        ratios = f"{cost.cpu / theirs.cpu:>12.2f}{cost.wall / theirs.wall:>12.2f}"
        print(f"{name:32}{figures}{ratios}", flush=True)


if __name__ == "__main__":
    main()
