"""What is served from which cache folder, and what is not."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, link, sha256, tiny_safetensors, write
from swarmcache.serve.running import running
from wire import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.serve.running import RunningHub

WEIGHTS = tiny_safetensors(3)
CONFIG = "/org/tiny/resolve/main/config.json"
MODEL = "/org/tiny/resolve/main/model.safetensors"


@pytest.fixture
def first(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "first")


@pytest.fixture
def second(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "second")


@pytest.fixture
def hub(first: CacheMaker, second: CacheMaker) -> Iterator[RunningHub]:
    with running([first.path, second.path]) as hub:
        yield hub


def test_the_first_cache_decides_what_a_branch_means(
    hub: RunningHub, first: CacheMaker, second: CacheMaker
) -> None:
    ours = first.repo("org/tiny", {"config.json": b"{}"})
    theirs = second.repo("org/tiny", {"config.json": b"[]"}, refs=("main", "old"))
    assert ask(hub, "/api/models/org/tiny").json["sha"] == ours
    assert ask(hub, "/api/models/org/tiny/revision/old").json["sha"] == theirs
    assert ask(hub, CONFIG).body == b"{}"


def test_a_ref_without_its_snapshot_decides_nothing(
    hub: RunningHub, first: CacheMaker, second: CacheMaker
) -> None:
    write(os.path.join(first.folder("org/tiny"), "refs", "main"), b"d" * 40)
    commit = second.repo("org/tiny", {"config.json": b"{}"})
    assert ask(hub, "/api/models/org/tiny").json["sha"] == commit
    branches = ask(hub, "/api/models/org/tiny/refs").json["branches"]
    assert branches == [{"name": "main", "ref": "refs/heads/main", "targetCommit": commit}]


def test_one_cache_gives_what_another_lacks_of_the_same_commit(
    hub: RunningHub, first: CacheMaker, second: CacheMaker
) -> None:
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS}
    first.repo("org/tiny", files, absent=["model.safetensors"], trees=False)
    second.repo("org/tiny", files, trees=False)
    assert ask(hub, MODEL).body == WEIGHTS
    listed = [entry["path"] for entry in ask(hub, "/api/models/org/tiny/tree/main").json]
    assert listed == ["config.json", "model.safetensors"]


def test_a_sound_copy_is_preferred_to_a_damaged_one(
    hub: RunningHub, first: CacheMaker, second: CacheMaker
) -> None:
    for cache in (first, second):
        cache.repo("org/tiny", {"model.safetensors": WEIGHTS})
    os.truncate(os.path.join(first.folder("org/tiny"), "blobs", sha256(WEIGHTS)), 10)
    assert ask(hub, MODEL).body == WEIGHTS


def test_what_changes_on_disk_is_seen_at_once(hub: RunningHub, first: CacheMaker) -> None:
    assert ask(hub, CONFIG).headers["X-Error-Code"] == "RepoNotFound"
    old = first.repo("org/tiny", {"config.json": b"{}"})
    assert ask(hub, CONFIG).headers["X-Repo-Commit"] == old
    new = first.repo("org/tiny", {"config.json": b"[]"})
    assert ask(hub, CONFIG).headers["X-Repo-Commit"] == new
    shutil.rmtree(first.folder("org/tiny"))
    assert ask(hub, CONFIG).headers["X-Error-Code"] == "RepoNotFound"


def test_a_ref_that_a_hand_ended_with_a_newline_is_read(hub: RunningHub, first: CacheMaker) -> None:
    commit = first.repo("org/tiny", {"config.json": b"{}"}, refs=())
    write(os.path.join(first.folder("org/tiny"), "refs", "main"), f"{commit}\n".encode())
    assert ask(hub, CONFIG).status == 200


@pytest.mark.parametrize("trees", [True, False])
@pytest.mark.parametrize("content", [WEIGHTS[:100], b""])
def test_a_cut_off_file_is_refused_with_its_reason(
    hub: RunningHub, first: CacheMaker, trees: bool, content: bytes
) -> None:
    first.repo("org/tiny", {"model.safetensors": WEIGHTS}, trees=trees)
    blob = os.path.join(first.folder("org/tiny"), "blobs", sha256(WEIGHTS))
    os.truncate(blob, len(content))
    answer = ask(hub, MODEL)
    assert (answer.status, answer.headers["X-Error-Code"]) == (404, "FileDamaged")
    assert "model.safetensors is" in answer.headers["X-Error-Message"]
    assert answer.body == json.dumps({"error": answer.headers["X-Error-Message"]}).encode()


def test_a_link_to_nowhere_is_refused(hub: RunningHub, first: CacheMaker) -> None:
    first.repo("org/tiny", {"config.json": b"{}"})
    os.unlink(os.path.join(first.folder("org/tiny"), "blobs", git_sha1(b"{}")))
    assert ask(hub, CONFIG).headers["X-Error-Code"] == "FileDamaged"


@pytest.mark.parametrize("damage", ["cut off", "link to nowhere"])
def test_nothing_is_listed_when_a_file_of_unknown_size_is_damaged(
    hub: RunningHub, first: CacheMaker, damage: str
) -> None:
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS}
    first.repo("org/tiny", files, trees=False)
    blob = os.path.join(first.folder("org/tiny"), "blobs", sha256(WEIGHTS))
    if damage == "cut off":
        os.truncate(blob, 100)
    else:
        os.unlink(blob)
    answer = ask(hub, "/api/models/org/tiny/tree/main")
    assert (answer.status, answer.headers["X-Error-Code"]) == (404, "FileDamaged")


@pytest.mark.parametrize("trees", [True, False])
def test_a_link_out_of_the_caches_is_not_followed(
    hub: RunningHub, first: CacheMaker, tmp_path: Path, trees: bool
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"{}")
    commit = first.repo("org/tiny", {"config.json": b"{}"}, trees=trees)
    snapshot = os.path.join(first.folder("org/tiny"), "snapshots", commit)
    link(str(secret), os.path.join(snapshot, "config.json"))
    link(str(tmp_path), os.path.join(snapshot, "folder"))
    for path in (CONFIG, "/org/tiny/resolve/main/folder/secret.txt"):
        answer = ask(hub, path)
        assert answer.status == 404
        assert answer.body != b"{}"


def test_a_cache_may_be_named_by_a_link(tmp_path: Path, first: CacheMaker) -> None:
    first.repo("org/tiny", {"config.json": b"{}"}, shared=True)
    os.symlink(first.path, tmp_path / "named")
    with running([str(tmp_path / "named")]) as hub:
        assert ask(hub, CONFIG).body == b"{}"


def test_pipes_and_folders_are_no_files(hub: RunningHub, first: CacheMaker) -> None:
    commit = first.repo("org/tiny", {"a/b.txt": b"x"}, trees=False)
    snapshot = os.path.join(first.folder("org/tiny"), "snapshots", commit)
    os.mkfifo(os.path.join(snapshot, "pipe"))
    assert ask(hub, "/org/tiny/resolve/main/pipe").headers["X-Error-Code"] == "FileDamaged"
    assert ask(hub, "/org/tiny/resolve/main/a").headers["X-Error-Code"] == "EntryNotFound"


def test_a_manifest_lists_what_is_not_cached(hub: RunningHub, first: CacheMaker) -> None:
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS}
    commit = first.repo("org/tiny", files, absent=["model.safetensors"])
    siblings = ask(hub, "/api/models/org/tiny").json["siblings"]
    assert siblings == [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
    answer = ask(hub, MODEL)
    assert (answer.status, answer.headers["X-Error-Code"]) == (404, "FileNotCached")
    assert answer.headers["X-Error-Message"] == (
        f"model.safetensors at {commit[:12]} of org/tiny exists, but is not cached here."
    )


def test_a_foreign_file_beside_a_manifest_is_not_listed(hub: RunningHub, first: CacheMaker) -> None:
    commit = first.repo("org/tiny", {"config.json": b"{}"})
    snapshot = os.path.join(first.folder("org/tiny"), "snapshots", commit)
    write(os.path.join(snapshot, "my-notes.txt"), b"private")
    blob = os.path.join(first.folder("org/tiny"), "blobs", git_sha1(b"late"))
    write(blob, b"late")
    link(blob, os.path.join(snapshot, "late.txt"))
    listed = [entry["path"] for entry in ask(hub, "/api/models/org/tiny/tree/main").json]
    assert listed == ["config.json", "late.txt"]


def test_nameless_blobs_get_the_hubs_names(hub: RunningHub, first: CacheMaker) -> None:
    files = {"config.json": b"{}", "model.safetensors": WEIGHTS}
    first.repo("org/tiny", files, trees=False, links=False)
    assert ask(hub, CONFIG, "HEAD").headers["ETag"] == f'"{git_sha1(b"{}")}"'
    assert ask(hub, MODEL, "HEAD").headers["ETag"] == f'"{sha256(WEIGHTS)}"'


def test_a_nameless_blob_is_hashed_once(
    hub: RunningHub, first: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from swarmcache.serve import hashes  # noqa: PLC0415 - patched below

    first.repo("org/tiny", {"model.safetensors": WEIGHTS}, trees=False, links=False)
    hashed = []
    compute = hashes._hash
    monkeypatch.setattr(hashes, "_hash", lambda *a, **k: hashed.append(a) or compute(*a, **k))
    for _ in range(3):
        assert ask(hub, MODEL, "HEAD").status == 200
    assert len(hashed) == 1


def test_a_blob_of_a_mirrors_own_name_is_hashed_too(hub: RunningHub, first: CacheMaker) -> None:
    commit = first.repo("org/tiny", {"config.json": b"{}"}, trees=False)
    folder = first.folder("org/tiny")
    write(os.path.join(folder, "blobs", "W-odd-etag"), b"{}")
    link(
        os.path.join(folder, "blobs", "W-odd-etag"),
        os.path.join(folder, "snapshots", commit, "config.json"),
    )
    assert ask(hub, CONFIG, "HEAD").headers["ETag"] == f'"{git_sha1(b"{}")}"'


def test_an_unreadable_cache_is_said_to_be(hub: RunningHub, first: CacheMaker) -> None:
    commit = first.repo("org/tiny", {"config.json": b"{}"}, trees=False)
    snapshot = os.path.join(first.folder("org/tiny"), "snapshots", commit)
    os.unlink(os.path.join(snapshot, "config.json"))
    os.symlink("config.json", os.path.join(snapshot, "config.json"))  # A link to itself.
    answer = ask(hub, CONFIG)
    assert answer.status == 503
    assert "cannot be read" in answer.headers["X-Error-Message"]
