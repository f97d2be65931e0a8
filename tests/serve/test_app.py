"""The API's manners: tokens, methods, bodies and refusals."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, sha256, tiny_safetensors
from processes import until
from swarmcache.errors import ServeError
from swarmcache.serve.running import running
from swarmcache.serve.silent import SilentHub
from wire import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

WEIGHTS = tiny_safetensors(3)
TOKEN = "hf_right"
API = "/api/models/org/tiny"
FILE = "/org/tiny/resolve/main/config.json"


@pytest.fixture
def cache(tmp_path: Path) -> str:
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/tiny", {"config.json": b"{}", "sub/model.safetensors": WEIGHTS})
    return maker.path


@pytest.fixture
def hub(cache: str) -> Iterator[RunningHub]:
    with running([cache]) as hub:
        yield hub


@pytest.fixture
def guarded(cache: str) -> Iterator[RunningHub]:
    with running([cache], token=TOKEN) as hub:
        yield hub


@pytest.mark.parametrize("path", [API, FILE, f"{API}/refs", "/api/whoami-v2", "/nothing"])
@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer hf_wrong"}])
def test_without_the_token_nothing_is_told(
    guarded: RunningHub, path: str, given: dict[str, str]
) -> None:
    answer = ask(guarded, path, **given)
    assert answer.status == 401
    assert answer.headers["X-Error-Message"] == "Invalid credentials in Authorization header"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_with_the_token_everything_is_served(guarded: RunningHub) -> None:
    for path in (API, FILE, "/api/whoami-v2"):
        assert ask(guarded, path, authorization=f"Bearer {TOKEN}").status == 200


def test_an_open_hub_knows_nobody(hub: RunningHub) -> None:
    assert ask(hub, "/api/whoami-v2").status == 401
    assert ask(hub, "/api/whoami-v2", authorization="Bearer hf_x").status == 401
    assert ask(hub, FILE, authorization="Bearer hf_x").status == 200


def test_the_harness_list_is_refused_before_any_token(guarded: RunningHub) -> None:
    assert ask(guarded, "/api/agent-harnesses").status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_nothing_can_be_changed(hub: RunningHub, method: str) -> None:
    answer = ask(hub, FILE, method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/api/models", "/org/tiny", "/org/tiny/resolve/main/"])
def test_no_folder_is_listed(hub: RunningHub, path: str) -> None:
    answer = ask(hub, path)
    assert answer.status in {400, 404}
    assert b"tiny" not in answer.body


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/models/org/absent", "RepoNotFound"),
        ("/api/datasets/org/tiny", "RepoNotFound"),
        ("/api/models/bad--name", "RepoNotFound"),
        (f"{API}/revision/absent", "RevisionNotFound"),
        (f"{API}/revision/{'d' * 40}", "RevisionNotFound"),
        (f"{API}/tree/main/absent", "EntryNotFound"),
        ("/org/tiny/resolve/main/absent", "EntryNotFound"),
        ("/org/tiny/resolve/absent/config.json", "RevisionNotFound"),
        ("/org/absent/resolve/main/config.json", "RepoNotFound"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_missing_is_named(hub: RunningHub, path: str, code: str, method: str) -> None:
    answer = ask(hub, path, method)
    assert (answer.status, answer.headers["X-Error-Code"]) == (404, code)
    assert answer.headers["X-Error-Message"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("paths=sub&paths=absent&expand=false", "x-www-form-urlencoded"),
        (json.dumps({"paths": ["sub", "absent"]}), "json"),
        (json.dumps({"paths": "sub"}), "json"),
    ],
)  # fmt: skip
def test_paths_are_asked_for_by_form_and_by_json(hub: RunningHub, body: str, kind: str) -> None:
    headers = {"content_type": f"application/{kind}"}
    answer = ask(hub, f"{API}/paths-info/main", "POST", body.encode(), **headers)
    assert answer.json == [{"type": "directory", "path": "sub", "oid": None, "size": 0}]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"path": []}', b"\xff"])
def test_a_body_that_is_no_question_is_refused(hub: RunningHub, body: bytes) -> None:
    path = f"{API}/paths-info/main"
    assert ask(hub, path, "POST", body, content_type="application/json").status == 400


def test_the_tree_is_the_hubs(hub: RunningHub) -> None:
    top = ask(hub, f"{API}/tree/main").json
    below = ask(hub, f"{API}/tree/main/sub?recursive=true&expand=true").json
    assert [entry["path"] for entry in top] == ["config.json", "sub"]
    assert top[0] == {"type": "file", "path": "config.json", "size": 2, "oid": git_sha1(b"{}")}
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize %d\n"
    pointer %= sha256(WEIGHTS).encode(), len(WEIGHTS)
    lfs = {"oid": sha256(WEIGHTS), "size": len(WEIGHTS), "pointerSize": len(pointer)}
    assert below == [
        {
            "type": "file",
            "path": "sub/model.safetensors",
            "size": len(WEIGHTS),
            "oid": git_sha1(pointer),
            "lfs": lfs,
        }
    ]


def test_requests_are_recorded_without_what_they_carry(hub: RunningHub) -> None:
    ask(hub, f"{FILE}?token=secret", authorization="Bearer hf_secret")
    until(lambda: hub.requests, "the record")  # It is made when the answer has gone out.
    assert [tuple(request) for request in hub.requests] == [("GET", FILE, 200, 2)]


def test_raw_paths_are_not_tidied_on_their_way(hub: RunningHub) -> None:
    request = b"GET /org/tiny/resolve/main/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(hub.address, timeout=20) as connection:
        connection.sendall(request)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_a_taken_port_is_said_to_be(cache: str, hub: RunningHub) -> None:
    with pytest.raises(ServeError, match=f"Port {hub.address.port} of 127.0.0.1 is already in use"):
        running([cache], port=hub.address.port).__enter__()


def test_a_silent_hub_accepts_and_never_answers() -> None:
    with SilentHub() as hub:
        host, _, port = hub.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=0.2) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
        assert hub.connections == 1
