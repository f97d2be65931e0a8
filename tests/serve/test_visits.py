"""While a client is at a repo it is leased; an idle one is not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import model
from other_user import open_folder, run_as_other_user
from processes import BOUND
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.use.last_use import last_uses
from swarmcache.hubcache.use.leases import leases
from swarmcache.serve.running import running
from swarmcache.serve.visits import Visits
from wire import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

A, B = RepoName("model", "org/a"), RepoName("model", "org/b")


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    maker.repo("org/b", model(2))
    return maker


@pytest.fixture
def hub(maker: CacheMaker) -> Iterator[RunningHub]:
    with running([maker.path], environment=Environment.current()) as hub:
        yield hub


def held(cache: str) -> list[set[RepoName]]:
    """Return what each lease of the cache holds."""
    return [set(lease.repos) for lease in leases(cache, Environment.current())]


def folder(maker: CacheMaker, repo: str) -> str:
    return os.path.realpath(maker.folder(repo))


def test_a_request_leases_its_repo_and_notes_its_use(hub: RunningHub, maker: CacheMaker) -> None:
    """For the files that the client will ask for next; other repos stay free."""
    assert held(maker.path) == []
    assert ask(hub, "/api/models/org/a").status == 200
    assert held(maker.path) == [{A}]
    assert list(last_uses(maker.path, Environment.current())) == ["models--org--a"]
    assert ask(hub, "/org/b/resolve/main/config.json", "HEAD").status == 200
    assert held(maker.path) == [{A, B}]


def test_what_is_not_cached_is_not_leased(hub: RunningHub, maker: CacheMaker) -> None:
    """Whoever asks for names must not fill our state with them."""
    for path in ("/api/models/org/absent", "/org/a/resolve/absent/x", "/api/models/org/a/refs"):
        ask(hub, path)
    assert held(maker.path) == []
    assert not os.path.exists(f"{maker.path}/.locks")


def test_the_leases_end_with_the_server(maker: CacheMaker) -> None:
    """And leave the record of the use."""
    with running([maker.path], environment=Environment.current()) as hub:
        ask(hub, "/api/models/org/a")
        assert held(maker.path) == [{A}]
    assert held(maker.path) == []
    assert list(last_uses(maker.path, Environment.current())) == ["models--org--a"]


def test_nothing_is_written_for_a_request(hub: RunningHub, maker: CacheMaker) -> None:
    """Only when the set of repos that clients are at changes."""
    ask(hub, "/api/models/org/a")
    state = f"{maker.path}/.locks/.swarmcache"
    before = {path: os.stat(path).st_mtime_ns for path, *_ in os.walk(state)}
    for _ in range(20):
        ask(hub, "/org/a/resolve/main/config.json")
    assert {path: os.stat(path).st_mtime_ns for path, *_ in os.walk(state)} == before


def test_an_idle_repo_is_let_go(maker: CacheMaker) -> None:
    """A minute after the last request, or what stands for it here."""
    visits = Visits(Environment.current(), stay=0.0)
    visits.arrive([folder(maker, "org/a"), folder(maker, "org/b")])
    assert held(maker.path) == [{A, B}]
    with visits.sending([folder(maker, "org/a")]):
        visits.look_after()
        assert held(maker.path) == [{A}], "an answer under way stays, however long it takes"
    visits.look_after()
    assert held(maker.path) == []
    visits.arrive([folder(maker, "org/a")])
    assert held(maker.path) == [{A}]
    visits.close()
    visits.arrive([folder(maker, "org/b")])
    assert held(maker.path) == [], "after the end nothing is leased"


def test_a_slow_download_is_under_way_until_its_end(maker: CacheMaker) -> None:
    """Its client stopped reading in the middle of a file that no socket's buffer holds."""
    maker.repo("org/a", model(1, **{"big.bin": bytes(64 * 2**20)}), lfs=["*"])
    with running([maker.path], environment=Environment.current()) as hub:
        with socket.create_connection((hub.address.host, hub.address.port), timeout=20) as client:
            client.sendall(b"GET /org/a/resolve/main/big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(64).startswith(b"HTTP/1.1 200")
            done = clean(maker, "org/a")
            assert done.returncode == 6, done.stdout + done.stderr
            assert f"process {os.getpid()} uses it" in done.stdout
            assert os.path.exists(maker.folder("org/a"))
        assert clean(maker, "org/b").returncode == 0


def test_several_caches_each_have_a_lease_of_what_they_hold(
    maker: CacheMaker, tmp_path: Path
) -> None:
    """Where both have the commit, both are held; each knows only its own repos."""
    other = CacheMaker(tmp_path / "other")
    other.repo("org/b", model(2))
    with running([maker.path, other.path], environment=Environment.current()) as hub:
        ask(hub, "/api/models/org/a")
        ask(hub, "/api/models/org/b")
        assert (held(maker.path), held(other.path)) == ([{A, B}], [{B}])


def test_threads_together_hold_all_that_they_visit(maker: CacheMaker) -> None:
    """And whoever looks meanwhile never sees a visited repo without a lease."""
    visits = Visits(Environment.current(), stay=BOUND)
    visits.arrive([folder(maker, "org/a")])
    gaps: list[object] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            if not any(A in repos for repos in held(maker.path)):
                gaps.append(time.time())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        others = [maker.folder(f"org/x{number}") for number in range(40)]
        for path in others:
            os.mkdir(path)
        crew = [
            threading.Thread(target=visits.arrive, args=([os.path.realpath(path)],))
            for path in others
        ]
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join(BOUND)
    finally:
        ended.set()
        watcher.join(BOUND)
    assert gaps == []
    (found,) = held(maker.path)
    assert len(found) == 41


def test_a_killed_server_s_leases_end_with_it(maker: CacheMaker) -> None:
    """Nobody has to clean up after it."""
    command = [sys.executable, "-m", "swarmcache", "serve", maker.path, "--port", "0", "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{address}/api/models/org/a", timeout=20) as answer:
            answer.read()
        assert held(maker.path) == [{A}]
        server.kill()
    assert held(maker.path) == []


def test_a_read_only_cache_is_served_all_the_same() -> None:
    """By a user who cannot write anything anywhere."""
    if os.geteuid() != 0:
        pytest.skip("only root can hand the cache of another to a user without rights")
    program = (
        "import urllib.request\n"
        "from swarmcache.environment import Environment\n"
        "from swarmcache.serve.running import running\n"
        "with running(['hub'], environment=Environment.current()) as hub:\n"
        "    url = hub.url + '/org/a/resolve/main/config.json'\n"
        "    print(urllib.request.urlopen(url).read().decode())\n"
    )
    with open_folder() as place:
        CacheMaker(f"{place}/hub").repo("org/a", model(1))
        done = run_as_other_user(
            [sys.executable, "-c", program], env={"HOME": "/nonexistent"}, cwd=place
        )
    assert (done.stdout, done.stderr) == ('{"model_type": "llama"}\n', "")


def clean(maker: CacheMaker, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command on what was named."""
    command = [sys.executable, "-m", "swarmcache", "clean", *words, "--yes"]
    return subprocess.run(
        [*command, "--cache-dir", maker.path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=os.path.dirname(maker.path),
    )
