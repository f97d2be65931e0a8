"""Looking at a model is not using it: no command of ours moves the access time of its files.

On a file system that keeps every access (strictatime), by real processes. Only the owner of a file
and root may read without a trace: what another user does is told apart, in docs/adr/0015.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import model
from other_user import open_folder, run_as_other_user
from small_disks import small_disk
from swarmcache.environment import Environment
from swarmcache.serve.running import running
from wire import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = 3600 * 10**9
PICKLE = pickle.dumps({"a": [1, 2]})
FILES = {**model(1), "pytorch_model.bin": PICKLE, "model.gguf": b"GGUF" + bytes(64)}


@pytest.fixture(params=["links", "plain files"])
def maker(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CacheMaker]:
    """A cache on a disk that keeps every access, in both shapes that clients write."""
    with small_disk(str(tmp_path / "disk"), "tmpfs", "size=64m,strictatime") as disk:
        maker = CacheMaker(f"{disk}/hub")
        maker.repo("org/a", FILES, links=request.param == "links")
        maker.repo("org/b", model(2), links=request.param == "links")
        yield maker


def content(maker: CacheMaker) -> list[str]:
    """Return every file of the models."""
    found = []
    for folder, _, names in os.walk(maker.path):
        if {"blobs", "snapshots"} & set(folder.split("/")):
            found += [path for name in names if not os.path.islink(path := f"{folder}/{name}")]
    return found


def settle(maker: CacheMaker) -> dict[str, int]:
    """Let all content have been read an hour ago, and written now; return the access times."""
    now = time.time_ns()
    for path in content(maker):
        os.utime(path, ns=(now - HOUR, now))
    return accesses(maker)


def accesses(maker: CacheMaker) -> dict[str, int]:
    return {path: os.stat(path).st_atime_ns for path in content(maker)}


def swarmcache(
    *words: str, cache: str, folder: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command on a cache; a `--` and what follows it come last."""
    at = words.index("--") if "--" in words else len(words)
    command = [sys.executable, "-m", "swarmcache", *words[:at], "--cache-dir", cache, *words[at:]]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:1", **variables},
    )


def test_the_disk_keeps_every_access(maker: CacheMaker) -> None:
    """Else the tests below could not fail."""
    before = settle(maker)
    path = next(iter(before))
    with open(path, "rb") as file:
        file.read(1)
    assert accesses(maker)[path] > before[path]


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("status", "--users", "--json"),
        ("check", "org/a", "org/b"),
        ("check", "org/a", "--json"),
        ("verify", "--all"),
        ("verify", "--all", "--recheck", "--background"),
        ("verify", "org/a", "--unsafe"),
        ("clean", "--all", "--dry-run"),
        ("clean", "org/b", "--yes"),
        ("clean", "--budget", "1GB", "--yes"),
        ("run", "--offline", "--model", "org/a", "--", "true"),
        ("pull", "org/b", "--dry-run"),
    ],
    ids=" ".join,
)
def test_a_command_leaves_no_trace(maker: CacheMaker, words: tuple[str, ...]) -> None:
    """Whether it reads headers, hashes everything or copies nothing."""
    if "--unsafe" in words:
        pytest.importorskip("picklescan")
    before = settle(maker)
    done = swarmcache(*words, cache=maker.path, folder=os.path.dirname(maker.path))
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    after = accesses(maker)
    moved = [path for path in after if after[path] != before[path]]
    assert moved == [], done.stdout + done.stderr


def test_serving_leaves_no_trace(maker: CacheMaker) -> None:
    """Whole files, ranges, and the hash of what no name tells."""
    before = settle(maker)
    with running([maker.path], environment=Environment.current()) as hub:
        for path in ("model.safetensors", "config.json", "pytorch_model.bin"):
            assert ask(hub, f"/org/a/resolve/main/{path}").body == FILES[path]
            assert ask(hub, f"/org/a/resolve/main/{path}", range="bytes=1-5").status == 206
        assert ask(hub, "/api/models/org/a/tree/main").status == 200
    assert accesses(maker) == before


def test_copying_from_a_nearby_cache_leaves_no_trace_in_it(
    maker: CacheMaker, tmp_path: Path
) -> None:
    """A pull that takes its bytes there; and a repair."""
    before, other = settle(maker), CacheMaker(tmp_path / "other")
    place = {"cache": other.path, "folder": str(tmp_path)}
    with running([maker.path]) as hub:
        variables = {"HF_ENDPOINT": hub.url, "SWARMCACHE_CACHE_TIERS": maker.path}
        done = swarmcache("pull", "org/a", "--all-files", **place, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert accesses(maker) == before
    weights = FILES["model.safetensors"]
    (blob,) = [
        path
        for path in content(other)
        if os.stat(path).st_size == len(weights) and os.stat(path).st_nlink == 1
    ]
    os.chmod(blob, 0o644)
    with open(blob, "r+b") as file:
        file.write(b"broken")
    done = swarmcache("verify", "org/a", "--repair", "--from", maker.path, **place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert accesses(maker) == before


def test_another_user_s_looking_works_and_leaves_its_trace() -> None:
    """The kernel refuses it both, reading without a trace and putting the time back."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    program = (
        "import sys\n"
        "from swarmcache.hubcache.intact.hashing import hash_file\n"
        "print(len(hash_file(sys.argv[1], 'sha256').digest))\n"
    )
    with open_folder() as folder, small_disk(f"{folder}/d", "tmpfs", "mode=755,strictatime"):
        path = f"{folder}/d/blob"
        with open(path, "wb") as file:
            file.write(b"x")
        os.utime(path, (1000, 1000))
        done = run_as_other_user([sys.executable, "-c", program, path], cwd="/")
        assert done.stdout == "64\n", done.stderr
        assert os.stat(path).st_atime > 1000
