"""Pulls from a Hub that others wrote: Olah, serving a git repository without the internet."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import git_sha1, sha256, tiny_safetensors
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from transfer.pulling import QUICK, pull
from transfer.stalling import StallingProxy

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

pytestmark = pytest.mark.compat

WEIGHTS = tiny_safetensors(7, tensors=2, rows=200_000)
IN_GIT = {
    "config.json": b'{"model_type": "llama"}',
    "prompts/a b.txt": b"a name with a space\n",
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{ }",
}
CONFIG = """
[basic]
host = "127.0.0.1"
port = {port}
ssl-key = ""
ssl-cert = ""
repos-path = "{folder}/kept"
hf-scheme = "http"
hf-netloc = "127.0.0.1:9"
hf-lfs-netloc = "127.0.0.1:9"
mirror-scheme = "http"
mirror-netloc = "127.0.0.1:{port}"
mirror-lfs-netloc = "127.0.0.1:{port}"
mirrors-path = ["{folder}/mirrored"]

[accessibility]
offline = true
"""
ALLOWED = '[[accessibility.{what}]]\nrepo = "{repos}"\nallow = true\n'


def git(folder: pathlib.Path, *words: str) -> str:
    """Run git as somebody, and return what it prints."""
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", *who, *words]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.strip()


def committed(folder: pathlib.Path) -> str:
    """Make the repository, its weights in LFS, and return its commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for path, content in IN_GIT.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    oid = sha256(WEIGHTS)
    kept = folder / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4]
    kept.mkdir(parents=True)
    (kept / oid).write_bytes(WEIGHTS)
    (folder / "model.safetensors").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(WEIGHTS)}\n"
    )
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All files")
    git(folder, "tag", "v1")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def olah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Run Olah, and return where it is and the commit that it serves."""
    program = compat_environments.olah()
    if not program.exists():
        pytest.exit("no environment for olah: run make test-compat", 1)
    folder = tmp_path_factory.mktemp("olah")
    (folder / "kept").mkdir()
    commit = committed(folder / "mirrored" / "models" / "org" / "name")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rules = [
        ALLOWED.format(what=what, repos=repos)
        for what in ("proxy", "cache")
        for repos in ("*", "*/*")
    ]
    config = folder / "olah.toml"
    config.write_text(CONFIG.format(port=port, folder=folder) + "".join(rules))
    with open(folder / "said", "wb") as said:
        process = subprocess.Popen(
            [str(program), "-c", str(config)], cwd=folder, stdout=said, stderr=said
        )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}", commit
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once somebody listens."""
    deadline = time.monotonic() + 40
    with socket.socket() as probe:
        while probe.connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)


@pytest.mark.parametrize("revision", ["main", "v1", "commit"])
def test_all_of_a_repo_is_pulled_from_olah(
    tmp_path: pathlib.Path, olah: tuple[str, str], revision: str
) -> None:
    """By branch, tag and commit; blobs named as the Hub names them."""
    url, commit = olah
    named = commit if revision == "commit" else revision
    result = pull(tmp_path, url, target=f"org/name@{named}")
    assert (result.error, result.commit) == (None, commit)
    assert sorted(os.listdir(tmp_path / "models--org--name" / "blobs")) == sorted(
        [*map(git_sha1, IN_GIT.values()), sha256(WEIGHTS)]
    )
    target = parse_target(f"org/name@{named}")
    assert check(target, str(tmp_path), full=True).state == "complete"
    snapshot = tmp_path / "models--org--name" / "snapshots" / commit
    assert (snapshot / "prompts" / "a b.txt").read_bytes() == IN_GIT["prompts/a b.txt"]


def test_a_pull_that_broke_goes_on_though_olah_sends_no_ranges(
    tmp_path: pathlib.Path, olah: tuple[str, str]
) -> None:
    """It answers 200 with everything; what was there is not counted as fetched again."""
    url, commit = olah
    with StallingProxy(url, after=2_000_000) as slow:
        broken = pull(tmp_path, slow.url, bounds=QUICK)
    assert broken.error is not None
    result = pull(tmp_path, url)
    assert result.error is None
    assert result.resumed_bytes >= 1_000_000
    assert result.resumed_bytes + result.downloaded_bytes >= len(WEIGHTS)
    assert (tmp_path / "models--org--name" / "snapshots" / commit / "model.safetensors").exists()
    assert check(parse_target("org/name"), str(tmp_path), full=True).state == "complete"


def test_what_olah_does_not_know_is_told(tmp_path: pathlib.Path, olah: tuple[str, str]) -> None:
    """It says 401 where the Hub says 404."""
    url, _ = olah
    result = pull(tmp_path, url, target="org/other")
    assert result.error is not None
    assert result.error.message.startswith(f"{url} knows no org/other, or it is private")
