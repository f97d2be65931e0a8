"""The faulty Hub does what it is told: honest for a real client, and each fault as it is named."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import socket
import ssl
import sys
import time
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from huggingface_hub import snapshot_download

from cachemaker import git_sha1, sha256
from transfer.faulty_hub import FaultyHub, Noise, Proxy, Repo, certificates, faults, unreachable
from transfer.faulty_hub.names import COLLIDING, FOREIGN
from transfer.faulty_hub.process import launched
from wire import Answer

if TYPE_CHECKING:
    import pathlib

CONFIG = b'{"model_type": "qwen2"}'
WEIGHTS = Noise(3_000_000, seed=1)
FILE = "model.safetensors"


def tiny(**traits) -> Repo:
    """A repo with one small file and one of LFS."""
    return Repo("org/name", {"config.json": CONFIG, FILE: WEIGHTS}, **traits)


def get(hub: FaultyHub, path: str = FILE, *, timeout: float = 10, **headers: str) -> Answer:
    """Ask for a file of `main`; read until the promised length or the end of the connection."""
    return fetch(hub, f"/org/name/resolve/main/{path}", timeout=timeout, **headers)


def fetch(hub: FaultyHub, target: str, *, timeout: float = 10, **headers: str) -> Answer:
    parts = urlsplit(hub.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        connection.request("GET", target, headers=named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def noise() -> bytes:
    return b"".join(bytes(piece) for piece in WEIGHTS.pieces(0, WEIGHTS.size))


@pytest.mark.parametrize("cdn", [False, True])
def test_a_real_client_downloads_it(tmp_path: pathlib.Path, cdn: bool) -> None:
    """The whole repo, each blob named by what the Hub calls it; a CDN never sees the token."""
    with FaultyHub(tiny(), cdn=cdn, page=1) as hub:
        folder = snapshot_download(
            "org/name", cache_dir=tmp_path, endpoint=hub.url, token="hf_secret"
        )
        kept = hub.seen(route="resolve")
        away = hub.seen(route="cdn")
    assert os.path.basename(folder) == hub.honest.repos[0].main
    assert sorted(os.listdir(tmp_path / "models--org--name" / "blobs")) == sorted(
        [git_sha1(CONFIG), sha256(noise())]
    )
    assert {each.token for each in kept} == {"hf_secret"}
    assert [each.token for each in away] == ([None] if cdn else [])
    assert hub.served(FILE) == WEIGHTS.size
    assert hub.served() == WEIGHTS.size + len(CONFIG)


def test_any_range_of_noise_is_the_same_bytes() -> None:
    """Across its blocks too, and no two blocks are alike."""
    whole = noise()
    for start, stop in ((0, 10), (1_048_570, 1_048_590), (2_000_000, 3_000_000)):
        assert b"".join(bytes(p) for p in WEIGHTS.pieces(start, stop)) == whole[start:stop]
    assert whole[:1000] != whole[2**20 : 2**20 + 1000]


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ({"range": "bytes=10-19"}, 206, slice(10, 20)),
        ({"range": "bytes=2999990-"}, 206, slice(2_999_990, None)),
        ({"range": "bytes=-5"}, 206, slice(-5, None)),
        ({"range": "bytes=10-", "if_range": '"another"'}, 200, slice(None)),
    ],
)
def test_ranges(asked: dict[str, str], status: int, expected: slice) -> None:
    """As RFC 9110 has them, If-Range included."""
    with FaultyHub(tiny()) as hub:
        answer = get(hub, **asked)
    assert (answer.status, answer.body) == (status, noise()[expected])


def test_a_range_past_the_end_is_refused() -> None:
    """416 with the size."""
    with FaultyHub(tiny()) as hub:
        answer = get(hub, range="bytes=3000000-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */3000000")


@pytest.mark.parametrize("tenth", range(11))
def test_cut(tenth: int) -> None:
    """The body ends where it was told to, and what was sent is counted."""
    with FaultyHub(tiny()) as hub:
        hub.add(faults.cut(tenth / 10), path=FILE)
        with pytest.raises(http.client.IncompleteRead) as cut:
            get(hub)
        expected = min(tenth * WEIGHTS.size // 10, WEIGHTS.size - 1)
        assert (len(cut.value.partial), hub.served(FILE)) == (expected, expected)


@pytest.mark.parametrize("fraction", [None, 0, 0.5])
def test_silence(fraction: float | None) -> None:
    """Before the headers, after them, or midway: the client alone ends it."""
    with FaultyHub(tiny()) as hub:
        hub.add(faults.silent(fraction), path=FILE, times=1)
        with pytest.raises(TimeoutError):
            get(hub, timeout=0.3)
        assert hub.served(FILE) == int((fraction or 0) * WEIGHTS.size)
        assert get(hub).body == noise()


def test_slow_for_ever() -> None:
    """Some bytes come, a second each, and the rest does not."""
    with FaultyHub(tiny()) as hub:
        hub.add(faults.slow(20), path=FILE)
        with pytest.raises(TimeoutError):
            get_until(hub, 0.5)
        assert 1 <= hub.served(FILE) <= 60


def test_slow_headers() -> None:
    """No read of the client times out, and the headers do not come."""
    with FaultyHub(tiny()) as hub:
        hub.add(faults.slow_head(20), path=FILE)
        parts = urlsplit(hub.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=1) as client:
            client.sendall(f"GET /org/name/resolve/main/{FILE} HTTP/1.1\r\n\r\n".encode())
            began, received = time.monotonic(), b""
            while time.monotonic() - began < 0.5:
                received += client.recv(1000)
    assert 1 <= len(received) <= 11
    assert received == b"HTTP/1.1 200 OK"[: len(received)]


def get_until(hub: FaultyHub, seconds: float) -> None:
    """Read a file byte by byte; give up after some seconds, whatever still comes."""
    parts = urlsplit(hub.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request("GET", f"/org/name/resolve/main/{FILE}")
    response, deadline = connection.getresponse(), time.monotonic() + seconds
    while response.read(1):
        if time.monotonic() > deadline:
            raise TimeoutError


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        (faults.too_many(3), 429, {"Retry-After": "3"}),
        (faults.rate_limited(), 429, {"ratelimit": '"api";r=0;t=55'}),
        (faults.refused(503), 503, {}),
        (faults.gated(), 403, {"X-Error-Code": "GatedRepo"}),
        (faults.private(), 401, {"X-Error-Code": "RepoNotFound"}),
        (faults.redirected("ftp://127.0.0.1/x"), 302, {"Location": "ftp://127.0.0.1/x"}),
        (faults.range_refused(), 416, {"Content-Range": "bytes */3000000"}),
        (faults.headers(etag='"other"'), 200, {"ETag": '"other"'}),
        (faults.page(), 200, {"Content-Type": "text/html"}),
    ],
)
def test_refusals(fault: faults.Fault, status: int, headers: dict[str, str]) -> None:
    """Each with the headers by which a client tells it; good again after two requests."""
    with FaultyHub(tiny()) as hub:
        hub.add(fault, path=FILE, times=2)
        for _ in range(2):
            answer = get(hub)
            assert answer.status == status
            assert {name: answer.headers[name] for name in headers} == headers
        assert get(hub).body == noise()


def test_wrong_bodies() -> None:
    """One bit flipped, gzip, another file, everything where a part was asked for."""
    flipped = bytearray(noise())
    flipped[1_500_000] ^= 1
    with FaultyHub(tiny()) as hub:
        spoil(hub, faults.wrong_bytes())
        assert get(hub).body == flipped
        spoil(hub, faults.wrong_bytes())
        assert get(hub, range="bytes=1499999-1500000").body == flipped[1_499_999:1_500_001]
        spoil(hub, faults.whole_file())
        assert (answer := get(hub, range="bytes=7-")).body == noise()
        assert answer.status == 200
        spoil(hub, faults.shifted_range())
        assert get(hub, range="bytes=7-9").body == noise()[8:11]
        spoil(hub, faults.gzipped())
        answer = get(hub)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(answer.body) == noise()
        spoil(hub, faults.other(b"new"))
        answer = get(hub)
        assert (answer.body, answer.headers["ETag"]) == (b"new", f'"{sha256(b"new")}"')


def spoil(hub: FaultyHub, fault: faults.Fault) -> None:
    hub.mend()
    hub.add(fault, route="resolve")


@pytest.mark.parametrize(("more", "read"), [(5, None), (-5, WEIGHTS.size - 5)])
def test_wrong_length(more: int, read: int | None) -> None:
    """Too long a promise ends early; too short a one hides the rest."""
    with FaultyHub(tiny()) as hub:
        hub.add(faults.wrong_length(more), path=FILE)
        if read is None:
            with pytest.raises(http.client.IncompleteRead):
                get(hub)
        else:
            assert len(get(hub).body) == read
        hub.mend()
        hub.add(faults.no_length(), path=FILE)
        answer = get(hub)
    assert (answer.headers["Content-Length"], answer.body) == (None, noise())


def test_redirect_loop() -> None:
    """Each answer points to an address that was not asked yet."""
    with FaultyHub(tiny()) as hub:
        hub.add(faults.redirect_loop(), route="resolve")
        target, seen = "/org/name/resolve/main/config.json", set()
        for _ in range(30):
            seen.add(target)
            target = fetch(hub, target).headers["Location"]
    assert len(seen) == 30


def test_endless_and_paged_lists() -> None:
    """The honest list ends, with each entry once; the endless one always has a next page."""
    repo = Repo("org/name", dict.fromkeys((f"f{number:04}" for number in range(2500)), b"x"))
    start = f"/api/models/org/name/tree/{repo.main}?recursive=true&expand=false"
    with FaultyHub(repo) as hub:
        paths, pages = list_all(hub, start, 10)
        assert (paths, pages) == ([f"f{number:04}" for number in range(2500)], 3)
        hub.add(faults.endless_pages(), route="tree")
        paths, pages = list_all(hub, start, 10)
    assert (len(set(paths)), pages) == (1000, 10)


def list_all(hub: FaultyHub, target: str, most: int) -> tuple[list[str], int]:
    """Return the paths of at most so many pages, and how many pages there were."""
    paths: list[str] = []
    for number in range(1, most + 1):
        answer = fetch(hub, target)
        paths += [entry["path"] for entry in json.loads(answer.body)]
        link = answer.headers["Link"]
        if not link:
            return paths, number
        target = link[1:].partition(">")[0].removeprefix(hub.url)
    return paths, most


def test_strange_names_are_listed_as_they_are() -> None:
    """Whatever a path looks like."""
    names = [*FOREIGN.values(), *(name for pair in COLLIDING.values() for name in pair)]
    repo = Repo("org/name", dict.fromkeys(names, b"x"))
    with FaultyHub(repo) as hub:
        listed = json.loads(fetch(hub, f"/api/models/org/name/tree/{repo.main}").body)
    assert [entry["path"] for entry in listed if entry["type"] == "file"] == names


def test_refs_move_and_mirrors_are_late() -> None:
    """A fault may move the ref between two requests; a mirror knows the first commit only."""
    repo = tiny()
    old = repo.main
    with FaultyHub(repo) as hub:
        hub.add(faults.then(lambda: repo.commit({"config.json": b"{}"})), route="info", times=1)
        shas = [json.loads(fetch(hub, "/api/models/org/name").body)["sha"] for _ in range(2)]
    assert shas[0] == old != shas[1] == repo.main
    assert repo.stale().main == old


def test_faults_wait_their_turn() -> None:
    """`skip` lets requests through, and other paths, routes and methods are not met."""
    with FaultyHub(tiny()) as hub:
        hub.add(faults.refused(500), path=FILE, method="GET", skip=1, times=1)
        statuses = [get(hub, path).status for path in (FILE, "config.json", FILE, FILE)]
    assert statuses == [200, 200, 500, 200]


@pytest.mark.parametrize(
    ("traits", "token", "status", "code"),
    [
        ({"private_to": {"hf_a"}}, None, 401, "RepoNotFound"),
        ({"private_to": {"hf_a"}}, "hf_b", 404, "RepoNotFound"),
        ({"gated_to": {"hf_a"}}, None, 401, "GatedRepo"),
        ({"gated_to": {"hf_a"}}, "hf_b", 403, "GatedRepo"),
        ({"gated_to": {"hf_a"}, "private_to": {"hf_a"}}, "hf_a", 200, None),
    ],
)
def test_access(traits: dict[str, set[str]], token: str | None, status: int, code: str) -> None:
    """Private and gated repos are refused as the Hub does it."""
    with FaultyHub(tiny(**traits)) as hub:
        answer = get(hub, **({"authorization": f"Bearer {token}"} if token else {}))
    assert (answer.status, answer.headers["X-Error-Code"]) == (status, code)


def test_tls_with_an_authority_of_its_own(tmp_path: pathlib.Path) -> None:
    """Refused by who does not know the authority, good for who does."""
    made = certificates(tmp_path)
    with FaultyHub(tiny(), tls=made) as hub:
        port = urlsplit(hub.url).port
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection("127.0.0.1", port, timeout=10).request("GET", "/")
        trusted = ssl.create_default_context(cafile=made.authority)
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trusted)
        connection.request("GET", f"/org/name/resolve/main/{FILE}")
        assert connection.getresponse().read() == noise()
        connection.close()


def test_the_rate_is_shared() -> None:
    """Two megabytes at four in a second take half of one."""
    with FaultyHub(Repo("org/name", {FILE: "2MiB"}), bytes_per_second=4 * 2**20) as hub:
        began = time.monotonic()
        assert len(get(hub).body) == 2 * 2**20
        assert time.monotonic() - began >= 0.45


def test_a_process_of_its_own() -> None:
    """It serves noise by hash, counts it, and obeys."""
    with launched("org/name", {FILE: "3MiB:7", "config.json": "={}"}, cdn=True) as hub:
        answer = get(hub)
        assert answer.headers["X-Linked-Etag"] == f'"{Noise(3 * 2**20, 7).sha256}"'
        with urllib.request.urlopen(answer.headers["Location"], timeout=10) as away:
            assert sha256(away.read()) == Noise(3 * 2**20, 7).sha256
        hub.add("refused", 503, path="config.json", times=1)
        assert [get(hub, "config.json").status for _ in range(2)] == [503, 200]
        assert hub.counts() == {
            "requests": 4,
            "bytes": 3 * 2**20 + 2,
            "routes": {"resolve": 3, "cdn": 1},
            "files": {
                FILE: {"requests": 2, "bytes": 3 * 2**20},
                "config.json": {"requests": 2, "bytes": 2},
            },
        }


def test_a_process_with_tls(tmp_path: pathlib.Path) -> None:
    """Its certificates come along, and it can be told things as ever."""
    with launched("org/name", {FILE: "1KiB"}, tls=certificates(tmp_path)) as hub:
        trusted = ssl.create_default_context(cafile=hub.authority)
        url = f"{hub.url}/org/name/resolve/{hub.main}/{FILE}"
        with urllib.request.urlopen(url, timeout=10, context=trusted) as answer:
            assert sha256(answer.read()) == Noise(1024).sha256
        assert hub.counts()["bytes"] == 1024


def test_noise_hashes_as_its_bytes() -> None:
    """The names that the Hub gives it are those of what is sent."""
    assert WEIGHTS.sha256 == hashlib.sha256(noise()).hexdigest()
    assert WEIGHTS.git_sha1 == git_sha1(noise())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other kernels refuse or queue")
def test_unreachable() -> None:
    """Connecting takes for ever; nobody refuses it."""
    with unreachable() as url:
        parts = urlsplit(url)
        with pytest.raises(TimeoutError):
            socket.create_connection((parts.hostname, parts.port), timeout=0.3)


def test_proxy(tmp_path: pathlib.Path) -> None:
    """Plain requests are forwarded, those to a TLS server tunnelled; both are written down."""
    made = certificates(tmp_path)
    target = f"/org/name/resolve/main/{FILE}"
    with FaultyHub(tiny()) as plain, FaultyHub(tiny(), tls=made) as secret, Proxy() as proxy:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"http": proxy.url, "https": proxy.url}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=made.authority)),
        )
        for hub in (plain, secret):
            with opener.open(hub.url + target, timeout=10) as answer:
                assert answer.read() == noise()
        assert proxy.targets == [
            ("GET", plain.url + target),
            ("CONNECT", secret.url.removeprefix("https://")),
        ]
