"""Repairs: only what is wrong is touched, and what takes its place was verified first."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, link, sha256, tiny_safetensors, write
from other_user import open_folder, run_as_other_user
from small_disks import small_disk
from swarmcache.environment import Environment
from swarmcache.errors import CacheBusy, CacheNotFound, DiskFull
from swarmcache.hubcache.intact.verdicts import Corrupt, FileVerdict, Missing
from swarmcache.hubcache.intact.verify import verify
from swarmcache.hubcache.layout import RepoName, parse_target
from swarmcache.hubcache.locks import blob_lock, payload_lock
from swarmcache.hubcache.scan import iter_repos
from swarmcache.hubcache.state import state_folder
from swarmcache.lockfile import LockedFile
from swarmcache.plans.repair import Repaired, Unrepaired, apply_repair, plan_repair
from swarmcache.serve.running import running
from swarmcache.transfer.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from swarmcache.plans.repair import RepairPlan
    from swarmcache.serve.running import RunningHub

WEIGHTS = tiny_safetensors(3)
OTHER = tiny_safetensors(4)
CONFIG = b'{"model_type": "llama"}'
FILES = {
    "config.json": CONFIG,
    "model.safetensors": WEIGHTS,
    "nested/extra.json": b'{"a": 1}',
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}
NAME = RepoName("model", "org/name")
TARGET = parse_target("org/name")
ABSENT = "0" * 40


@pytest.fixture
def good(tmp_path: Path) -> CacheMaker:
    """Return an intact cache: what is nearby, and what the endpoint serves."""
    maker = CacheMaker(tmp_path / "good")
    maker.repo("org/name", FILES)
    return maker


@pytest.fixture
def endpoint(good: CacheMaker) -> Iterator[RunningHub]:
    with running([good.path]) as hub:
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> CacheMaker:
    """Return a cache with the same repo, for a test to damage."""
    maker = CacheMaker(tmp_path / "cache")
    maker.repo("org/name", FILES)
    return maker


def blob(cache: CacheMaker, whole: bytes) -> str:
    """Return where a blob of org/name lies."""
    etag = sha256(whole) if whole in {WEIGHTS, OTHER} else git_sha1(whole)
    return os.path.join(cache.folder("org/name"), "blobs", etag)


def entry(cache: CacheMaker, path: str) -> str:
    """Return where the snapshot has a file of org/name."""
    snapshots = os.path.join(cache.folder("org/name"), "snapshots")
    (commit,) = (name for name in os.listdir(snapshots) if name != ABSENT)
    return os.path.join(snapshots, commit, path)


def content(path: str) -> bytes:
    """Return what a file holds."""
    with open(path, "rb") as file:
        return file.read()


def flip(path: str) -> None:
    """Change one bit of a file in place."""
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(9)
        byte = file.read(1)[0]
        file.seek(9)
        file.write(bytes([byte ^ 1]))


def problems(cache: CacheMaker, *, everything: bool = False) -> list[FileVerdict]:
    """Return what verify finds wrong."""
    targets = None if everything else [TARGET]
    state = state_folder(cache.path, Environment.current())
    verdicts = list(verify(targets, cache.path, state=state))
    return [found for found in verdicts if isinstance(found.outcome, (Corrupt, Missing))]


def kinds(found: Sequence[FileVerdict]) -> list[tuple[str, str]]:
    """Return (path, kind) of problems."""
    return sorted((verdict.path, verdict.outcome.kind) for verdict in found)  # type: ignore[union-attr]


def applied(
    plan: RepairPlan, hub: Hub | None = None, seconds: float = 0.2
) -> list[Repaired | Unrepaired]:
    return list(apply_repair(plan, Environment.current(), hub=hub, seconds=seconds))


def repair_from(cache: CacheMaker, *nearby: CacheMaker) -> list[Repaired | Unrepaired]:
    """Verify, plan and apply without any endpoint."""
    folders = [maker.path for maker in nearby]
    return applied(plan_repair(problems(cache), cache.path, nearby=folders))


def state_files(cache: CacheMaker) -> list[str]:
    """Return what lies in the staging folder."""
    folder = os.path.join(cache.path, ".locks", ".swarmcache", "partial")
    return os.listdir(folder) if os.path.isdir(folder) else []


def test_a_corrupt_blob_is_replaced_from_a_nearby_cache(
    cache: CacheMaker, good: CacheMaker
) -> None:
    flip(blob(cache, WEIGHTS))
    (outcome,) = repair_from(cache, good)
    assert isinstance(outcome, Repaired)
    assert (outcome.sources, outcome.bytes_brought) == ((good.path,), len(WEIGHTS))
    assert content(entry(cache, "model.safetensors")) == WEIGHTS
    assert problems(cache) == []
    assert state_files(cache) == []


def test_a_corrupt_blob_is_replaced_from_the_endpoint_and_nothing_else_is_fetched(
    cache: CacheMaker, endpoint: RunningHub
) -> None:
    flip(blob(cache, WEIGHTS))
    with Hub([endpoint.url], Environment.current()) as hub:
        plan = plan_repair(problems(cache), cache.path, hub=hub)
        assert plan.bytes_by_source == {endpoint.url: len(WEIGHTS)}
        endpoint.requests.clear()
        (outcome,) = applied(plan, hub)
    assert isinstance(outcome, Repaired)
    assert outcome.sources == (endpoint.url,)
    got = {one.path.rpartition("/")[2] for one in endpoint.requests if one.method == "GET"}
    assert "model.safetensors" in got
    assert "config.json" not in got
    assert problems(cache) == []


@pytest.mark.parametrize("whole", [WEIGHTS, CONFIG], ids=["lfs", "git"])
@pytest.mark.parametrize("size", [0, 10])
def test_a_truncated_blob_is_replaced(
    cache: CacheMaker, good: CacheMaker, whole: bytes, size: int
) -> None:
    os.truncate(blob(cache, whole), size)
    assert [type(one) for one in repair_from(cache, good)] == [Repaired]
    assert problems(cache) == []


def test_the_copy_of_another_repo_in_the_same_cache_serves_without_any_source(
    cache: CacheMaker,
) -> None:
    cache.repo("org/twin", {"model.safetensors": WEIGHTS})
    flip(blob(cache, WEIGHTS))
    (outcome,) = repair_from(cache)
    assert isinstance(outcome, Repaired)
    assert outcome.sources == (cache.path,)
    assert problems(cache) == []


def test_a_nearby_copy_that_is_corrupt_itself_is_passed_over(
    cache: CacheMaker, good: CacheMaker, tmp_path: Path
) -> None:
    worse = CacheMaker(tmp_path / "worse")
    worse.repo("org/name", FILES)
    flip(blob(worse, WEIGHTS))
    flip(blob(cache, WEIGHTS))
    (outcome,) = repair_from(cache, worse, good)
    assert isinstance(outcome, Repaired)
    assert outcome.sources == (good.path,)


def test_only_corrupt_copies_leave_the_cache_as_it_was(cache: CacheMaker, tmp_path: Path) -> None:
    worse = CacheMaker(tmp_path / "worse")
    worse.repo("org/name", FILES)
    flip(blob(worse, WEIGHTS))
    flip(blob(cache, WEIGHTS))
    before = content(blob(cache, WEIGHTS))
    (outcome,) = repair_from(cache, worse)
    assert isinstance(outcome, Unrepaired)
    assert outcome.exit_code == 5
    assert content(blob(cache, WEIGHTS)) == before
    assert state_files(cache) == []


def test_files_without_links_are_repaired_where_they_stand(
    tmp_path: Path, good: CacheMaker
) -> None:
    cache = CacheMaker(tmp_path / "plain")
    cache.repo("org/name", FILES, links=False)
    flip(entry(cache, "model.safetensors"))
    os.unlink(entry(cache, "tokenizer.json"))
    assert [type(one) for one in repair_from(cache, good)] == [Repaired, Repaired]
    assert stat.S_ISREG(os.lstat(entry(cache, "model.safetensors")).st_mode)
    assert stat.S_ISREG(os.lstat(entry(cache, "tokenizer.json")).st_mode)
    assert not os.path.exists(os.path.join(cache.folder("org/name"), "blobs"))
    assert problems(cache) == []


def test_a_nearby_cache_without_links_gives_its_files_too(
    cache: CacheMaker, tmp_path: Path
) -> None:
    plain = CacheMaker(tmp_path / "plain")
    plain.repo("org/name", FILES, links=False)
    flip(blob(cache, WEIGHTS))
    assert [type(one) for one in repair_from(cache, plain)] == [Repaired]
    assert problems(cache) == []


def test_a_payload_of_the_shared_store_is_replaced_for_all_its_users(
    tmp_path: Path, good: CacheMaker
) -> None:
    cache = CacheMaker(tmp_path / "shared")
    cache.repo("org/name", FILES, shared=True)
    cache.repo("org/twin", {"model.safetensors": WEIGHTS}, shared=True)
    payload = os.path.realpath(entry(cache, "model.safetensors"))
    flip(payload)
    assert [type(one) for one in repair_from(cache, good)] == [Repaired]
    assert os.path.islink(blob(cache, WEIGHTS))
    assert content(payload) == WEIGHTS
    assert stat.S_IMODE(os.stat(payload).st_mode) == 0o444
    assert problems(cache) == []


def test_a_payload_that_another_repo_knows_by_another_hash_is_left_to_it(
    tmp_path: Path, good: CacheMaker
) -> None:
    cache = CacheMaker(tmp_path / "shared")
    cache.repo("org/name", FILES, shared=True)
    payload = os.path.realpath(entry(cache, "model.safetensors"))
    write(payload, OTHER)
    with open(f"{payload}.refs", "a") as refs:
        refs.write(f"models--org--twin/blobs/{sha256(OTHER)}\n")
    assert [type(one) for one in repair_from(cache, good)] == [Repaired]
    assert content(payload) == OTHER
    assert not os.path.islink(blob(cache, WEIGHTS))
    assert problems(cache) == []


def test_only_one_name_of_a_hard_linked_blob_changes(
    cache: CacheMaker, good: CacheMaker, tmp_path: Path
) -> None:
    flip(blob(cache, WEIGHTS))
    second = tmp_path / "second name"
    os.link(blob(cache, WEIGHTS), second)
    wrong = second.read_bytes()
    plan = plan_repair(problems(cache), cache.path, nearby=[good.path])
    assert [step.names for step in plan.contents] == [2]
    applied(plan)
    assert second.read_bytes() == wrong
    assert problems(cache) == []


def test_a_hard_linked_copy_elsewhere_is_corrupt_too_and_no_source(
    cache: CacheMaker, tmp_path: Path
) -> None:
    twin = CacheMaker(tmp_path / "twin")
    twin.repo("org/name", FILES)
    flip(blob(cache, WEIGHTS))
    os.unlink(blob(twin, WEIGHTS))
    os.link(blob(cache, WEIGHTS), blob(twin, WEIGHTS))
    (outcome,) = repair_from(cache, twin)
    assert isinstance(outcome, Unrepaired)


def test_a_lost_blob_is_brought_back(cache: CacheMaker, good: CacheMaker) -> None:
    os.unlink(blob(cache, WEIGHTS))
    assert [type(one) for one in repair_from(cache, good)] == [Repaired]
    assert problems(cache) == []


@pytest.mark.parametrize("target", ["../../blobs/nowhere", "/etc/hostname", "model.safetensors"])
def test_a_link_that_leads_wrong_is_made_to_lead_to_its_blob_and_nothing_is_brought(
    cache: CacheMaker, target: str
) -> None:
    path = entry(cache, "model.safetensors")
    os.unlink(path)
    os.symlink(target, path)
    (outcome,) = repair_from(cache)
    assert isinstance(outcome, Repaired)
    assert outcome.bytes_brought == 0
    assert os.readlink(path) == f"../../blobs/{sha256(WEIGHTS)}"
    assert problems(cache) == []


def test_a_link_to_another_files_blob_is_turned_to_its_own(cache: CacheMaker) -> None:
    path = entry(cache, "nested/extra.json")
    link(blob(cache, CONFIG), path)
    assert kinds(problems(cache)) == [("nested/extra.json", "wrong-file")]
    (outcome,) = repair_from(cache)
    assert isinstance(outcome, Repaired)
    assert os.readlink(path) == f"../../../blobs/{git_sha1(FILES['nested/extra.json'])}"
    assert content(blob(cache, CONFIG)) == CONFIG


def test_a_file_that_loading_needs_is_fetched_and_linked(
    tmp_path: Path, endpoint: RunningHub
) -> None:
    cache = CacheMaker(tmp_path / "partial")
    cache.repo("org/name", FILES, absent=["model.safetensors"])
    assert kinds(problems(cache)) == [("model.safetensors", "missing-file")]
    with Hub([endpoint.url], Environment.current()) as hub:
        applied(plan_repair(problems(cache), cache.path, hub=hub), hub)
    assert os.path.islink(entry(cache, "model.safetensors"))
    assert problems(cache) == []


def test_an_empty_folder_in_a_files_place_gives_way(cache: CacheMaker, good: CacheMaker) -> None:
    os.unlink(entry(cache, "config.json"))
    os.mkdir(entry(cache, "config.json"))
    assert [type(one) for one in repair_from(cache, good)] == [Repaired]
    assert problems(cache) == []


def test_a_folder_with_something_in_it_is_left_and_named(
    cache: CacheMaker, good: CacheMaker
) -> None:
    path = entry(cache, "config.json")
    os.unlink(path)
    write(os.path.join(path, "notes.txt"), b"mine")
    (outcome,) = repair_from(cache, good)
    assert isinstance(outcome, Unrepaired)
    assert path in outcome.error.message
    assert content(os.path.join(path, "notes.txt")) == b"mine"


def test_a_ref_with_a_trailing_newline_is_rewritten(cache: CacheMaker) -> None:
    ref = os.path.join(cache.folder("org/name"), "refs", "main")
    commit = content(ref)
    write(ref, commit + b"\n")
    (outcome,) = repair_from(cache)
    assert isinstance(outcome, Repaired)
    assert content(ref) == commit
    assert os.listdir(os.path.dirname(ref)) == ["main"]


def test_a_ref_that_holds_no_commit_is_left_with_the_next_step(cache: CacheMaker) -> None:
    ref = os.path.join(cache.folder("org/name"), "refs", "main")
    write(ref, b"not a commit")
    (outcome,) = repair_from(cache)
    assert isinstance(outcome, Unrepaired)
    assert (outcome.exit_code, outcome.error.hint) == (1, "swarmcache pull org/name --refresh")
    assert content(ref) == b"not a commit"


class Dangling:
    """A cache whose `main` names a commit that only another cache holds."""

    def __init__(self, tmp_path: Path) -> None:
        self.source = CacheMaker(tmp_path / "newer")
        self.commit = self.source.repo("org/name", FILES)
        self.cache = CacheMaker(tmp_path / "dangling")
        self.cache.repo("org/name", {"config.json": CONFIG}, refs=["old"])
        self.ref = os.path.join(self.cache.folder("org/name"), "refs", "main")
        write(self.ref, self.commit.encode())
        self.age(7200)

    def age(self, seconds: float) -> None:
        """Let the ref be so many seconds old."""
        then = time.time() - seconds
        os.utime(self.ref, (then, then))


@pytest.fixture
def dangling(tmp_path: Path) -> Dangling:
    return Dangling(tmp_path)


def test_the_commit_of_an_old_dangling_ref_is_brought_from_nearby(dangling: Dangling) -> None:
    (outcome,) = repair_from(dangling.cache, dangling.source)
    assert isinstance(outcome, Repaired)
    assert problems(dangling.cache, everything=True) == []
    assert content(dangling.ref).decode() == dangling.commit
    trees = os.path.join(dangling.cache.folder("org/name"), "trees")
    assert f"{dangling.commit}.json" in os.listdir(trees)


def test_the_commit_of_an_old_dangling_ref_is_fetched(dangling: Dangling) -> None:
    with running([dangling.source.path]) as served, Hub([served.url], Environment.current()) as hub:
        plan = plan_repair(problems(dangling.cache), dangling.cache.path, hub=hub)
        assert [type(one) for one in applied(plan, hub)] == [Repaired]
    assert problems(dangling.cache, everything=True) == []


def test_nothing_is_written_through_a_snapshot_that_is_a_link(
    dangling: Dangling, tmp_path: Path
) -> None:
    """It leads out of the cache, whose clients never make one."""
    outside = tmp_path / "outside"
    outside.mkdir()
    snapshot = os.path.join(dangling.cache.folder("org/name"), "snapshots", dangling.commit)
    os.symlink(outside, snapshot)
    (outcome,) = repair_from(dangling.cache, dangling.source)
    assert isinstance(outcome, Unrepaired)
    assert (
        outcome.error.message == f"{snapshot} is in the way: no file, and not known to swarmcache."
    )
    assert os.listdir(outside) == []


def test_a_young_dangling_ref_is_left_since_it_may_belong_to_a_download(
    dangling: Dangling,
) -> None:
    dangling.age(60)
    (outcome,) = repair_from(dangling.cache, dangling.source)
    assert isinstance(outcome, Unrepaired)
    assert outcome.error.message.endswith("is younger than an hour, and may belong to a download.")


def test_a_dangling_ref_is_left_while_a_download_of_the_repo_runs(dangling: Dangling) -> None:
    with blob_lock(dangling.cache.path, NAME, "some-etag"):
        (outcome,) = repair_from(dangling.cache, dangling.source)
    assert isinstance(outcome, Unrepaired)
    assert outcome.error.message == "A download of org/name is under way."


def test_a_dangling_ref_whose_commit_cannot_be_had_stays(dangling: Dangling) -> None:
    (outcome,) = repair_from(dangling.cache)
    assert isinstance(outcome, Unrepaired)
    assert content(dangling.ref).decode() == dangling.commit


def commits(cache: CacheMaker) -> list[tuple[RepoName, str]]:
    return [(repo.name, rev.commit) for repo in iter_repos(cache.path) for rev in repo.revisions]


def test_a_missing_manifest_is_written_as_the_hubs_client_writes_it(
    tmp_path: Path, endpoint: RunningHub
) -> None:
    cache = CacheMaker(tmp_path / "old")
    commit = cache.repo("org/name", FILES, trees=False)
    with Hub([endpoint.url], Environment.current()) as hub:
        plan = plan_repair([], cache.path, commits=commits(cache), hub=hub)
        (outcome,) = applied(plan, hub)
    assert isinstance(outcome, Repaired)
    path = os.path.join(cache.folder("org/name"), "trees", f"{commit}.json")
    document = json.loads(content(path))
    assert document["format_version"] == 1
    weights = document["files"]["model.safetensors"]
    assert (weights["lfs_sha256"], weights["lfs_size"]) == (sha256(WEIGHTS), len(WEIGHTS))
    assert document["files"]["config.json"] == {"size": 23, "blob_id": git_sha1(CONFIG)}


def test_a_damaged_manifest_is_taken_from_nearby_and_one_of_a_later_format_is_left(
    cache: CacheMaker, good: CacheMaker
) -> None:
    (path,) = (
        os.path.join(cache.folder("org/name"), "trees", name)
        for name in os.listdir(os.path.join(cache.folder("org/name"), "trees"))
    )
    whole = content(path)
    write(path, whole[:50])
    applied(plan_repair([], cache.path, commits=commits(cache), nearby=[good.path]))
    assert content(path) == whole
    write(path, b'{"format_version": 2}')
    assert plan_repair([], cache.path, commits=commits(cache), nearby=[good.path]).repairs == ()


def test_a_manifest_that_cannot_be_had_is_no_failure(tmp_path: Path) -> None:
    cache = CacheMaker(tmp_path / "old")
    cache.repo("org/name", FILES, trees=False)
    plan = plan_repair([], cache.path, commits=commits(cache))
    (outcome,) = applied(plan)
    assert isinstance(outcome, Unrepaired)
    assert outcome.exit_code == 0


@pytest.mark.parametrize("take", ["blob", "payload", "repair"])
def test_a_lock_that_another_process_holds_is_busy_and_changes_nothing(
    tmp_path: Path, good: CacheMaker, take: str
) -> None:
    cache = CacheMaker(tmp_path / "shared")
    cache.repo("org/name", FILES, shared=True)
    payload = os.path.realpath(entry(cache, "model.safetensors"))
    flip(payload)
    wrong = content(payload)
    plan = plan_repair(problems(cache), cache.path, nearby=[good.path])
    if take == "repair":
        first = apply_repair(plan, Environment.current())
        assert isinstance(next(first), Repaired)
        with pytest.raises(CacheBusy):
            applied(plan)
        first.close()
        return
    held = blob_lock(cache.path, NAME, sha256(WEIGHTS)) if take == "blob" else payload_lock(payload)
    with held:
        (outcome,) = applied(plan)
    assert isinstance(outcome, Unrepaired)
    assert outcome.exit_code == 6
    assert content(payload) == wrong


def test_what_another_process_repaired_meanwhile_is_not_brought_again(
    cache: CacheMaker, good: CacheMaker
) -> None:
    flip(blob(cache, WEIGHTS))
    plan = plan_repair(problems(cache), cache.path, nearby=[good.path])
    write(blob(cache, WEIGHTS), WEIGHTS)
    (outcome,) = applied(plan)
    assert isinstance(outcome, Repaired)
    assert outcome.bytes_brought == 0


def test_an_endpoint_that_has_another_file_there_is_refused(
    cache: CacheMaker, tmp_path: Path
) -> None:
    commit = os.path.basename(os.path.dirname(entry(cache, "config.json")))
    forged = CacheMaker(tmp_path / "forged")
    forged.repo("org/name", {**FILES, "model.safetensors": OTHER}, commit=commit)
    flip(blob(cache, WEIGHTS))
    with running([forged.path]) as served, Hub([served.url], Environment.current()) as hub:
        (outcome,) = applied(plan_repair(problems(cache), cache.path, hub=hub), hub)
    assert isinstance(outcome, Unrepaired)
    assert (type(outcome.error).__name__, outcome.exit_code) == ("WrongBytes", 5)


def test_an_endpoint_that_sends_other_bytes_than_it_names_is_refused(
    cache: CacheMaker, good: CacheMaker, endpoint: RunningHub
) -> None:
    flip(blob(cache, WEIGHTS))
    flip(blob(good, WEIGHTS))
    before = content(blob(cache, WEIGHTS))
    with Hub([endpoint.url], Environment.current()) as hub:
        (outcome,) = applied(plan_repair(problems(cache), cache.path, hub=hub), hub)
    assert isinstance(outcome, Unrepaired)
    assert outcome.exit_code == 5
    assert content(blob(cache, WEIGHTS)) == before


def test_a_dead_endpoint_is_a_network_failure_and_is_asked_once(tmp_path: Path) -> None:
    cache = CacheMaker(tmp_path / "two")
    cache.repo("org/name", FILES)
    cache.repo("org/second", {"model.safetensors": OTHER, "config.json": CONFIG})
    flip(blob(cache, WEIGHTS))
    flip(os.path.join(cache.folder("org/second"), "blobs", sha256(OTHER)))
    found = problems(cache, everything=True)
    with Hub(["http://127.0.0.1:9"], Environment.current()) as hub:
        outcomes = applied(plan_repair(found, cache.path, hub=hub), hub)
    assert [type(one) for one in outcomes] == [Unrepaired, Unrepaired]
    first, second = outcomes
    assert isinstance(first, Unrepaired)
    assert isinstance(second, Unrepaired)
    assert (first.exit_code, second.exit_code) == (4, 4)
    assert first.error is second.error


def test_what_a_killed_repair_left_is_removed_by_the_next(
    cache: CacheMaker, good: CacheMaker
) -> None:
    left = os.path.join(cache.path, ".locks", ".swarmcache", "partial", "repair-dead")
    write(os.path.join(left, "half"), b"x")
    assert repair_from(cache, good) == []
    assert state_files(cache) == []


@pytest.mark.faults
def test_a_repo_folder_on_another_file_system_is_left_and_named(
    cache: CacheMaker, good: CacheMaker, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    with small_disk(str(elsewhere), "tmpfs", "size=2m"):
        folder = cache.folder("org/name")
        shutil.move(folder, elsewhere / "repo")
        os.symlink(elsewhere / "repo", folder)
        flip(blob(cache, WEIGHTS))
        found = [
            FileVerdict(
                NAME,
                os.path.basename(os.path.dirname(entry(cache, "config.json"))),
                "model.safetensors",
                None,
                0,
                Corrupt("wrong-hash"),
            )
        ]
        (outcome,) = applied(plan_repair(found, cache.path, nearby=[good.path]))
        assert isinstance(outcome, Unrepaired)
        assert outcome.exit_code == 5
        assert outcome.error.message.endswith("lies on another file system than its cache.")
        assert state_files(cache) == []


@pytest.mark.faults
def test_a_lock_file_that_is_closed_to_this_user_is_said_so() -> None:
    with open_folder() as folder:
        write(f"{folder}/closed.lock", b"")
        os.chmod(f"{folder}/closed.lock", 0o600)
        program = (
            "import sys\n"
            "from swarmcache.errors import AccessDenied\n"
            "from swarmcache.hubcache.locks import held\n"
            "try:\n"
            "    with held(sys.argv[1], 1, mode=0o664): sys.exit(9)\n"
            "except AccessDenied as error: sys.exit(error.exit_code)\n"
        )
        done = run_as_other_user([sys.executable, "-c", program, f"{folder}/closed.lock"])
    if os.geteuid() != 0:
        pytest.skip("only root has another user to be")
    assert done.returncode == 3, done.stderr


def test_a_plan_that_does_not_fit_changes_nothing(
    cache: CacheMaker, good: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(blob(cache, WEIGHTS))
    monkeypatch.setattr("swarmcache.plans.repair.planning.free_bytes", lambda _: 100)
    plan = plan_repair(problems(cache), cache.path, nearby=[good.path])
    with pytest.raises(DiskFull):
        applied(plan)
    assert state_files(cache) == []
    assert kinds(problems(cache)) == [("model.safetensors", "wrong-hash")]


def test_a_nearby_cache_that_does_not_exist_is_an_error(cache: CacheMaker, tmp_path: Path) -> None:
    with pytest.raises(CacheNotFound):
        plan_repair([], cache.path, nearby=[str(tmp_path / "absent")])


def test_the_projects_lock_decides_what_the_bytes_must_be(
    cache: CacheMaker, tmp_path: Path
) -> None:
    """Even where the cache's own manifest and the blob's name agree on something else."""
    commit = os.path.basename(os.path.dirname(entry(cache, "config.json")))
    locked = {"model.safetensors": LockedFile(len(OTHER), sha256(OTHER), None)}

    def lock(repo: RepoName, of: str) -> Mapping[str, LockedFile] | None:
        return locked if (repo, of) == (NAME, commit) else None

    state = state_folder(cache.path, Environment.current())
    run = verify([TARGET], cache.path, state=state, locked=lock)
    found = [one for one in run if isinstance(one.outcome, Corrupt)]
    assert kinds(found) == [("model.safetensors", "wrong-file")]
    nearby = CacheMaker(tmp_path / "locked")
    nearby.repo("org/name", {"model.safetensors": OTHER}, commit=commit)
    applied(plan_repair(found, cache.path, nearby=[nearby.path], locked=lock))
    assert content(entry(cache, "model.safetensors")) == OTHER
    assert content(blob(cache, WEIGHTS)) == WEIGHTS


def test_what_was_changing_or_cannot_be_read_is_not_proven_wrong(
    cache: CacheMaker, good: CacheMaker
) -> None:
    flip(blob(cache, WEIGHTS))
    (found,) = problems(cache)
    changing = replace(found, outcome=Corrupt("changed-while-reading"))
    closed = replace(found, outcome=Missing("unreadable", "It is closed."))
    plan = plan_repair([changing, closed], cache.path, nearby=[good.path])
    outcomes = applied(plan)
    assert [one.exit_code for one in outcomes if isinstance(one, Unrepaired)] == [5, 3]
    assert content(blob(cache, WEIGHTS)) != WEIGHTS


def test_a_file_where_a_folder_should_be_is_left(cache: CacheMaker, good: CacheMaker) -> None:
    folder = os.path.dirname(entry(cache, "nested/extra.json"))
    os.unlink(entry(cache, "nested/extra.json"))
    os.rmdir(folder)
    write(folder, b"mine")
    commit = os.path.basename(os.path.dirname(folder))
    verdict = FileVerdict(NAME, commit, "nested/extra.json", None, 0, Missing("missing-file"))
    (outcome,) = applied(plan_repair([verdict], cache.path, nearby=[good.path]))
    assert isinstance(outcome, Unrepaired)
    assert content(folder) == b"mine"


def test_the_folder_above_a_cache_is_refused_with_the_one_that_is_meant(
    cache: CacheMaker, tmp_path: Path
) -> None:
    CacheMaker(tmp_path / "home" / "hub").repo("org/name", FILES)
    with pytest.raises(CacheNotFound) as refused:
        plan_repair([], cache.path, nearby=[str(tmp_path / "home")])
    assert refused.value.hint == f"--from {tmp_path}/home/hub"


def test_a_blob_that_a_mirror_named_gets_the_hubs_name_when_it_is_fetched_anew(
    tmp_path: Path, endpoint: RunningHub
) -> None:
    """Nothing in the cache tells its hash; the endpoint does, for exactly that commit."""
    cache = CacheMaker(tmp_path / "mirrored")
    cache.repo("org/name", FILES, trees=False)
    odd = os.path.join(os.path.dirname(blob(cache, WEIGHTS)), "W-odd-etag")
    os.rename(blob(cache, WEIGHTS), odd)
    link(odd, entry(cache, "model.safetensors"))
    os.truncate(odd, 100)
    with Hub([endpoint.url], Environment.current()) as hub:
        found = problems(cache)
        assert [path for path, _ in kinds(found)] == ["model.safetensors"]
        assert [type(one) for one in applied(plan_repair(found, cache.path, hub=hub), hub)] == [
            Repaired
        ]
    assert content(blob(cache, WEIGHTS)) == WEIGHTS
    assert problems(cache) == []
    assert os.path.getsize(odd) == 100


def test_the_mode_is_that_of_a_new_file(cache: CacheMaker, good: CacheMaker) -> None:
    flip(blob(cache, WEIGHTS))
    umask = os.umask(0o027)
    try:
        repair_from(cache, good)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(os.stat(blob(cache, WEIGHTS)).st_mode) == 0o640


def test_a_path_that_leads_out_of_its_snapshot_is_refused(
    cache: CacheMaker, good: CacheMaker, tmp_path: Path
) -> None:
    commit = os.path.basename(os.path.dirname(entry(cache, "config.json")))
    verdict = FileVerdict(NAME, commit, "../../../../x.json", None, 0, Missing("missing-shard"))
    (outcome,) = applied(plan_repair([verdict], cache.path, nearby=[good.path]))
    assert isinstance(outcome, Unrepaired)
    assert not (tmp_path / "x.json").exists()
