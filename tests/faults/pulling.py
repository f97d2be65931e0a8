"""Real pulls in real processes, and what a cache must be while and after they are killed."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from transfer.faulty_hub import FaultyHub, Noise, Repo
from transfer.faulty_hub.content import Content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

MIB = 2**20
BOUND = 60.0
"""Seconds after which what was waited for will not come."""
SMALL = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{ }",
}
DYING = """
import os, signal, sys
changes, last, cache = 0, int(os.environ.get("DIE_AT", "0")), os.environ.get("DIE_IN", "/nowhere")
def step():
    global changes
    changes += 1
    if changes == last:
        os.kill(os.getpid(), signal.SIGKILL)
def watch(event, args):
    if event in {"os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir"}:
        if any(isinstance(one, str) and one.startswith(cache) for one in args[:2]):
            step()
    elif event == "open" and isinstance(args[0], str) and args[0].startswith(cache):
        if args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            step()
def counted(real):
    def sync(handle):
        step()
        return real(handle)
    return sync
if "DIE_IN" in os.environ:
    os.fsync, os.fdatasync = counted(os.fsync), counted(os.fdatasync)
    sys.addaudithook(watch)
    import atexit
    atexit.register(lambda: print(f"changes: {changes}", file=sys.stderr))
"""
"""Dies before the change to the cache's disk that DIE_AT names: a rename, link, removal, a file
opened for writing, a sync."""
NO_FLOCK = """
import fcntl
fcntl.flock = lambda *_: None
"""
"""Locks that lock nothing, as on NFS and Lustre."""


class Weights(Content):
    """A safetensors file of any size: a true header, and noise."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size = size
        tensor = {"dtype": "U8", "shape": [size - 136], "data_offsets": [0, size - 136]}
        head = json.dumps({"w": tensor}).ljust(128).encode()
        self._head = len(head).to_bytes(8, "little") + head
        self._noise = Noise(size, seed)

    def pieces(self, start: int, stop: int) -> Iterator[memoryview]:
        """Yield the header's part, and then the noise's."""
        if start < len(self._head):
            yield memoryview(self._head)[start:stop]
        if stop > max(start, len(self._head)):
            yield from self._noise.pieces(max(start, len(self._head)), stop)


def model(size: int, seed: int = 0, repo_id: str = "org/name", **more: bytes) -> Repo:
    """Return a repo with one large file of weights."""
    return Repo(repo_id, {**SMALL, **more, "model.safetensors": Weights(size, seed)})


def weights(repo: Repo) -> str:
    """Return what names the large file of a repo's newest commit."""
    return repo.etag("model.safetensors", repo.commits[repo.main]["model.safetensors"])


@dataclass
class Site:
    """A cache, a Hub, and a folder for the rest."""

    hub: FaultyHub
    folder: str
    cache: str

    def environment(self, hook: str = "", **more: str) -> dict[str, str]:
        """Return the variables of a pull; `hook` is Python that runs before all else."""
        variables = {**os.environ, "HF_ENDPOINT": self.hub.url, "HF_HUB_CACHE": self.cache}
        if hook:
            place = os.path.join(self.folder, f"hook-{hashlib.sha1(hook.encode()).hexdigest()}")
            os.makedirs(place, exist_ok=True)
            with open(os.path.join(place, "sitecustomize.py"), "w") as file:
                file.write(hook)
            variables["PYTHONPATH"] = place
        return {**variables, **more}

    def command(self, *words: str) -> list[str]:
        """Return the command of a pull of org/name, or of what the words say."""
        return [sys.executable, "-m", "swarmcache", "pull", *(words or ("org/name", "--json"))]

    def start(
        self, *words: str, hook: str = "", before: Sequence[str] = (), **more: str
    ) -> subprocess.Popen[str]:
        """Start a pull; `before` are words before its command, `more` are variables."""
        return subprocess.Popen(
            [*before, *self.command(*words)],
            env=self.environment(hook, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finished(self, *words: str, **options: Any) -> tuple[dict[str, Any], str]:
        """Run a pull that must succeed; return its one model's entry, and what it said."""
        process = self.start(*words, **options)
        out, said = process.communicate(timeout=BOUND)
        assert process.returncode == 0, out + said
        return json.loads(out)["models"][0] if out.startswith("{") else {}, said

    def blobs(self, repo_id: str = "org/name") -> dict[str, int]:
        """Return the size of each published blob."""
        pattern = f"{self.cache}/models--{repo_id.replace('/', '--')}/blobs/*"
        return {os.path.basename(path): os.path.getsize(path) for path in glob.glob(pattern)}

    def leftovers(self) -> list[str]:
        """Return what lies in the folder of partials, and our own refs."""
        refs = glob.glob(f"{self.cache}/models--*/refs/swarmcache.*")
        with suppress(FileNotFoundError):
            return refs + os.listdir(f"{self.cache}/.locks/.swarmcache/partial")
        return refs

    def fall_silent(self) -> None:
        """Let the heartbeats of all owners be a minute old, as a minute would."""
        for record in glob.glob(f"{self.cache}/.locks/.swarmcache/partial/*/owner.*.*"):
            os.utime(record, (time.time() - 60, time.time() - 60))

    def state(self, repo_id: str = "org/name") -> str:
        """Return the state of a model."""
        return check(parse_target(repo_id), self.cache).state


def site(tmp_path: Path, *repos: Repo, **traits: Any) -> Site:
    """Return a site whose Hub is to be entered."""
    return Site(FaultyHub(*repos, **traits), str(tmp_path), str(tmp_path / "hub"))


def until(condition: Callable[[], object], what: str, bound: float = BOUND) -> None:
    """Return when the condition holds; fail at the bound."""
    deadline = time.monotonic() + bound
    while not condition():
        assert time.monotonic() < deadline, f"waited {bound:.0f} s in vain: {what}"
        time.sleep(0.002)


def killed(process: subprocess.Popen[str], after: float) -> bool:
    """Kill a process after some seconds, and return whether it had not ended by itself."""
    with suppress(subprocess.TimeoutExpired):
        out, said = process.communicate(timeout=after)
        assert process.returncode == 0, out + said
        return False
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=BOUND)
    return True


def assert_legal(cache: str, truth: Mapping[str, bytes | str]) -> None:
    """Fail unless all that a Hub client sees is whole: blobs, links, refs.

    `truth` is etag -> sha256 or git hash of what it must hold; a blob of another name fails.
    """
    for path in glob.glob(f"{cache}/models--*/blobs/*"):
        assert hash_of(path) == os.path.basename(path), path
        assert os.path.basename(path) in truth, path
    for ref in glob.glob(f"{cache}/models--*/refs/*"):
        with open(ref) as file:
            commit = file.read()
        snapshot = os.path.join(os.path.dirname(os.path.dirname(ref)), "snapshots", commit)
        assert os.path.isdir(snapshot), f"{ref} leads to a missing snapshot"
    for link in glob.glob(f"{cache}/models--*/snapshots/*/**", recursive=True):
        assert os.path.exists(link), f"{link} is a dead link"


def hash_of(path: str) -> str:
    """Return what the Hub would call a file: by the length of its name."""
    with open(path, "rb") as file:
        data = file.read()
    if len(os.path.basename(path)) == 64:
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def etags(*repos: Repo) -> dict[str, str]:
    """Return the etags of all files of all commits of some repos."""
    return {
        repo.etag(path, file): path
        for repo in repos
        for files in repo.commits.values()
        for path, file in files.items()
    }
