"""`swarmcache serve` as a process: what it prints, whom it lets in, how it ends."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.resources import files
from typing import TYPE_CHECKING

import jsonschema
import pytest

from cachemaker import CacheMaker
from swarmcache import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Serve = "Callable[..., Served]"


class Served:
    """A server process; `lines` is what it printed on start."""

    def __init__(self, *arguments: str, lines: int = 2, **variables: str) -> None:
        command = [sys.executable, "-m", "swarmcache", "serve", *arguments]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.lines = [self.process.stdout.readline().rstrip("\n") for _ in range(lines)]

    @property
    def url(self) -> str:
        """The endpoint that its export line names."""
        return self.lines[-1].removeprefix("export HF_ENDPOINT=")

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal and return the exit code and what went to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


def fetch(url: str, token: str | None = None) -> bytes:
    """Return a body; raises HTTPError."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
        return answer.read()


def refused(*arguments: str, **variables: str) -> tuple[int, str]:
    """Run a serve that must not start; return its exit code and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "swarmcache", "serve", "--port", "0", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.fixture
def cache(tmp_path: Path) -> str:
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/tiny", {"config.json": b"{}"})
    return maker.path


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(*arguments: str, **options: object) -> Served:
        started.append(Served(*arguments, **options))
        return started[-1]

    yield start
    for served in started:
        served.process.kill()
        served.process.communicate()


def test_it_says_where_it_is_and_serves(serve: Callable[..., Served], cache: str) -> None:
    served = serve(cache, "--port", "0")
    assert re.fullmatch(rf"Serving {re.escape(cache)} at http://127\.0\.0\.1:\d+", served.lines[0])
    assert re.fullmatch(r"export HF_ENDPOINT=http://127\.0\.0\.1:\d+", served.lines[1])
    assert fetch(f"{served.url}/org/tiny/resolve/main/config.json") == b"{}"
    code, errors = served.end(signal.SIGTERM)
    assert code == 0
    assert errors == "200 GET /org/tiny/resolve/main/config.json 2\n"


def test_without_a_folder_it_serves_the_projects_cache(
    serve: Callable[..., Served], cache: str
) -> None:
    served = serve("--port", "0", HF_HUB_CACHE=cache)
    assert served.lines[0].startswith(f"Serving {cache} at ")


def test_several_folders_are_served(
    serve: Callable[..., Served], cache: str, tmp_path: Path
) -> None:
    other = CacheMaker(tmp_path / "other")
    other.repo("org/more", {"config.json": b"[]"})
    served = serve(cache, other.path, "--port", "0", lines=3)
    assert fetch(f"{served.url}/org/more/resolve/main/config.json") == b"[]"


def test_json_is_one_document(serve: Callable[..., Served], cache: str) -> None:
    served = serve(cache, "--port", "0", "--json", lines=0)
    text = ""
    while not text.endswith("}\n"):
        text += served.process.stdout.readline()
    document = json.loads(text)
    schema = json.loads((files(report) / "schemas" / "serve.json").read_text())
    jsonschema.validate(document, schema)
    assert document["schema"] == "swarmcache.serve/1"
    assert document["caches"] == [cache]
    assert document["token_required"] is False
    assert fetch(f"{document['url']}/org/tiny/resolve/main/config.json") == b"{}"


def test_quiet_writes_no_access_lines(serve: Callable[..., Served], cache: str) -> None:
    served = serve(cache, "--port", "0", "-q")
    fetch(f"{served.url}/org/tiny/resolve/main/config.json")
    assert served.end(signal.SIGTERM) == (0, "")


@pytest.mark.parametrize("how", ["file", "variable"])
def test_a_token_is_asked_for_and_never_shown(
    serve: Callable[..., Served], cache: str, tmp_path: Path, how: str
) -> None:
    (tmp_path / "token.txt").write_text("hf_secret\n")
    if how == "file":
        served = serve(cache, "--port", "0", "--token-file", str(tmp_path / "token.txt"))
    else:
        served = serve(cache, "--port", "0", SWARMCACHE_SERVE_TOKEN="hf_secret")
    url = f"{served.url}/org/tiny/resolve/main/config.json"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(url)
    assert fetch(url, "hf_secret") == b"{}"
    code, errors = served.end(signal.SIGTERM)
    assert code == 0
    assert errors.count("\n") == 2
    assert "hf_secret" not in errors + "".join(served.lines)


def test_an_open_door_is_warned_of(serve: Callable[..., Served], cache: str) -> None:
    served = serve(cache, "--port", "0", "--host", "0.0.0.0", "-q")
    assert "0.0.0.0" not in served.url  # What another machine can name.
    _, errors = served.end(signal.SIGTERM)
    assert "--token-file asks for a token" in errors
    guarded = serve(cache, "--port", "0", "--host", "0.0.0.0", SWARMCACHE_SERVE_TOKEN="hf_x")
    assert guarded.end(signal.SIGTERM) == (0, "")


def test_ctrl_c_ends_it_at_once_even_during_a_download(
    serve: Callable[..., Served], cache: str, tmp_path: Path
) -> None:
    CacheMaker(cache).repo("org/big", {"big.txt": b"\0" * 64_000_000})
    served = serve(cache, "--port", "0", "-q")
    host, _, port = served.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as slow:
        slow.sendall(b"GET /org/big/resolve/main/big.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        assert slow.recv(15) == b"HTTP/1.1 200 OK"
        assert served.end(signal.SIGINT) == (130, "")


def test_a_taken_port_is_one_sentence(cache: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, errors = refused(cache, "--port", str(port))
    assert code == 3
    problem, step = errors.splitlines()
    assert problem == f"swarmcache: Port {port} of 127.0.0.1 is already in use."
    assert step == "Next: swarmcache serve --port 0"


def test_a_host_that_is_not_here_is_one_sentence(cache: str) -> None:
    code, errors = refused(cache, "--host", "192.0.2.1", SWARMCACHE_SERVE_TOKEN="hf_x")
    assert code == 3
    reason = os.strerror(errno.EADDRNOTAVAIL)
    assert errors == f"swarmcache: Cannot listen on 192.0.2.1, port 0: {reason}.\n"


def test_what_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    absent = refused(str(tmp_path / "absent"))
    assert absent[0] == 3
    assert f"The cache folder {tmp_path}/absent does not exist." in absent[1]
    assert refused(str(file))[0] == 3
    assert "is a file; the cache must be a folder." in refused(str(file))[1]
    assert refused("")[0] == 2


def test_an_empty_token_file_opens_nothing(cache: str, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("\nhf_second_line\n")
    code, errors = refused(cache, "--token-file", str(tmp_path / "token.txt"))
    assert code == 2
    assert "token.txt is empty" in errors
    assert refused(cache, "--token-file", str(tmp_path / "absent"))[0] == 3


def test_without_aiohttp_it_names_the_extra(cache: str, tmp_path: Path) -> None:
    (tmp_path / "aiohttp.py").write_text(
        "raise ModuleNotFoundError('No module named aiohttp', name='aiohttp')"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    code, errors = refused(cache, PYTHONPATH=path)
    assert code == 3
    assert errors.endswith("Next: pip install 'swarmcache[serve]'\n")


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\r\n\r\n", b"GET /\x1b[31mred HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_one_line(
    serve: Callable[..., Served], cache: str, noise: bytes
) -> None:
    served = serve(cache, "--port", "0")
    host, _, port = served.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(noise)
        assert client.recv(12) == b"HTTP/1.0 400"
        assert client.makefile("rb").read()
    code, errors = served.end(signal.SIGTERM)
    assert code == 0
    assert re.fullmatch(r"400 UNKNOWN / \d+\n", errors)
