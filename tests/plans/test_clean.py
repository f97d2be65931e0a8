"""`clean` over real cache folders: what goes, what stays and why, and what it frees."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from cachemaker import CacheMaker, git_sha1, link, sha256, tiny_safetensors, write
from cleaning import cleaned, contents, inodes, model, named, tree
from other_user import open_folder, run_as_other_user
from processes import python
from swarmcache.environment import Environment
from swarmcache.errors import AccessDenied
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import RepoName, parse_target
from swarmcache.hubcache.locks import blob_lock
from swarmcache.hubcache.usage import free_bytes
from swarmcache.hubcache.use.last_use import note_use
from swarmcache.hubcache.use.leases import lease
from swarmcache.hubcache.use.roots import add_root
from swarmcache.plans.clean import LEFTOVER_KINDS, Pin, Wishes, plan_clean
from swarmcache.plans.clean.applying import apply_clean
from swarmcache.plans.clean.known import take_inventory
from swarmcache.plans.clean.payloads import stored_payloads
from swarmcache.plans.clean.trash import Trash

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

A, B = RepoName("model", "org/a"), RepoName("model", "org/b")
OLD = "1" * 40
LAYOUTS = {
    "links": {},
    "without manifests": {"trees": False},
    "plain files": {"links": False},
    "plain files without manifests": {"links": False, "trees": False},
    "shared store": {"shared": True},
    "marks": {"no_exist": ["adapter_config.json"]},
}


@pytest.fixture
def maker(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "hub")


def reasons(kept: object) -> list[str]:
    """Return the reasons of what was kept."""
    return [one.reason for one in kept]  # type: ignore[attr-defined]


def age(path: str, seconds: float = 3600) -> None:
    """Make a file look old."""
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_model_goes_whole_and_its_neighbour_stays(maker: CacheMaker, layout: str) -> None:
    """In each layout: one rename, the bytes measured, not a byte of the other model."""
    maker.repo("org/a", model(1), **LAYOUTS[layout])  # type: ignore[arg-type]
    maker.repo("org/b", model(2), **LAYOUTS[layout])  # type: ignore[arg-type]
    before, held = tree(maker.path), inodes(maker.path)
    plan, (done, *rest) = cleaned(maker.path, Wishes((named("org/a"),)))
    assert [step.kind for step in done.done] == ["repo"]
    gone = "models--org--a/"
    after = tree(maker.path)
    payload = next((path for path in before if path.startswith("blobs/") and path not in after), "")
    assert {p: c for p, c in before.items() if p in after} == after
    assert {p for p in before if p not in after and not p.startswith(gone)} <= {
        payload,
        f"{payload}.refs",
        payload.removesuffix(".refs"),
    }
    assert not os.path.lexists(maker.folder("org/a"))
    freed = sum(held.values()) - sum(inodes(maker.path).values())
    assert done.freed_bytes + sum(one.freed_bytes for one in rest) == freed
    assert plan.freed_bytes_expected == freed
    assert check(parse_target("org/b"), maker.path).state == "complete"


def test_a_detached_revision_goes_and_shared_blobs_stay(maker: CacheMaker) -> None:
    """Blobs that the kept revision links are not touched."""
    main = maker.repo("org/a", model(1))
    maker.repo("org/a", model(1, **{"README.md": b"old"}), commit=OLD, refs=())
    before = contents(f"{maker.folder('org/a')}/snapshots/{main}")
    _, (done,) = cleaned(maker.path, Wishes(everything=True, detached=True))
    assert [step.kind for step in done.done] == ["revision", "manifest", "blob"]
    assert os.listdir(f"{maker.folder('org/a')}/snapshots") == [main]
    assert contents(f"{maker.folder('org/a')}/snapshots/{main}") == before


def test_a_revision_goes_by_refs_then_snapshot_then_the_rest(maker: CacheMaker) -> None:
    """The order of which every prefix is a legal cache."""
    maker.repo("org/a", model(1), no_exist=["x"])
    other = maker.repo("org/a", model(2), commit=OLD, refs=("dev", "refs/pr/1"), no_exist=["y"])
    plan = plan_clean(maker.path, Environment.current(), Wishes((named(f"org/a@{other}"),)))
    kinds = [step.kind for step in plan.steps]
    assert kinds == ["ref", "ref", "revision", "manifest", "marks", "blob"]


def test_a_shared_payload_stays_for_its_other_user(maker: CacheMaker) -> None:
    """Two repos, one payload: it goes with the second, and so do its bytes."""
    maker.repo("org/a", model(1), shared=True)
    maker.repo("org/b", model(1), shared=True)
    etag = sha256(tiny_safetensors(1))
    cleaned(maker.path, Wishes((named("org/a"),)))
    blob = f"{maker.folder('org/b')}/blobs/{etag}"
    assert os.path.exists(blob)
    payload = os.path.realpath(blob)
    with open(f"{payload}.refs") as manifest:
        assert manifest.read() == f"models--org--b/blobs/{etag}\n"
    held = inodes(maker.path)
    plan, groups = cleaned(maker.path, Wishes((named("org/b"),)))
    assert not os.path.exists(payload)
    freed = sum(held.values()) - sum(inodes(maker.path).values())
    assert sum(one.freed_bytes for one in groups) == freed == plan.freed_bytes_expected
    assert [step.kind for step in plan.steps] == ["repo", "payload"]


def test_a_payload_whose_manifest_forgot_a_user_stays(maker: CacheMaker) -> None:
    """An old client, or a copy, left a link that the manifest lacks: it counts all the same."""
    maker.repo("org/a", model(1), shared=True)
    maker.repo("org/b", model(1), shared=True)
    etag = sha256(tiny_safetensors(1))
    payload = os.path.realpath(f"{maker.folder('org/b')}/blobs/{etag}")
    write(f"{payload}.refs", f"models--org--a/blobs/{etag}\n".encode())
    cleaned(maker.path, Wishes((named("org/a"),)))
    assert check(parse_target("org/b"), maker.path).state == "complete"


def test_a_payload_without_a_manifest_is_left_to_leftovers(maker: CacheMaker) -> None:
    """The Hub's rule: no manifest, no removal; only the leftovers, which look at every repo."""
    maker.repo("org/a", model(1), shared=True)
    payload = os.path.realpath(f"{maker.folder('org/a')}/blobs/{sha256(tiny_safetensors(1))}")
    os.unlink(f"{payload}.refs")
    plan, _ = cleaned(maker.path, Wishes((named("org/a"),)))
    assert [step.kind for step in plan.steps] == ["repo"]
    assert os.path.exists(payload)
    age(payload)
    _, groups = cleaned(maker.path, Wishes(leftovers=frozenset({"payload"})))
    assert [step.kind for one in groups for step in one.done] == ["payload"]
    assert not os.path.exists(payload)


def test_a_payload_without_a_manifest_gets_none(maker: CacheMaker) -> None:
    """Else it would go with its second user, which the plan did not say."""
    maker.repo("org/a", model(1), shared=True)
    maker.repo("org/b", model(1), shared=True)
    payload = os.path.realpath(f"{maker.folder('org/a')}/blobs/{sha256(tiny_safetensors(1))}")
    os.unlink(f"{payload}.refs")
    plan, groups = cleaned(maker.path, Wishes(everything=True))
    assert os.path.exists(payload)
    assert not os.path.exists(f"{payload}.refs")
    assert sum(one.freed_bytes for one in groups) == plan.freed_bytes_expected


def test_hard_linked_blobs_count_when_the_last_link_goes(maker: CacheMaker) -> None:
    """Two repos share an inode: the first removal frees nothing of it."""
    etag = sha256(tiny_safetensors(1))
    maker.repo("org/a", model(1))
    maker.repo("org/b", model(1))
    ours, theirs = (f"{maker.folder(name)}/blobs/{etag}" for name in ("org/a", "org/b"))
    os.unlink(theirs)
    os.link(ours, theirs)
    size = os.stat(ours).st_blocks * 512
    held = sum(inodes(maker.path).values())
    plan, (first,) = cleaned(maker.path, Wishes((named("org/a"),)))
    left = sum(inodes(maker.path).values())
    assert first.freed_bytes == plan.freed_bytes_expected == held - left
    both, _ = cleaned(maker.path, Wishes((named("org/b"),)))
    assert both.freed_bytes_expected == left
    assert both.freed_bytes_expected - first.freed_bytes == size


def linked_weights(maker: CacheMaker, other: CacheMaker, *names: str) -> None:
    """Let models of a cache have the weights of org/a in another, by hard link."""
    large = {"model.safetensors": tiny_safetensors(1, rows=2**14)}
    blob = f"blobs/{sha256(large['model.safetensors'])}"
    for place, name in ((other, "org/a"), *((maker, name) for name in names)):
        place.repo(name, model(1, **large))
        if (place, name) != (other, "org/a"):
            os.unlink(f"{place.folder(name)}/{blob}")
            os.link(f"{other.folder('org/a')}/{blob}", f"{place.folder(name)}/{blob}")


def test_a_budget_is_kept_by_what_another_cache_links_too(
    maker: CacheMaker, tmp_path: Path
) -> None:
    """The cache holds it no longer, though the disk has no more room: the plan says both."""
    linked_weights(maker, CacheMaker(tmp_path / "other"), "org/b")
    plan = plan_clean(maker.path, Environment.current(), Wishes(budget=100_000))
    assert [step.repo and step.repo.id for step in plan.steps] == ["org/b"]
    assert plan.short == 0
    assert plan.freed_bytes_expected < 100_000


def test_free_takes_no_model_whose_weights_stay_linked(maker: CacheMaker) -> None:
    """Not even for its few small files: another one goes, which was used later."""
    linked_weights(maker, maker, "org/b")
    maker.repo("org/z", model(2, **{"model.safetensors": tiny_safetensors(2, rows=2**14)}))
    free = free_bytes(maker.path) + 500_000
    pins = [Pin(A, "main", "it is pinned")]
    plan = plan_clean(maker.path, Environment.current(), Wishes(free=free), pins=pins)
    assert [step.repo and step.repo.id for step in plan.steps] == ["org/z"]


STRANGERS = {
    "a key beside the blobs": "swarm.pem",
    "a folder of a later client": "xet/index",
    "a file among the blobs": "blobs/notes.txt",
    "a file among the refs": "refs/notes.txt",
    "a mark that is not empty": f".no_exist/{OLD}/file",
}


@pytest.mark.parametrize("place", STRANGERS.values(), ids=STRANGERS)
def test_what_is_not_the_hubs_stays(maker: CacheMaker, place: str) -> None:
    """All of the model goes around it."""
    maker.repo("org/a", model(1))
    path = f"{maker.folder('org/a')}/{place}"
    write(path, b"mine")
    plan, (done,) = cleaned(maker.path, Wishes((named("org/a"),)))
    with open(path, "rb") as file:
        assert file.read() == b"mine"
    assert not os.path.exists(f"{maker.folder('org/a')}/blobs/{sha256(tiny_safetensors(1))}")
    assert "revision" in [step.kind for step in done.done]
    assert "it is not of the Hub's layout" in reasons(plan.kept)
    again = plan_clean(maker.path, Environment.current(), Wishes((named("org/a"),)))
    assert again.steps == ()


@pytest.mark.parametrize("name", ["swarm.pem", "config.json"])
def test_a_users_file_in_a_snapshot_keeps_the_revision(maker: CacheMaker, name: str) -> None:
    """A key, or an edited copy in place of the link, as people make it."""
    commit = maker.repo("org/a", model(1))
    path = f"{maker.folder('org/a')}/snapshots/{commit}/{name}"
    if os.path.lexists(path):
        os.unlink(path)
    write(path, b"mine, and longer than before")
    before = tree(maker.path)
    plan, done = cleaned(maker.path, Wishes((named("org/a"),)))
    assert plan.steps == () == tuple(done)
    assert reasons(plan.kept)[0] == f"{path} in it is not the Hub's"
    assert tree(maker.path) == before


def test_nothing_goes_through_a_link_that_leaves_the_cache(
    maker: CacheMaker, tmp_path: Path
) -> None:
    """A repo folder, a blobs folder, and a blob that lie on another disk."""
    outside = CacheMaker(tmp_path / "outside")
    for name in ("org/a", "org/b", "org/c"):
        outside.repo(name, model(1))
    os.symlink(outside.folder("org/a"), maker.folder("org/a"))
    maker.repo("org/b", model(1))
    os.rename(f"{maker.folder('org/b')}/blobs", tmp_path / "blobs")
    os.symlink(tmp_path / "blobs", f"{maker.folder('org/b')}/blobs")
    maker.repo("org/c", model(1))
    blob = f"{maker.folder('org/c')}/blobs/{sha256(tiny_safetensors(1))}"
    os.unlink(blob)
    os.symlink(f"{outside.folder('org/c')}/blobs/{os.path.basename(blob)}", blob)
    before = tree(outside.path), os.listdir(tmp_path / "blobs"), os.readlink(blob)
    plan, _ = cleaned(maker.path, Wishes(everything=True, leftovers=frozenset(LEFTOVER_KINDS)))
    assert (tree(outside.path), os.listdir(tmp_path / "blobs"), os.readlink(blob)) == before
    assert "its folder is a link, which may leave the cache" in reasons(plan.kept)
    assert os.path.islink(maker.folder("org/a"))
    assert os.path.islink(f"{maker.folder('org/b')}/blobs")


def test_a_cache_root_that_is_a_link_is_cleaned(maker: CacheMaker, tmp_path: Path) -> None:
    """People put the cache on a big disk and link to it."""
    maker.repo("org/a", model(1))
    os.symlink(maker.path, tmp_path / "link")
    cleaned(str(tmp_path / "link"), Wishes((named("org/a"),)))
    assert not os.path.exists(maker.folder("org/a"))


def test_trash_that_is_a_link_is_refused(maker: CacheMaker, tmp_path: Path) -> None:
    """Else what lies there would be deleted."""
    maker.repo("org/a", model(1))
    os.makedirs(f"{maker.path}/.locks/.swarmcache")
    write(str(tmp_path / "elsewhere/mine/file"), b"mine")
    os.symlink(tmp_path / "elsewhere", f"{maker.path}/.locks/.swarmcache/trash")
    with pytest.raises(AccessDenied, match="must be a folder of the cache itself"):
        cleaned(maker.path, Wishes((named("org/a"),)))
    assert os.path.exists(tmp_path / "elsewhere/mine/file")
    assert check(parse_target("org/a"), maker.path).state == "complete"


def test_pins_and_roots_hold_their_revision_only(maker: CacheMaker, tmp_path: Path) -> None:
    """The other revision of the pinned model goes; with --ignore-pins all of it."""
    main = maker.repo("org/a", model(1))
    maker.repo("org/a", model(2), commit=OLD, refs=())
    maker.repo("org/b", model(3))
    project = tmp_path / "project"
    project.mkdir()
    add_root(maker.path, Environment.current(), str(project), [parse_target("org/b")])
    pins = [Pin(A, "main", "the settings pin it")]
    plan, _ = cleaned(maker.path, Wishes(everything=True), pins=pins)
    assert reasons(plan.kept) == ["the settings pin it", f"the project {project} needs it"]
    assert os.listdir(f"{maker.folder('org/a')}/snapshots") == [main]
    assert check(parse_target("org/b"), maker.path).state == "complete"
    cleaned(maker.path, Wishes(everything=True, ignore_pins=True), pins=pins)
    assert not os.path.exists(maker.folder("org/a"))
    assert not os.path.exists(maker.folder("org/b"))


def test_a_pin_by_commit_holds_a_detached_revision(maker: CacheMaker) -> None:
    """What `hf cache prune` would delete."""
    maker.repo("org/a", model(1))
    maker.repo("org/a", model(2), commit=OLD, refs=())
    pins = [Pin(A, OLD, "swarmcache.lock pins it")]
    plan, done = cleaned(maker.path, Wishes(everything=True, detached=True), pins=pins)
    assert (plan.steps, done, reasons(plan.kept)) == ((), [], ["swarmcache.lock pins it"])


def test_a_leased_model_stays_whatever_is_asked_for(maker: CacheMaker) -> None:
    """Naming it and --ignore-pins do not lift a lease; its end does."""
    maker.repo("org/a", model(1))
    wishes = Wishes((named("org/a"),), ignore_pins=True)
    with lease(maker.path, Environment.current(), [A]):
        plan, _ = cleaned(maker.path, wishes)
    assert reasons(plan.kept) == [f"process {os.getpid()} uses it"]
    assert [one.busy for one in plan.kept] == [True]
    assert cleaned(maker.path, wishes)[0].steps


def test_a_lease_taken_after_the_plan_counts_as_well(maker: CacheMaker) -> None:
    """Who uses what is asked again under the locks."""
    maker.repo("org/a", model(1))
    environment = Environment.current()
    plan = plan_clean(maker.path, environment, Wishes((named("org/a"),)))
    with lease(maker.path, environment, [A]):
        (done,) = apply_clean(plan, environment)
    assert (done.done, reasons(done.kept)) == ((), [f"process {os.getpid()} uses it"])
    assert check(parse_target("org/a"), maker.path).state == "complete"


def test_recent_use_holds_a_model_unless_it_is_named(maker: CacheMaker) -> None:
    """Its user may just be starting again."""
    maker.repo("org/a", model(1))
    note_use(maker.path, Environment.current(), [A])
    plan, _ = cleaned(maker.path, Wishes(everything=True))
    assert plan.steps == ()
    assert reasons(plan.kept) == ["it was used in the last 10 minutes; naming it lifts this"]
    assert cleaned(maker.path, Wishes((named("org/a"),)))[0].steps


HOLDERS = {
    "opens": "f = open(path, 'rb')",
    "maps": "import mmap; f = open(path, 'rb'); m = mmap.mmap(f.fileno(), 0, prot=1); f.close()",
    "stands beside": "import os; os.chdir(os.path.dirname(path))",
}


@pytest.mark.parametrize("how", HOLDERS)
@pytest.mark.parametrize("shared", [False, True], ids=["own blob", "shared blob"])
def test_a_model_that_another_process_has_stays(maker: CacheMaker, how: str, shared: bool) -> None:
    """A trainer that knows nothing of swarmcache."""
    commit = maker.repo("org/a", model(1), shared=shared)
    path = f"{maker.folder('org/a')}/snapshots/{commit}/model.safetensors"
    program = f"import sys; path = sys.argv[1]; {HOLDERS[how]}; print('ready'); sys.stdin.read()"
    process = subprocess.Popen(
        [*python(program), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        plan, _ = cleaned(maker.path, Wishes((named("org/a"),), ignore_pins=True))
        process.stdin.close()
    assert plan.steps == ()
    (reason,) = reasons(plan.kept)
    assert reason.startswith(f"process {process.pid} (")
    assert cleaned(maker.path, Wishes((named("org/a"),)))[0].steps


@pytest.mark.parametrize("linked", [True, False], ids=["an orphan's", "nobody's"])
def test_a_shared_payload_that_another_process_has_stays(maker: CacheMaker, linked: bool) -> None:
    """Its repo, or its snapshot, was removed by a client that asks nobody."""
    commit = maker.repo("org/a", model(1), shared=True)
    blob = f"{maker.folder('org/a')}/blobs/{sha256(tiny_safetensors(1))}"
    payload = os.path.realpath(blob)
    shutil.rmtree(
        f"{maker.folder('org/a')}/snapshots/{commit}" if linked else maker.folder("org/a")
    )
    for path in (payload, f"{payload}.refs", *([blob] if linked else [])):
        age(path)
    program = "import sys; f = open(sys.argv[1], 'rb'); print('ready'); sys.stdin.read()"
    process = subprocess.Popen(
        [*python(program), payload], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    wishes = Wishes(leftovers=frozenset(LEFTOVER_KINDS))
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        plan, _ = cleaned(maker.path, wishes)
        process.stdin.close()
    assert any(one.startswith(f"process {process.pid} (") for one in reasons(plan.kept))
    assert os.path.exists(payload)
    cleaned(maker.path, wishes)
    assert not os.path.exists(payload)


def test_a_model_that_is_being_downloaded_stays(maker: CacheMaker) -> None:
    """Its lock is held when the plan is made."""
    maker.repo("org/a", model(1))
    with blob_lock(maker.path, A, "f" * 64):
        plan, _ = cleaned(maker.path, Wishes((named("org/a"),), leftovers=frozenset({"partial"})))
    assert reasons(plan.kept) == ["a download of it is under way"]
    assert check(parse_target("org/a"), maker.path).state == "complete"


def test_a_download_that_begins_after_the_plan_is_met_by_its_lock(maker: CacheMaker) -> None:
    """Locks are taken without waiting, and one that is held keeps the whole repo."""
    maker.repo("org/a", model(1))
    environment = Environment.current()
    plan = plan_clean(maker.path, environment, Wishes((named("org/a"),)))
    with blob_lock(maker.path, A, "f" * 64):
        (done,) = apply_clean(plan, environment)
    assert done.done == ()
    assert [one.busy for one in done.kept] == [True]
    assert f"process {os.getpid()}" in done.kept[0].reason


def test_what_changed_since_the_plan_stays(maker: CacheMaker) -> None:
    """A new revision was downloaded while the user read the plan."""
    maker.repo("org/a", model(1))
    environment = Environment.current()
    plan = plan_clean(maker.path, environment, Wishes((named("org/a"),)))
    maker.repo("org/a", model(2), commit=OLD, refs=("dev",))
    (done,) = apply_clean(plan, environment)
    assert (done.done, reasons(done.kept)) == ((), ["it changed since the plan was made"])
    assert len(os.listdir(f"{maker.folder('org/a')}/snapshots")) == 2


def test_leftovers_go_by_kind_and_young_ones_stay(maker: CacheMaker) -> None:
    """Partials, crash remains, orphans, lists and marks of removed revisions, old files."""
    maker.repo("org/a", model(1))
    folder = maker.folder("org/a")
    old = {
        f"{folder}/blobs/{'a' * 64}.0123abcd.incomplete": "partial",
        f"{folder}/blobs/.{'a' * 64}.0123abcd.shared": "temporary",
        f"{folder}/blobs/{'b' * 64}": "orphan",
        f"{folder}/trees/{OLD}.json": "manifest",
        f"{folder}/.no_exist/{OLD}/x": "marks",
        f"{maker.path}/{'c' * 64}.{'d' * 64}": "legacy",
    }
    young = f"{folder}/blobs/{'e' * 64}"
    for path, kind in old.items():
        write(path, b"" if kind == "marks" else b"old")
        age(path)
    age(f"{folder}/.no_exist/{OLD}")
    write(young, b"young")
    _, groups = cleaned(maker.path, Wishes(leftovers=frozenset(LEFTOVER_KINDS)))
    done = {step.path: step.kind for one in groups for step in one.done}
    marks = f"{folder}/.no_exist/{OLD}"
    assert done == {**{p: k for p, k in old.items() if k != "marks"}, marks: "marks"}
    assert os.path.exists(young)
    assert check(parse_target("org/a"), maker.path).state == "complete"


def test_a_repeated_format_goes_where_safetensors_are_complete(maker: CacheMaker) -> None:
    """Not where they are the only weights, nor where the twin is cut off."""
    maker.repo("org/a", model(1, **{"pytorch_model.bin": b"x" * 9000}))
    maker.repo(
        "org/only", {**model(1), "pytorch_model.bin": b"x" * 9000}, absent=["model.safetensors"]
    )
    cut = maker.repo("org/cut", model(2, **{"pytorch_model.bin": b"y" * 9000}))
    weights = f"{maker.folder('org/cut')}/snapshots/{cut}/model.safetensors"
    os.truncate(os.path.realpath(weights), 20)
    plan, groups = cleaned(maker.path, Wishes(everything=True, formats=frozenset({"pickle"})))
    assert [(s.kind, s.repo and s.repo.id) for s in plan.steps] == [
        ("file", "org/a"),
        ("blob", "org/a"),
    ]
    assert sum(one.freed_bytes for one in groups) == 12288 == plan.freed_bytes_expected
    assert check(parse_target("org/a"), maker.path).state == "complete"


def test_a_budget_takes_the_least_harm_first_and_stops(maker: CacheMaker) -> None:
    """An old orphan, then a repeated format, then a detached revision, then what is least used."""
    maker.repo("org/a", model(1, **{"pytorch_model.bin": b"x" * 40_000}))
    maker.repo("org/a", model(5), commit=OLD, refs=())
    maker.repo("org/b", model(2))
    maker.repo("org/c", model(3))
    orphan = f"{maker.folder('org/c')}/blobs/{'b' * 64}"
    write(orphan, b"x" * 50_000)
    for path, below, names in os.walk(maker.path):
        del below
        for name in names:
            age(f"{path}/{name}", 86400 if "org--b" in path else 3600)
    total = sum(inodes(maker.path).values())
    asked = [(1, {"orphan"}), (60_000, {"orphan", "file", "blob"})]
    asked.append((96_000, {"orphan", "file", "blob", "revision", "manifest"}))
    for less, kinds in asked:
        plan = plan_clean(maker.path, Environment.current(), Wishes(budget=total - less))
        assert {step.kind for step in plan.steps} == kinds, less
        assert less <= plan.freed_bytes_expected
    plan = plan_clean(maker.path, Environment.current(), Wishes(budget=total - 120_000))
    assert [s.repo and s.repo.id for s in plan.steps if s.kind == "repo"] == ["org/b"]
    everything = plan_clean(maker.path, Environment.current(), Wishes(budget=0))
    assert everything.freed_bytes_expected == total
    assert everything.short == 0
    assert plan_clean(maker.path, Environment.current(), Wishes(budget=total)).steps == ()


def test_a_budget_that_pins_forbid_tells_what_is_missing(maker: CacheMaker) -> None:
    """Nothing pinned goes for it."""
    maker.repo("org/a", model(1))
    pins = [Pin(A, "main", "the settings pin it")]
    plan, _ = cleaned(maker.path, Wishes(budget=0), pins=pins)
    assert plan.steps == ()
    assert plan.short == sum(inodes(maker.path).values())


def test_older_than_goes_by_the_last_use(maker: CacheMaker) -> None:
    """A record of ours, or the access times where they are later."""
    maker.repo("org/a", model(1))
    maker.repo("org/b", model(2))
    for path, _, names in os.walk(maker.path):
        for name in names:
            age(f"{path}/{name}", 40 * 86400)
    note_use(maker.path, Environment.current(), [A])
    plan = plan_clean(
        maker.path, Environment.current(), Wishes(everything=True, older_than=30 * 86400)
    )
    assert [step.repo and step.repo.id for step in plan.steps] == ["org/b"]


def test_a_plan_for_one_model_looks_at_no_other(
    maker: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are."""
    for number in range(5):
        maker.repo(f"org/m{number}", model(number))
    looked: list[str] = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked.append(str(path)) or real(path))
    plan_clean(maker.path, Environment.current(), Wishes((named("org/m3"),)))
    below = {path for path in looked if "models--" in path}
    assert below
    assert {path for path in below if "models--org--m3" not in path} == set()


def test_a_plan_looks_once_at_each_folder_and_file(
    maker: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read of a repo tells what is in it: a second walk costs a third of a plan."""
    maker.repo("org/a", model(1, **{"sub/extra.json": b"{}"}))
    folders: list[str] = []
    files: list[str] = []
    scandir, stat, readlink = os.scandir, os.stat, os.readlink
    monkeypatch.setattr(os, "scandir", lambda path: folders.append(path) or scandir(path))
    monkeypatch.setattr(os, "stat", lambda path, **k: files.append(path) or stat(path, **k))
    monkeypatch.setattr(os, "readlink", lambda path: files.append(path) or readlink(path))
    plan = plan_clean(maker.path, Environment.current(), Wishes(everything=True))
    monkeypatch.undo()
    assert [step.kind for step in plan.steps] == ["repo"]
    for looked in (folders, files):
        inside = sorted(str(path) for path in looked if "models--org--a/" in str(path))
        assert inside == sorted(set(inside))
        assert inside


def test_a_dry_plan_changes_nothing(maker: CacheMaker) -> None:
    """Not even a lock file or a folder of ours appears."""
    maker.repo("org/a", model(1))
    before = sorted(path for path, _, _ in os.walk(maker.path))
    plan = plan_clean(maker.path, Environment.current(), Wishes(everything=True))
    assert plan.steps
    assert sorted(path for path, _, _ in os.walk(maker.path)) == before


def test_a_cache_that_cannot_be_written_is_refused() -> None:
    """Exit 3, and nothing has changed."""
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/hub")
        maker.repo("org/a", model(1))
        command = [sys.executable, "-m", "swarmcache", "clean", "org/a", "--yes"]
        done = run_as_other_user(
            [*command, "--cache-dir", maker.path], cwd=folder, env={**os.environ, "HOME": folder}
        )
        assert done.returncode == 3, done
        assert "cannot be written" in done.stderr
        assert check(parse_target("org/a"), maker.path).state == "complete"


def test_names_that_look_like_options_are_names(maker: CacheMaker) -> None:
    """A file called `-rf` is only a stranger."""
    maker.repo("org/a", model(1))
    write(f"{maker.folder('org/a')}/-rf", b"mine")
    cleaned(maker.path, Wishes((named("org/a"),)))
    assert os.listdir(maker.folder("org/a")).count("-rf") == 1


def test_a_pin_of_a_commit_that_is_not_cached_holds_no_other(maker: CacheMaker) -> None:
    """A lock names one commit; of a branch that is gone nobody knows which was meant."""
    maker.repo("org/a", model(1))
    maker.repo("org/a", model(2), commit=OLD, refs=())
    environment, wishes = Environment.current(), Wishes(everything=True, detached=True)
    plan = plan_clean(maker.path, environment, wishes, pins=[Pin(A, "9" * 40, "pinned")])
    assert [step.commit for step in plan.steps if step.kind == "revision"] == [OLD]
    plan = plan_clean(maker.path, environment, wishes, pins=[Pin(A, "gone", "pinned")])
    assert (plan.steps, reasons(plan.kept)) == ((), ["pinned"])


def acting_before_taking(monkeypatch: pytest.MonkeyPatch, act: Callable[[str], object]) -> None:
    """Let somebody act on each path in the instant before it goes into the trash."""
    real = Trash.take

    def take(trash: Trash, path: str, group: str) -> None:
        act(path)
        real(trash, path, group)

    monkeypatch.setattr(Trash, "take", take)


def test_a_download_that_begins_during_the_removal_gets_its_repo_back(
    maker: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock appears after ours were taken, and its file goes with the rename."""
    maker.repo("org/a", model(1))
    before = tree(maker.path)
    environment = Environment.current()
    plan = plan_clean(maker.path, environment, Wishes((named("org/a"),)))
    partial = f"{maker.folder('org/a')}/blobs/{'f' * 64}.01234567.incomplete"
    with contextlib.ExitStack() as locks:

        def begin(_: str) -> None:
            locks.enter_context(blob_lock(maker.path, A, "f" * 64))
            write(partial, b"begun")

        acting_before_taking(monkeypatch, begin)
        (done,) = apply_clean(plan, environment)
    assert (done.done, reasons(done.kept)) == ((), ["a download of it is under way"])
    relative = os.path.relpath(partial, maker.path)
    assert tree(maker.path) == {**before, relative: b"begun"}


def test_a_stranger_that_comes_during_the_removal_gets_its_repo_back(
    maker: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the trash is looked through before it is deleted."""
    maker.repo("org/a", model(1))
    before = tree(maker.path)
    environment = Environment.current()
    plan = plan_clean(maker.path, environment, Wishes((named("org/a"),)))
    key = f"{maker.folder('org/a')}/swarm.pem"
    acting_before_taking(monkeypatch, lambda _: write(key, b"mine"))
    (done,) = apply_clean(plan, environment)
    assert done.done == ()
    assert [one.what for one in done.kept] == [key]
    assert tree(maker.path) == {**before, "models--org--a/swarm.pem": b"mine"}


def test_a_blob_that_a_client_links_during_the_removal_comes_back(
    maker: CacheMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub's clients link a blob that is there without taking its lock."""
    main = maker.repo("org/a", model(1))
    maker.repo("org/a", model(1, **{"README.md": b"old"}), commit=OLD, refs=())
    blob = f"{maker.folder('org/a')}/blobs/{git_sha1(b'old')}"
    environment = Environment.current()
    plan = plan_clean(maker.path, environment, Wishes(everything=True, detached=True))

    def link_it(path: str) -> None:
        if path == blob:
            link(blob, f"{maker.folder('org/a')}/snapshots/{main}/README.md")

    acting_before_taking(monkeypatch, link_it)
    (done,) = apply_clean(plan, environment)
    assert [step.kind for step in done.done] == ["revision", "manifest"]
    assert [one.what for one in done.kept] == [blob]
    assert contents(f"{maker.folder('org/a')}/snapshots/{main}")["README.md"] == b"old"


def test_a_budget_counts_a_list_of_users_whose_payload_is_gone(maker: CacheMaker) -> None:
    """A killed clean left it: what it takes is held, or the budget would be missed by it."""
    maker.repo("org/a", model(1), shared=True)
    payload = next(stored_payloads(os.path.realpath(maker.path)))
    os.unlink(payload)
    maker.repo("org/b", model(2))
    with lease(maker.path, Environment.current(), [RepoName("model", "org/b")]):
        plan, _ = cleaned(maker.path, Wishes(budget=0))
    assert not os.path.exists(f"{payload}.refs")
    left = sum(inodes(maker.path).values())
    marker = os.stat(f"{maker.path}/blobs/.huggingface-shared-blobs").st_blocks * 512
    assert left - marker <= plan.short


def test_a_budget_counts_the_manifests_of_shared_payloads(maker: CacheMaker) -> None:
    """They are freed with them: else the next run would find the budget missed by their bytes."""
    for number in range(3):
        maker.repo(f"org/m{number}", model(number), shared=True, trees=False)
    marker = os.stat(f"{maker.path}/blobs/.huggingface-shared-blobs").st_blocks * 512
    held = sum(inodes(maker.path).values()) - marker
    one = plan_clean(maker.path, Environment.current(), Wishes((named("org/m0"),)))
    wishes = Wishes(budget=held - one.freed_bytes_expected)
    plan, _ = cleaned(maker.path, wishes)
    assert plan.freed_bytes_expected == one.freed_bytes_expected
    assert plan_clean(maker.path, Environment.current(), wishes).steps == ()


def test_what_killed_clients_left_goes_from_wherever_it_is(maker: CacheMaker) -> None:
    """In the cache, the repo, its trees, the store; a branch called tmp_abc is no such thing."""
    maker.repo("org/a", model(1), refs=("main", "tmp_abc"))
    folder, uuid = maker.folder("org/a"), "0f8fad5b-d9cb-469f-a165-70867728950e"
    write(f"{maker.path}/blobs/.huggingface-shared-blobs", b"1\n")
    remains = [
        f"{maker.path}/tmpab12cd34/dummy_file_src",
        f"{maker.path}/blobs/.huggingface-shared-blobs.0123abcd.tmp",
        f"{maker.path}/blobs/ab/{'ab' * 32}.refs.0123abcd.tmp",
        f"{folder}/tmp_{uuid}",
        f"{folder}/tmpab12cd34/dummy_file_src",
        f"{folder}/trees/tmpab12cd34.tmp",
    ]
    mine = [f"{maker.path}/tmp/x", f"{folder}/tmp_mine", f"{folder}/trees/notes.tmp"]
    for path in remains:
        write(path, b"x" if "blobs" in path or "trees" in path else b"")
    for path in mine:
        write(path, b"x")
    for path in (*remains, *mine):
        age(path)
        age(os.path.dirname(path))
    before = sum(inodes(maker.path).values())

    plan, groups = cleaned(maker.path, Wishes(leftovers=frozenset({"temporary"})))

    gone = [path.removesuffix("/dummy_file_src") for path in remains]
    assert sorted(step.path for one in groups for step in one.done) == sorted(gone)
    assert not any(os.path.lexists(path) for path in gone)
    assert all(os.path.exists(path) for path in (*mine, f"{folder}/refs/tmp_abc"))
    freed = before - sum(inodes(maker.path).values())
    assert plan.freed_bytes_expected == sum(one.freed_bytes for one in groups) == freed == 12288


def test_a_list_whose_payload_is_gone_goes(maker: CacheMaker) -> None:
    """As a killed removal leaves it; the lock beside it is a kernel lock's file, and stays."""
    folder = f"{maker.path}/blobs/ab"
    payload = f"{folder}/{'ab' * 32}"
    write(f"{maker.path}/blobs/.huggingface-shared-blobs", b"1\n")
    write(f"{payload}.refs", b"models--org--a/blobs/" + b"c" * 64 + b"\n")
    write(f"{payload}.lock", b"")
    age(f"{payload}.refs")
    plan, groups = cleaned(maker.path, Wishes(leftovers=frozenset({"payload"})))
    assert [step.path for step in plan.steps] == [f"{payload}.refs"]
    assert plan.freed_bytes_expected == sum(one.freed_bytes for one in groups) == 4096
    assert os.listdir(folder) == [f"{'ab' * 32}.lock"]


@pytest.mark.parametrize("whole", [True, False])
def test_what_another_clean_removes_meanwhile_stops_no_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """Between two looks at one repo: it is gone, or kept since somebody is at it."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    maker.repo("org/b", model(2))

    def looked(path: str, *arguments: Any) -> Any:
        if path.endswith("--a"):
            shutil.rmtree(path if whole else f"{path}/refs")
        return take_inventory(path, *arguments)

    monkeypatch.setattr("swarmcache.plans.clean.known.take_inventory", looked)
    plan = plan_clean(maker.path, Environment.current(), Wishes(everything=True))
    assert [group.repo for group in plan.groups] == [B]
    kept = [(one.what, one.reason, one.busy) for one in plan.kept]
    reason = "another process is removing some of it"
    assert kept == ([] if whole else [("org/a", reason, True)])
