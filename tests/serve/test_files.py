"""A file over HTTP: its headers, its ranges, its conditions."""

from __future__ import annotations

import http.client
import os
import socket
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, sha256
from processes import until
from swarmcache.serve.running import running
from wire import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

CONTENT = bytes(range(256)) * 8
SIZE = len(CONTENT)
PATH = "/org/tiny/resolve/main/notes.txt"
TAG = f'"{git_sha1(CONTENT)}"'


@pytest.fixture
def cache(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "hub")


@pytest.fixture
def commit(cache: CacheMaker) -> str:
    return cache.repo("org/tiny", {"notes.txt": CONTENT, "empty.txt": b""})


@pytest.fixture
def hub(cache: CacheMaker, commit: str) -> Iterator[RunningHub]:
    with running([cache.path]) as hub:
        yield hub


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_whole_file_has_the_headers_that_clients_need(
    hub: RunningHub, commit: str, method: str
) -> None:
    answer = ask(hub, PATH, method)
    assert answer.status == 200
    assert answer.body == (CONTENT if method == "GET" else b"")
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["X-Linked-Size"] == str(SIZE)
    assert answer.headers["ETag"] == TAG
    assert answer.headers["X-Linked-Etag"] == TAG
    assert answer.headers["X-Repo-Commit"] == commit
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert not [name for name in answer.headers if "xet" in name.lower()]


def test_a_large_file_is_named_by_its_sha256(hub: RunningHub, cache: CacheMaker) -> None:
    cache.repo("org/big", {"model.bin": CONTENT})
    answer = ask(hub, "/org/big/resolve/main/model.bin", "HEAD")
    assert answer.headers["ETag"] == f'"{sha256(CONTENT)}"'


def test_an_empty_file_is_a_file(hub: RunningHub) -> None:
    answer = ask(hub, "/org/tiny/resolve/main/empty.txt")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=2000-", 2000, SIZE),
        ("bytes=-10", SIZE - 10, SIZE),
        ("bytes=-99999", 0, SIZE),
        ("bytes=2040-99999", 2040, SIZE),
    ],
)
def test_a_part_is_sent(hub: RunningHub, asked: str, start: int, end: int) -> None:
    answer = ask(hub, PATH, range=asked)
    assert answer.status == 206
    assert answer.body == CONTENT[start:end]
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["Content-Length"] == str(end - start)
    assert answer.headers["ETag"] == TAG


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999-100000", "bytes=9-2"])
def test_a_part_beyond_the_end_is_refused(hub: RunningHub, asked: str) -> None:
    answer = ask(hub, PATH, range=asked)
    assert answer.status == 416
    assert answer.body == b""
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "items=0-5", "nonsense"])
def test_a_range_of_another_kind_gets_the_whole_file(hub: RunningHub, asked: str) -> None:
    answer = ask(hub, PATH, range=asked)
    assert (answer.status, answer.body) == (200, CONTENT)


def test_a_part_is_sent_only_of_the_same_content(hub: RunningHub) -> None:
    same = ask(hub, PATH, range="bytes=5-", if_range=TAG)
    other = ask(hub, PATH, range="bytes=5-", if_range='"another"')
    assert (same.status, same.body) == (206, CONTENT[5:])
    assert (other.status, other.body) == (200, CONTENT)


@pytest.mark.parametrize("condition", [TAG, f"W/{TAG}", f'"x", {TAG}', "*"])
def test_what_the_client_has_is_not_sent_again(hub: RunningHub, condition: str) -> None:
    answer = ask(hub, PATH, if_none_match=condition)
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == TAG
    assert ask(hub, PATH, if_none_match='"another"').status == 200


def test_a_compressed_neighbour_is_not_sent_instead(hub: RunningHub, cache: CacheMaker) -> None:
    files = {"x.json": b"{}", "x.json.gz": b"not this"}
    cache.repo("org/pair", files, links=False)
    answer = ask(hub, "/org/pair/resolve/main/x.json", accept_encoding="gzip, deflate")
    assert answer.body == b"{}"
    assert answer.headers["Content-Encoding"] is None


@pytest.mark.parametrize("asked", ["", "bytes=1-"])
def test_the_kernel_copies_the_bytes(
    hub: RunningHub, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    sendfile = os.sendfile

    def noted(out: int, source: int, offset: int, count: int) -> int:
        calls.append((offset, count))
        return sendfile(out, source, offset, count)

    monkeypatch.setattr(os, "sendfile", noted)
    start = 1 if asked else 0
    assert ask(hub, PATH, range=asked).body == CONTENT[start:]
    assert calls[0] == (start, SIZE - start)


def test_a_head_leaves_out_a_size_that_clients_refuse(hub: RunningHub, cache: CacheMaker) -> None:
    cache.repo("org/huge", {"huge.txt": b"x"}, trees=False)
    blob = os.path.join(cache.folder("org/huge"), "blobs", git_sha1(b"x"))
    os.truncate(blob, 50_000_000_001)  # Sparse: it takes no space.
    head = ask(hub, "/org/huge/resolve/main/huge.txt", "HEAD")
    part = ask(hub, "/org/huge/resolve/main/huge.txt", range="bytes=50000000000-")
    assert (head.status, head.headers["Content-Length"], head.headers["X-Linked-Size"]) == (
        200,
        None,
        None,
    )
    assert (part.status, part.body) == (206, b"\0")


def test_a_file_that_shrinks_while_it_is_sent_is_cut_off_not_padded(
    hub: RunningHub, cache: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = os.path.join(cache.folder("org/tiny"), "blobs", git_sha1(CONTENT))
    sendfile = os.sendfile

    def shrink_first(*arguments: int) -> int:
        os.truncate(blob, 1000)
        return sendfile(*arguments)

    monkeypatch.setattr(os, "sendfile", shrink_first)
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        ask(hub, PATH)


def test_a_download_that_broke_off_counts_what_went_out(hub: RunningHub, cache: CacheMaker) -> None:
    cache.repo("org/big", {"big.txt": b"\0" * 64_000_000})
    with socket.create_connection(hub.address, timeout=20) as client:
        client.sendall(b"GET /org/big/resolve/main/big.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        received = 0
        while received < 5_000_000:
            received += len(client.recv(65536))
    until(lambda: hub.requests, "the record of the broken download")
    assert 5_000_000 - 1000 <= hub.requests[0].bytes < 64_000_000
