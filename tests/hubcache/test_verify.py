"""`verify` as the library offers it: what is right, what is wrong, what nobody can tell."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, link, sha256, tiny_safetensors, write
from processes import until
from swarmcache.environment import Environment
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.intact import hashing
from swarmcache.hubcache.intact.crew import How
from swarmcache.hubcache.intact.expectations import nothing_locked
from swarmcache.hubcache.intact.verdicts import (
    Corrupt,
    FileVerdict,
    Missing,
    Outcome,
    Remembered,
    Unverifiable,
    Verified,
)
from swarmcache.hubcache.intact.verify import Verification, verify
from swarmcache.hubcache.layout import RepoName, Target
from swarmcache.hubcache.manifest import ManifestFile
from swarmcache.hubcache.state import state_folder

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.hubcache.intact.expectations import Locked

WEIGHTS = tiny_safetensors(1)
FILES = {"config.json": b'{"a": 1}', "model.safetensors": WEIGHTS, "sub/notes.txt": b"notes"}
MODEL = Target("model", "org/name", "main")


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    """An empty cache."""
    return CacheMaker(tmp_path / "hub")


def started(maker: CacheMaker, *targets: Target, how: How | None = None) -> Verification:
    """A run over the targets; over the whole cache without any."""
    state = state_folder(maker.path, Environment({}, f"{maker.path}-home", "/"))
    return verify(targets or None, maker.path, state=state, how=how)


def outcomes(
    maker: CacheMaker,
    *targets: Target,
    how: How | None = None,
    locked: Locked | None = None,
) -> dict[str, Outcome]:
    """Path -> outcome, of caches where each path stands once."""
    state = state_folder(maker.path, Environment({}, f"{maker.path}-home", "/"))
    run = verify(
        targets or None,
        maker.path,
        state=state,
        how=how,
        locked=locked or nothing_locked,
    )
    verdicts = list(run)
    assert len({verdict.path for verdict in verdicts}) == len(verdicts)
    return {verdict.path: verdict.outcome for verdict in verdicts}


def content_of(maker: CacheMaker, path: str, repo_id: str = "org/name") -> str:
    """Where the content of a path lies."""
    snapshots = os.path.join(maker.folder(repo_id), "snapshots")
    return os.path.realpath(os.path.join(snapshots, os.listdir(snapshots)[0], path))


def age(maker: CacheMaker) -> None:
    """Make every blob old enough to be remembered."""
    for folder, _, names in os.walk(maker.path):
        for name in names:
            os.utime(os.path.join(folder, name), (1e9, 1e9))


def flip(path: str, at: int = -1) -> None:
    """Change one bit, and nothing that a directory listing shows."""
    found = os.stat(path)
    with open(path, "r+b") as file:
        content = bytearray(file.read())
        content[at] ^= 1
        file.seek(0)
        file.write(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize(
    "layout",
    [{}, {"trees": False}, {"links": False}, {"shared": True}, {"shared": True, "trees": False}],
    ids=str,
)
def test_good_files_are_good_in_every_layout(maker: CacheMaker, layout: dict[str, bool]) -> None:
    """By the blob's name, the repo's name for a shared payload, or the manifest."""
    maker.repo("org/name", FILES, **layout)

    assert outcomes(maker) == dict.fromkeys(FILES, Verified())


@pytest.mark.parametrize("layout", [{}, {"trees": False}, {"links": False}, {"shared": True}])
def test_one_flipped_bit_is_found_in_every_layout(
    maker: CacheMaker, layout: dict[str, bool]
) -> None:
    """With the hash that must be, the one that is, and nothing else called bad."""
    maker.repo("org/name", FILES, **layout)
    flip(content_of(maker, "model.safetensors"))
    bad = bytearray(WEIGHTS)
    bad[-1] ^= 1

    assert outcomes(maker) == {
        "config.json": Verified(),
        "model.safetensors": Corrupt("wrong-hash", "sha256", sha256(WEIGHTS), sha256(bytes(bad))),
        "sub/notes.txt": Verified(),
    }


def test_files_without_links_and_manifest_cannot_be_verified(maker: CacheMaker) -> None:
    """Nothing tells what they must be: said, and never called corrupt."""
    maker.repo("org/name", FILES, links=False, trees=False)

    found = outcomes(maker)

    assert {type(outcome) for outcome in found.values()} == {Unverifiable}
    assert found["config.json"] == Unverifiable(
        "No manifest of the commit is cached, and no name tells its hash."
    )


def test_the_etag_of_a_mirror_is_no_hash(maker: CacheMaker) -> None:
    """With a manifest the content can be verified all the same."""
    maker.repo("org/name", FILES, trees=False)
    path = content_of(maker, "config.json")
    os.rename(path, os.path.dirname(path) + "/5f3a-mirror")
    commit = os.listdir(maker.folder("org/name") + "/snapshots")[0]
    pointer = f"{maker.folder('org/name')}/snapshots/{commit}/config.json"
    link(os.path.dirname(path) + "/5f3a-mirror", pointer)
    assert outcomes(maker)["config.json"] == Unverifiable(
        "Its blob is named 5f3a-mirror, which is no hash of the content."
    )

    manifest = {"config.json": {"size": 8, "blob_id": git_sha1(FILES["config.json"])}}
    document = json.dumps({"format_version": 1, "files": manifest})
    write(f"{maker.folder('org/name')}/trees/{commit}.json", document.encode())

    assert outcomes(maker)["config.json"] == Verified()


def test_an_intact_blob_in_the_wrong_place_is_the_wrong_file(maker: CacheMaker) -> None:
    """Two files of one size, one linked to the other's blob: the bytes are right, the file not."""
    one, two = b'{"a": 1}', b'{"a": 2}'
    commit = maker.repo("org/name", {"one.json": one, "two.json": two})
    folder = maker.folder("org/name")
    link(f"{folder}/blobs/{git_sha1(two)}", f"{folder}/snapshots/{commit}/one.json")

    assert outcomes(maker) == {
        "one.json": Corrupt("wrong-file", "git-sha1", git_sha1(one), git_sha1(two)),
        "two.json": Verified(),
    }


def test_the_lock_has_more_weight_than_the_manifest(maker: CacheMaker) -> None:
    """What the Hub says today is not what was pinned."""
    maker.repo("org/name", FILES)
    pinned = hashlib.sha256(b"what was reviewed").hexdigest()

    def locked(repo: RepoName, commit: str) -> dict[str, ManifestFile]:
        assert (repo, len(commit)) == (("model", "org/name"), 40)
        return {"model.safetensors": ManifestFile(len(WEIGHTS), pinned, None)}

    assert outcomes(maker, locked=locked) == {
        "config.json": Verified(),
        "model.safetensors": Corrupt("wrong-file", "sha256", pinned, sha256(WEIGHTS)),
        "sub/notes.txt": Verified(),
    }


@pytest.mark.parametrize(
    ("size", "kind"), [(len(WEIGHTS) - 1, "truncated"), (0, "empty"), (5000, "wrong-size")]
)
def test_a_wrong_size_needs_no_hashing(maker: CacheMaker, size: int, kind: str) -> None:
    """The manifest names the size, so not one byte of the file is read."""
    maker.repo("org/name", {"model.safetensors": WEIGHTS})
    os.truncate(content_of(maker, "model.safetensors"), size)

    run = started(maker)
    (verdict,) = run

    assert verdict.outcome == Corrupt(kind, None, str(len(WEIGHTS)), str(size))  # type: ignore[arg-type]
    assert run.bytes_hashed == 0


def test_content_used_in_many_places_is_hashed_once(maker: CacheMaker) -> None:
    """Two revisions, a hard link into another repo, and the shared store."""
    maker.repo("org/name", {"w.safetensors": WEIGHTS}, commit="1" * 40)
    maker.repo("org/name", {"w.safetensors": WEIGHTS, "again.safetensors": WEIGHTS})
    maker.repo("org/other", {"w.safetensors": WEIGHTS})
    blob = f"{maker.folder('org/other')}/blobs/{sha256(WEIGHTS)}"
    os.unlink(blob)
    os.link(f"{maker.folder('org/name')}/blobs/{sha256(WEIGHTS)}", blob)
    maker.repo("org/third", {"w.safetensors": tiny_safetensors(2)}, shared=True)
    maker.repo("org/fourth", {"w.safetensors": tiny_safetensors(2)}, shared=True)

    run = started(maker)
    verdicts = list(run)

    assert [verdict.outcome for verdict in verdicts] == [Verified()] * 6
    assert run.bytes_hashed == 2 * len(WEIGHTS)


def test_the_second_run_reads_nothing(maker: CacheMaker) -> None:
    """Remembered, with the time; `recheck` and an age hash again."""
    maker.repo("org/name", FILES)
    age(maker)
    assert set(map(type, outcomes(maker).values())) == {Verified}

    run = started(maker)
    assert {type(verdict.outcome) for verdict in run} == {Remembered}
    assert run.bytes_hashed == 0
    month = How(older_than=30 * 86400)
    assert set(map(type, outcomes(maker, how=month).values())) == {Remembered}
    assert set(map(type, outcomes(maker, how=How(recheck=True)).values())) == {Verified}
    now = How(older_than=0)
    assert set(map(type, outcomes(maker, how=now).values())) == {Verified}


def test_a_change_that_hides_its_mtime_is_found_by_the_next_run(maker: CacheMaker) -> None:
    """Memory must not outlive a change in place."""
    maker.repo("org/name", FILES)
    age(maker)
    outcomes(maker)
    flip(content_of(maker, "model.safetensors"))

    assert isinstance(outcomes(maker)["model.safetensors"], Corrupt)


def test_corruption_is_remembered_and_check_says_damaged(maker: CacheMaker) -> None:
    """Until the file is replaced, without another word to the ledger."""
    files = {**FILES, "tokenizer.json": b"{}", "tokenizer_config.json": b'{"a": 1}'}
    maker.repo("org/name", files)
    age(maker)
    path = content_of(maker, "model.safetensors")
    flip(path)
    assert check(MODEL, maker.path).state == "complete"

    first, again = outcomes(maker), started(maker)

    assert isinstance(first["model.safetensors"], Corrupt)
    (known,) = [v.outcome for v in again if isinstance(v.outcome, Corrupt)]
    assert (known.remembered, again.bytes_hashed) == (True, 0)
    outcome = check(MODEL, maker.path)
    assert (outcome.state, outcome.damaged) == ("damaged", ("model.safetensors",))
    write(f"{path}.new", WEIGHTS)
    os.replace(f"{path}.new", path)
    assert check(MODEL, maker.path).state == "complete"


def test_a_file_that_changes_while_it_is_hashed_is_told_and_not_remembered(
    maker: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read a second time, and changes again."""
    maker.repo("org/name", FILES)
    age(maker)
    path = content_of(maker, "model.safetensors")
    reads: list[int] = []
    real = hashing._read_into

    def meddling(digest, handle, size, on_bytes):  # type: ignore[no-untyped-def]
        done = real(digest, handle, size, on_bytes)
        if size == len(WEIGHTS):
            reads.append(size)
            flip(path, 10)
        return done

    monkeypatch.setattr(hashing, "_read_into", meddling)
    found = outcomes(maker)["model.safetensors"]
    monkeypatch.undo()

    assert found == Corrupt("changed-while-reading", "sha256")
    assert len(reads) == 2
    assert outcomes(maker)["model.safetensors"] == Verified()


def test_what_is_not_cached_is_missing(maker: CacheMaker) -> None:
    """Of a named model, what loading needs counts as well; of the whole cache it does not."""
    maker.repo("org/name", FILES, absent=["model.safetensors"])

    assert "model.safetensors" not in outcomes(maker)
    missing = outcomes(maker, MODEL)["model.safetensors"]
    assert isinstance(missing, Missing)
    assert missing.kind == "missing-file"
    (verdict,) = started(maker, Target("model", "org/absent", "main"))
    assert verdict == FileVerdict(
        RepoName("model", "org/absent"),
        None,
        "",
        None,
        0,
        Missing("missing-revision", f"Nothing of org/absent is cached in {maker.path}."),
    )


def test_closing_a_run_ends_its_threads_and_keeps_what_was_done(maker: CacheMaker) -> None:
    """What the first verdict told is remembered; the rest was not read to its end."""
    large = {f"{n}.bin": bytes([n]) * 2**22 for n in range(8)}
    maker.repo("org/name", large)
    age(maker)
    run = started(maker, how=How(jobs=2, max_rate=2**24))
    verdicts = iter(run)
    assert next(verdicts).outcome == Verified()

    verdicts.close()

    assert not [t for t in threading.enumerate() if t.name.startswith("verify-")]
    assert run.bytes_hashed < 7 * 2**22
    found = set(map(type, outcomes(maker).values()))
    assert found == {Verified, Remembered}


SHARED_RUN = """
import sys
from swarmcache.environment import Environment
from swarmcache.hubcache.state import state_folder
from swarmcache.hubcache.intact.verify import How, verify
cache = sys.argv[1]
state = state_folder(cache, Environment({}, cache + "-home", "/"))
run = verify(None, cache, state=state, how=How(jobs=2, max_rate=40 * 2**20))
print("ready", flush=True)
sys.stdin.readline()
found = [type(verdict.outcome).__name__ for verdict in run]
print(run.bytes_hashed, *sorted(found))
"""


def sharing(maker: CacheMaker) -> subprocess.Popen[str]:
    """A process that verifies the whole cache at 40 MiB/s, once it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", SHARED_RUN, maker.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    """Let it begin."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def large(maker: CacheMaker) -> CacheMaker:
    """A cache of 40 MiB in eight files and of 300 small ones."""
    files = {f"{n}.bin": bytes([n]) * 5 * 2**20 for n in range(8)}
    maker.repo("org/name", {**files, **{f"s{n}.txt": b"%d" % n for n in range(300)}})
    age(maker)
    return maker


@pytest.mark.faults
def test_two_processes_share_the_work(large: CacheMaker) -> None:
    """Together they read each byte once, and both know everything in the end."""
    pair = [sharing(large), sharing(large)]
    for process in pair:
        go(process)
    said = [process.communicate(timeout=60)[0].split() for process in pair]

    total = 40 * 2**20 + sum(len(b"%d" % n) for n in range(300))
    hashed = [int(words[0]) for words in said]
    assert sum(hashed) == total
    assert min(hashed) > 5 * 2**20
    for words in said:
        assert len(words) == 309
        assert set(words[1:]) == {"Verified", "Remembered"}


@pytest.mark.faults
def test_what_a_killed_neighbour_had_in_hand_is_hashed(large: CacheMaker) -> None:
    """SIGKILL while it holds claims: the kernel gives them back, and nothing is left out."""
    neighbour = sharing(large)
    go(neighbour)
    hashes = f"{large.path}/.locks/.swarmcache/ledger/hashes"
    until(
        lambda: os.path.exists(hashes) and os.path.getsize(hashes), "the neighbour's first result"
    )
    neighbour.kill()
    neighbour.wait()

    run = started(large, how=How(jobs=2))
    found = [type(verdict.outcome) for verdict in run]

    assert len(found) == 308
    assert set(found) == {Verified, Remembered}
    assert run.bytes_hashed < 40 * 2**20
