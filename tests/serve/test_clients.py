"""Real huggingface_hub clients, each in a process of its own, against the served Hub."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, sha256, tiny_safetensors
from swarmcache.serve.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

ENVIRONMENTS = os.environ.get("SWARMCACHE_COMPAT_ENVS", ".cache/envs")
"""Read when the tests are collected, before the environment is cleaned."""
SCRIPT = os.path.join(os.path.dirname(__file__), "hub_client.py")
WEIGHTS = tiny_safetensors(7)
FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": WEIGHTS,
    "a b/é 中 + # % & ?=.txt": b"a name that needs quoting",
    "a b/line\nbreak.txt": b"a name with a line break",
    "deep/er/still.json": b"[]",
    "empty.txt": b"",
}
DIGESTS = {path: hashlib.sha256(content).hexdigest() for path, content in FILES.items()}


def interpreters() -> Iterator[object]:
    """Yield this interpreter, and those of the compat environments."""
    yield pytest.param(sys.executable, id="installed")
    for release in ("0.36.2", "1.5.0", "1.31.0", "2.4.0"):
        python = os.path.abspath(os.path.join(ENVIRONMENTS, f"hub-{release}", "bin", "python"))
        yield pytest.param(python, id=release, marks=pytest.mark.compat)


class Client:
    """Runs steps in a real client whose HF_ENDPOINT is the served Hub."""

    def __init__(self, python: str, hub: RunningHub, home: str) -> None:
        self._python, self._hub, self._home = python, hub, home

    def run(self, *steps: tuple[object, ...], **variables: str) -> list[object]:
        """Return each step's answer, or the name of the error that it raised."""
        environment = {
            "HOME": self._home,
            "HF_HOME": self._home,
            "HF_ENDPOINT": self._hub.url,
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            **variables,
        }
        done = subprocess.run(
            [self._python, SCRIPT, os.path.join(self._home, "hub")],
            input=json.dumps(steps),
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [error or answer for answer, error in json.loads(done.stdout)]


@pytest.fixture
def cache(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "served")


@pytest.fixture
def hub(cache: CacheMaker) -> Iterator[RunningHub]:
    with running([cache.path]) as hub:
        yield hub


@pytest.fixture(params=interpreters())
def client(request: pytest.FixtureRequest, hub: RunningHub, tmp_path: Path) -> Client:
    if not os.path.exists(request.param):
        pytest.fail(f"{request.param} is missing: make test-compat makes it")
    return Client(request.param, hub, str(tmp_path / "home"))


def test_a_snapshot_arrives_byte_for_byte(client: Client, cache: CacheMaker) -> None:
    cache.repo("org/tiny", FILES)
    assert client.run(("snapshot", "org/tiny")) == [DIGESTS]


def test_blobs_have_the_names_that_the_hub_gives_them(client: Client, cache: CacheMaker) -> None:
    cache.repo("org/tiny", {"config.json": b"{}", "model.safetensors": WEIGHTS})
    _, names = client.run(("snapshot", "org/tiny"), ("blobs", "org/tiny"))
    assert names == sorted([git_sha1(b"{}"), sha256(WEIGHTS)])


def test_a_snapshot_is_found_by_branch_tag_pull_request_and_commit(
    client: Client, cache: CacheMaker
) -> None:
    names = ("main", "v1.0", "refs/pr/1", "feature/x")
    commit = cache.repo("org/tiny", {"config.json": b"{}"}, refs=names)
    wanted = {"config.json": hashlib.sha256(b"{}").hexdigest()}
    steps = [("snapshot", "org/tiny", {"revision": name}) for name in (*names, commit)]
    assert client.run(*steps) == [wanted] * 5


@pytest.mark.parametrize("layout", [{"links": False}, {"shared": True}, {"trees": False}], ids=str)
def test_every_layout_of_a_cache_is_served(
    client: Client, cache: CacheMaker, layout: dict[str, bool]
) -> None:
    cache.repo("org/tiny", FILES, **layout)
    assert client.run(("snapshot", "org/tiny")) == [DIGESTS]


def test_single_files_arrive_also_from_folders_and_datasets(
    client: Client, cache: CacheMaker
) -> None:
    cache.repo("org/tiny", FILES)
    cache.repo("org/words", {"data/train.txt": b"one two"}, repo_type="dataset")
    cache.repo("gpt2", {"config.json": b"{}"})
    assert client.run(
        ("download", "org/tiny", "deep/er/still.json"),
        ("download", "org/words", "train.txt", {"repo_type": "dataset", "subfolder": "data"}),
        ("download", "gpt2", "config.json"),
    ) == [
        DIGESTS["deep/er/still.json"],
        hashlib.sha256(b"one two").hexdigest(),
        hashlib.sha256(b"{}").hexdigest(),
    ]


def test_the_api_tells_sizes_and_hashes(client: Client, cache: CacheMaker) -> None:
    files = {"config.json": b"{}", "sub/model.safetensors": WEIGHTS}
    commit = cache.repo("org/tiny", files, refs=("main", "v1"))
    info, tree, inside, paths, refs, commits = client.run(
        ("info", "org/tiny"),
        ("tree", "org/tiny", {"recursive": True}),
        ("tree", "org/tiny", "sub", {"revision": "v1"}),
        ("paths_info", "org/tiny", ["sub", "config.json", "absent"]),
        ("refs", "org/tiny"),
        ("commits", "org/tiny"),
    )
    weights = ["sub/model.safetensors", len(WEIGHTS), sha256(WEIGHTS)]
    config = ["config.json", 2, git_sha1(b"{}")]
    assert info["id"] == "org/tiny"
    assert info["sha"] == commit
    assert info["private"] is False
    assert info["siblings"]["config.json"] == [2, git_sha1(b"{}"), None]
    assert info["siblings"]["sub/model.safetensors"][2] == sha256(WEIGHTS)
    assert tree == [config, ["sub", None, None], weights]
    assert inside == [weights]
    assert paths == [["sub", None, None], config]
    assert refs == {"main": commit, "v1": commit}
    assert commits == [commit]


def test_datasets_and_spaces_have_info(client: Client, cache: CacheMaker) -> None:
    for kind in ("dataset", "space"):
        cache.repo("org/thing", {"README.md": b"#"}, repo_type=kind)
    found = client.run(*[("info", "org/thing", {"repo_type": k}) for k in ("dataset", "space")])
    assert [list(each["siblings"]) for each in found] == [["README.md"], ["README.md"]]


def test_what_is_missing_is_told_apart(client: Client, cache: CacheMaker) -> None:
    cache.repo("org/tiny", {"config.json": b"{}"})
    *others, entry = client.run(
        ("snapshot", "org/absent"),
        ("info", "org/absent"),
        ("snapshot", "org/tiny", {"revision": "absent"}),
        ("exists", "org/tiny", "config.json"),
        ("exists", "org/tiny", "absent.json"),
        ("download", "org/tiny", "absent.json"),
    )
    repo, revision = "RepositoryNotFoundError", "RevisionNotFoundError"
    assert others == [repo, repo, revision, True, False]
    # The name before and since 1.0; the newer is a kind of the older.
    assert entry in {"EntryNotFoundError", "RemoteEntryNotFoundError"}


def test_a_client_writes_down_only_absences_that_are_known(
    client: Client, cache: CacheMaker
) -> None:
    files = {"config.json": b"{}", "README.md": b"#"}
    cache.repo("org/listed", files, absent=["README.md"])
    cache.repo("org/unlisted", files, absent=["README.md"], trees=False, no_exist=["marked.json"])
    steps = [
        ("download", f"org/{repo}", path)
        for repo in ("listed", "unlisted")
        for path in ("README.md", "marked.json")
    ]
    found = client.run(*steps, ("absences", "org/listed"), ("absences", "org/unlisted"))
    assert found[-2:] == [["marked.json"], ["marked.json"]]
    assert found[0] == "LocalEntryNotFoundError"


def test_a_partial_cache_never_passes_for_a_complete_one(client: Client, cache: CacheMaker) -> None:
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS}
    cache.repo("org/tiny", files, absent=["model.safetensors"])
    whole, part = client.run(
        ("snapshot", "org/tiny"), ("snapshot", "org/tiny", {"allow_patterns": ["*.json"]})
    )
    assert whole == "LocalEntryNotFoundError"
    assert part == {"config.json": hashlib.sha256(b"{}").hexdigest()}


def test_a_damaged_file_is_not_handed_on(client: Client, cache: CacheMaker) -> None:
    cache.repo("org/tiny", {"model.safetensors": WEIGHTS})
    os.truncate(os.path.join(cache.folder("org/tiny"), "blobs", sha256(WEIGHTS)), 100)
    assert client.run(("download", "org/tiny", "model.safetensors")) == ["LocalEntryNotFoundError"]


def test_a_second_start_asks_nothing(client: Client, cache: CacheMaker, hub: RunningHub) -> None:
    commit = cache.repo("org/tiny", FILES)
    client.run(("snapshot", "org/tiny"))
    hub.requests.clear()
    assert client.run(("snapshot", "org/tiny"), HF_HUB_OFFLINE="1") == [DIGESTS]
    assert client.run(("snapshot", "org/tiny", {"revision": commit})) == [DIGESTS]
    assert [request for request in hub.requests if "resolve" in request.path] == []


def test_each_byte_is_sent_once(client: Client, cache: CacheMaker, hub: RunningHub) -> None:
    cache.repo("org/tiny", FILES)
    client.run(("snapshot", "org/tiny"))
    sent = sum(request.bytes for request in hub.requests if "resolve" in request.path)
    assert sent == sum(map(len, FILES.values()))


def test_a_cut_download_goes_on_where_it_stopped(
    client: Client, cache: CacheMaker, hub: RunningHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * 98_304  # 24 MiB; clients write to disk every 10 MiB.
    cache.repo("org/tiny", {"big.txt": content})
    sendfile, cuts = os.sendfile, [12 * 2**20]

    def cut_once(out: int, source: int, offset: int, count: int) -> int:
        if cuts and offset >= cuts[0]:
            cuts.clear()
            raise ConnectionResetError
        return sendfile(out, source, offset, min(count, 2**20))

    monkeypatch.setattr(os, "sendfile", cut_once)
    # 0.36.2 gives up at the cut and goes on in the next call; the others need no second one.
    *_, found = client.run(*[("download", "org/tiny", "big.txt")] * 2)
    assert found == hashlib.sha256(content).hexdigest()
    sent = [(request.status, request.bytes) for request in hub.requests if request.bytes > 100]
    assert [status for status, _ in sent] == [200, 206]
    assert sent[1][1] <= 14 * 2**20
