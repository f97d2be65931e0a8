"""What endpoints say of repos: in bounded time, and with tokens where they belong."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import CacheMaker, sha256, tiny_safetensors
from swarmcache.environment import Environment
from swarmcache.errors import EndpointUnreachable, RepoDenied, RepoNotFound
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.refs import write_ref
from swarmcache.serve.running import running
from swarmcache.serve.silent import SilentHub
from swarmcache.transfer.bounds import Bounds
from swarmcache.transfer.hub import Hub
from swarmcache.transfer.listing import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

WEIGHTS = tiny_safetensors(3)
FILES = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": WEIGHTS,
    "odd [1]*?.txt": b"a name that is a pattern",
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}
LARGE = tiny_safetensors(4, tensors=2, rows=200_000)
TARGET = parse_target("org/name")
SOURCE = os.path.join(os.path.dirname(__file__), "..", "..", "src")


@pytest.fixture
def served(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "served")


@pytest.fixture
def endpoint(served: CacheMaker) -> Iterator[RunningHub]:
    with running([served.path]) as hub:
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers everything with the server's one status, and remembers the headers."""

    def do_GET(self) -> None:
        """Answer."""
        self.server.seen.append(dict(self.headers))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        for name, value in self.server.extra.items():  # type: ignore[attr-defined]
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def answering() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.seen, server.status, server.extra = [], 404, {}  # type: ignore[attr-defined]
    server.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def hub_of(*endpoints: str, **bounds: float) -> Hub:
    return Hub(endpoints, Environment.current(), bounds=Bounds(**bounds))


def test_a_listing_names_every_file_with_size_and_hash(
    served: CacheMaker, endpoint: RunningHub, cache: str
) -> None:
    commit = served.repo("org/name", FILES)
    with hub_of(endpoint.url) as hub:
        listing = hub.listing(TARGET, cache)
    assert (listing.commit, listing.endpoint) == (commit, endpoint.url)
    weights = next(file for file in listing.files if file.path == "model.safetensors")
    assert (weights.size, weights.sha256) == (len(WEIGHTS), sha256(WEIGHTS))
    assert [file.path for file in listing.files] == sorted(FILES)
    assert not os.path.exists(cache)


def test_an_endpoint_that_never_answers_is_given_up_in_bounded_time(cache: str) -> None:
    started = time.monotonic()
    with (
        SilentHub() as silent,
        hub_of(silent.url, listing=2) as hub,
        pytest.raises(EndpointUnreachable, match="accepts and does not answer"),
    ):
        hub.listing(TARGET, cache)
    assert time.monotonic() - started < 10


def test_refused_connections_are_told_at_once(cache: str) -> None:
    with hub_of("http://127.0.0.1:9") as hub, pytest.raises(EndpointUnreachable) as raised:
        hub.listing(TARGET, cache)
    assert raised.value.message == "http://127.0.0.1:9 cannot be reached: Connection refused"


def test_the_second_endpoint_answers_when_the_first_cannot(
    served: CacheMaker, endpoint: RunningHub, cache: str
) -> None:
    commit = served.repo("org/name", FILES)
    with hub_of("http://127.0.0.1:9", endpoint.url) as hub:
        assert hub.listing(TARGET, cache).commit == commit


def test_only_the_first_endpoint_may_say_that_a_branch_has_moved(
    served: CacheMaker, endpoint: RunningHub, cache: str
) -> None:
    old = served.repo("org/name", FILES, refs=())
    new = served.repo("org/name", {**FILES, "config.json": b"{}"})
    write_ref(cache, TARGET.name, "main", old)
    with hub_of("http://127.0.0.1:9", endpoint.url) as hub:
        assert hub.listing(TARGET, cache).commit == old
    with hub_of(endpoint.url) as hub:
        assert hub.listing(TARGET, cache).commit == new


def test_an_unknown_repo_is_not_found(endpoint: RunningHub, cache: str) -> None:
    with hub_of(endpoint.url) as hub, pytest.raises(RepoNotFound, match="knows no org/name"):
        hub.listing(TARGET, cache)


def test_an_unknown_revision_is_named(served: CacheMaker, endpoint: RunningHub, cache: str) -> None:
    served.repo("org/name", FILES)
    target = parse_target("org/name@v9")
    with hub_of(endpoint.url) as hub, pytest.raises(RepoNotFound, match="no revision v9 of org/na"):
        hub.listing(target, cache)


def test_a_gated_repo_names_the_page_where_to_ask(
    answering: http.server.ThreadingHTTPServer, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering.status = 403  # type: ignore[attr-defined]
    answering.extra = {"X-Error-Code": "GatedRepo"}  # type: ignore[attr-defined]
    url = answering.url  # type: ignore[attr-defined]
    monkeypatch.setenv("HF_ENDPOINT", url)
    with hub_of(url) as hub, pytest.raises(RepoDenied, match=f"ask for access at {url}/org/name"):
        hub.listing(TARGET, cache)


def test_a_server_error_counts_as_unreachable(
    answering: http.server.ThreadingHTTPServer, cache: str
) -> None:
    answering.status = 500  # type: ignore[attr-defined]
    with (
        hub_of(answering.url, listing=4) as hub,  # type: ignore[attr-defined]
        pytest.raises(EndpointUnreachable, match="answers with error 500"),
    ):
        hub.listing(TARGET, cache)


@pytest.mark.parametrize(("own", "sent"), [(True, True), (False, False)])
def test_the_token_goes_only_to_the_endpoint_it_was_configured_for(
    answering: http.server.ThreadingHTTPServer,
    cache: str,
    monkeypatch: pytest.MonkeyPatch,
    own: bool,
    sent: bool,
) -> None:
    url = answering.url  # type: ignore[attr-defined]
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_ENDPOINT", url if own else "http://127.0.0.1:9")
    with hub_of(url) as hub, pytest.raises(RepoNotFound):
        hub.listing(TARGET, cache)
    asked = [h for h in answering.seen if "secret" in json.dumps(h)]  # type: ignore[attr-defined]
    assert bool(asked) is sent
    assert answering.seen  # type: ignore[attr-defined]


def test_offline_variables_forbid_the_network_and_are_named(
    endpoint: RunningHub, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with hub_of(endpoint.url) as hub, pytest.raises(EndpointUnreachable) as raised:
        hub.listing(TARGET, cache)
    assert raised.value.hint == "unset HF_HUB_OFFLINE TRANSFORMERS_OFFLINE"
    assert endpoint.requests == []


def test_equal_content_has_one_name() -> None:
    one = RemoteFile("a.bin", 5, "f" * 64, "a" * 40)
    other = RemoteFile("b.bin", 5, "f" * 64, "b" * 40)
    assert one.content == other.content


@pytest.mark.compat
@pytest.mark.parametrize("version", tuple(compat_environments.VERSIONS))
def test_every_hub_version_pulls_and_gives_up_on_silence(
    version: str, served: CacheMaker, endpoint: RunningHub, cache: str, tmp_path: Path
) -> None:
    served.repo("org/name", {**FILES, "pytorch_model.bin": b"x" * 5000})
    script = os.path.join(os.path.dirname(__file__), "pull_client.py")
    with SilentHub() as silent:
        done = subprocess.run(
            [str(compat_environments.python_of(version)), script, endpoint.url, silent.url, cache],
            env={"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": SOURCE},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["version"] == version
    assert (answer["state"], answer["error"]) == ("complete", None)
    assert answer["warm_requests"] == 0
    assert answer["silent"] == ["EndpointUnreachable", "EndpointUnreachable"]
    assert answer["silent_seconds"] < 15
    assert not os.path.exists(os.path.join(cache, "models--org--other"))
    assert check(TARGET, cache).state == "complete"
