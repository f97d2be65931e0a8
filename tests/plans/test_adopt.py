"""What another cache holds comes over: every revision, ref and list of files, proven, linked."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, sha256
from cleaning import contents, inodes, model, tree
from other_user import NOBODY, open_folder, run_as_other_user
from small_disks import small_disk
from swarmcache.environment import Environment
from swarmcache.errors import CacheNotFound, WrongBytes
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.intact.journal import sealed
from swarmcache.hubcache.layout import RepoName, parse_target
from swarmcache.hubcache.locks import blob_lock
from swarmcache.hubcache.refs import read_ref
from swarmcache.hubcache.use.evictable import fetched_commits
from swarmcache.hubcache.use.leases import lease
from swarmcache.plans.adopt import apply_adopt, give_up_old, plan_adopt
from swarmcache.transfer.claims import claim
from swarmcache.transfer.contents import Content
from swarmcache.transfer.recall import Recall

if TYPE_CHECKING:
    from swarmcache.plans.adopt import Adopted, AdoptPlan

BIG = b"w" * 300_000
LATER = "2" * 40
FILES = model(1, **{"big.dat": BIG})


@pytest.fixture
def old(tmp_path: Path) -> CacheMaker:
    """A cache with two revisions of one repo, a dataset, and a shared store."""
    maker = CacheMaker(tmp_path / "old" / "hub")
    maker.repo("org/a", FILES, refs=("main", "v1"))
    maker.repo("org/a", model(2, **{"big.dat": BIG}), commit=LATER, refs=())
    maker.repo("org/b", model(3), trees=False)
    maker.repo("org/data", {"train.csv": b"1,2"}, repo_type="dataset")
    maker.repo("org/shared", model(4), shared=True)
    return maker


def adopted(source: str, cache: Path) -> tuple[AdoptPlan, list[Adopted]]:
    """Plan and carry out."""
    plan = plan_adopt(source, str(cache))
    return plan, list(apply_adopt(plan, Environment.current()))


def test_everything_comes_over_and_takes_no_room(old: CacheMaker, tmp_path: Path) -> None:
    """All revisions load, under the same names; the old place is as it was."""
    before, held = tree(old.path), sum(inodes(str(tmp_path)).values())
    plan, outcomes = adopted(old.path, tmp_path / "new")
    assert ([one.error for one in outcomes], plan.kept) == ([None] * 6, ())
    assert tree(old.path) == before
    assert sum(inodes(str(tmp_path)).values()) - held < 60_000
    new = str(tmp_path / "new")
    for name in ("org/a", "org/a@v1", f"org/a@{LATER}", "org/b", "org/shared"):
        found = check(parse_target(name), new)
        assert found.state == "complete", (name, found)
    assert contents(check(parse_target("org/a@v1"), new).snapshot or "") == FILES
    data = check(parse_target("org/data", default_type="dataset"), new)
    assert contents(data.snapshot or "") == {"train.csv": b"1,2"}
    trees = Path("models--org--a/trees")
    for name in os.listdir(Path(old.path) / trees):
        assert (Path(new) / trees / name).read_bytes() == (
            Path(old.path) / trees / name
        ).read_bytes()
    assert not (tmp_path / "new/models--org--b/trees").exists()
    assert fetched_commits(new, Environment.current())[RepoName("model", "org/a")] >= {LATER}


def test_a_second_run_finds_all_of_it(old: CacheMaker, tmp_path: Path) -> None:
    """And changes nothing."""
    adopted(old.path, tmp_path / "new")
    before = tree(str(tmp_path / "new"))
    plan, outcomes = adopted(old.path, tmp_path / "new")
    assert all(model.is_idle for model in plan.pull.models)
    assert [one.error for one in outcomes] == [None] * 6
    assert tree(str(tmp_path / "new")) == before


def test_hf_home_stands_for_its_hub(old: CacheMaker, tmp_path: Path) -> None:
    """What people call their cache."""
    assert plan_adopt(os.path.dirname(old.path), str(tmp_path / "new")).source == old.path


def test_what_is_no_cache_is_refused(tmp_path: Path, old: CacheMaker) -> None:
    """With a sentence; so is the cache itself."""
    with pytest.raises(CacheNotFound, match="holds no repos"):
        plan_adopt(str(tmp_path), str(tmp_path / "new"))
    with pytest.raises(CacheNotFound, match="does not exist"):
        plan_adopt(str(tmp_path / "none"), str(tmp_path / "new"))
    with pytest.raises(CacheNotFound, match="this cache itself"):
        plan_adopt(old.path, old.path)


def test_a_ref_of_ours_stays_where_it_is(old: CacheMaker, tmp_path: Path) -> None:
    """The other revision comes without that name, and that is told."""
    mine = CacheMaker(tmp_path / "new")
    commit = mine.repo("org/a", model(9), commit="9" * 40)
    plan, outcomes = adopted(old.path, tmp_path / "new")
    assert [one.error for one in outcomes] == [None] * 5
    assert read_ref(mine.path, RepoName("model", "org/a"), "main") == "9" * 40, commit
    (kept,) = plan.kept
    assert "here main is commit 999999999999" in kept.reason
    assert check(parse_target("org/a@v1"), mine.path).state == "complete"


def test_wrong_bytes_do_not_come(old: CacheMaker, tmp_path: Path) -> None:
    """They are hashed first; the other revisions come."""
    blob = Path(old.folder("org/a"), "blobs", sha256(FILES["model.safetensors"]))
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    _, outcomes = adopted(old.path, tmp_path / "new")
    wrong = [one for one in outcomes if one.error is not None]
    assert {one.model.target.revision for one in wrong} == {"main", "v1"}
    assert all(isinstance(one.error, WrongBytes) for one in wrong)
    assert check(parse_target("org/b"), str(tmp_path / "new")).state == "complete"
    assert not os.path.exists(tmp_path / "new/models--org--a/blobs" / blob.name)


def test_another_disk_is_copied_to_and_told(old: CacheMaker, tmp_path: Path) -> None:
    """Proven on the way."""
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk:
        plan, outcomes = adopted(old.path, Path(disk) / "hub")
        assert [one.error for one in outcomes] == [None] * 6
        assert sum(one.copied_bytes for one in outcomes) > len(BIG)
        assert plan.pull.needed_bytes > len(BIG)
        assert check(parse_target("org/a"), f"{disk}/hub").state == "complete"


def test_an_unfinished_download_comes_along(old: CacheMaker, tmp_path: Path) -> None:
    """Unless somebody works on it."""
    partials = f"{old.path}/.locks/.swarmcache/partial"
    os.makedirs(partials)
    content = Content(
        RepoName("model", "org/c"), "c" * 40, "w", "e" * 64, 2**21, f"{old.path}/blob"
    )
    mine = claim(old.path, partials, content)
    assert hasattr(mine, "give_back")
    adopted(old.path, tmp_path / "new")
    assert os.listdir(partials) == [content.key]
    mine.give_back()
    adopted(old.path, tmp_path / "new")
    ours = tmp_path / "new/.locks/.swarmcache/partial"
    assert os.listdir(partials) == []
    assert content.key in os.listdir(ours)


def journalled(cache: str, have: int) -> Path:
    """Leave a download of a MiB, of which the first bytes are there, and return its folder."""
    partial = Path(cache, ".locks/.swarmcache/partial", "e" * 64)
    partial.mkdir(parents=True)
    (partial / "owner.free").touch()
    (partial / "data").write_bytes(b"x" * have)
    os.truncate(partial / "data", 2**20)
    lines = [b"size %d -" % 2**20, b"durable 0 %d" % have]
    (partial / "journal").write_bytes(b"".join(map(sealed, lines)))
    return partial


@pytest.mark.parametrize(("theirs", "mine", "wanted"), [(5, 0, 5), (5, 9, 9), (9, 5, 5)])
def test_an_unfinished_download_crosses_to_another_disk(
    old: CacheMaker, tmp_path: Path, theirs: int, mine: int, wanted: int
) -> None:
    """With the bytes that its journal tells of; of two, the one with fewer bytes goes."""
    source = journalled(old.path, theirs)
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk:
        place = journalled(f"{disk}/new", mine) if mine else Path(disk, "new", *source.parts[-4:])
        adopted(old.path, Path(disk, "new"))
        assert Recall.read(str(place)).have.size == wanted
        data = (place / "data").read_bytes()
        assert data[:wanted] == b"x" * wanted
        assert source.exists() is (theirs > mine > 0)


def test_an_export_leaves_unfinished_downloads_where_they_are(
    old: CacheMaker, tmp_path: Path
) -> None:
    """It gives a copy away; the cache goes on with its own."""
    partial = Path(old.path, ".locks/.swarmcache/partial", "e" * 64)
    partial.mkdir(parents=True)
    (partial / "owner.free").touch()
    plan = plan_adopt(old.path, str(tmp_path / "new"))._replace(partials=False)
    assert [one.error for one in apply_adopt(plan, Environment.current())] == [None] * 6
    assert partial.is_dir()


@pytest.mark.parametrize("old_place", ["link", "remove"])
def test_the_old_place_is_given_up_by_choice(
    old: CacheMaker, tmp_path: Path, old_place: str
) -> None:
    """As links that clients follow, or not at all; what somebody uses there stays."""
    open(f"{old.path}/notes.txt", "w").close()
    plan, outcomes = adopted(old.path, tmp_path / "new")
    with lease(old.path, Environment.current(), [RepoName("model", "org/b")]):
        list(give_up_old(plan, outcomes, Environment.current(), old_place))  # type: ignore[arg-type]
    assert os.path.isfile(f"{old.path}/notes.txt")
    assert check(parse_target("org/b"), old.path).state == "complete"
    assert not os.path.islink(old.folder("org/b"))
    assert os.path.islink(old.folder("org/a")) is (old_place == "link")
    assert os.path.exists(old.folder("org/a")) is (old_place == "link")
    assert contents(check(parse_target("org/a"), str(tmp_path / "new")).snapshot or "") == FILES


ETAG = "e" * 64
"""What names a blob of which a part is there."""


def unfinished(maker: CacheMaker, repo: str, content: bytes, name: str = ETAG) -> Path:
    """Leave a download of huggingface_hub, as a killed client does."""
    blobs = Path(maker.path, f"models--{repo.replace('/', '--')}", "blobs")
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / f"{name}.incomplete").write_bytes(content)
    return blobs / f"{name}.incomplete"


def give_up(plan: AdoptPlan, outcomes: list[Adopted]) -> list[str]:
    """Remove the old place; return what stays of it."""
    cleaned = give_up_old(plan, outcomes, Environment.current(), "remove")
    return [kept.what for one in cleaned for kept in one.kept]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_unfinished_downloads_of_the_hub_come_over(
    old: CacheMaker, tmp_path: Path, elsewhere: bool
) -> None:
    """Of a repo that comes, and of one that was barely begun: their client goes on with them."""
    unfinished(old, "org/a", b"half of it")
    unfinished(old, "org/begun", b"first")
    with contextlib.ExitStack() as stack:
        new = tmp_path / "new"
        if elsewhere:
            new = Path(stack.enter_context(small_disk(str(tmp_path / "disk"), "tmpfs")), "new")
        plan, outcomes = adopted(old.path, new)
        for repo, content in (("org/a", b"half of it"), ("org/begun", b"first")):
            place = unfinished_place(new, repo)
            assert place.read_bytes() == content
            assert not unfinished_place(Path(old.path), repo).exists()
        assert give_up(plan, outcomes) == []
        assert not os.path.exists(old.folder("org/a"))
        assert not Path(old.path, "models--org--begun").exists()


def unfinished_place(cache: Path, repo: str) -> Path:
    """Return where a cache has a partial download."""
    return cache / f"models--{repo.replace('/', '--')}/blobs/{ETAG}.incomplete"


def test_of_two_unfinished_downloads_the_longer_stays(old: CacheMaker, tmp_path: Path) -> None:
    """What is behind goes with its place."""
    mine = CacheMaker(tmp_path / "new")
    unfinished(old, "org/a", b"half of it")
    unfinished(mine, "org/a", b"half")
    unfinished(old, "org/b", b"less")
    unfinished(mine, "org/b", b"more of it")
    plan, outcomes = adopted(old.path, tmp_path / "new")
    assert unfinished_place(tmp_path / "new", "org/a").read_bytes() == b"half of it"
    assert unfinished_place(tmp_path / "new", "org/b").read_bytes() == b"more of it"
    assert give_up(plan, outcomes) == []


def test_an_unfinished_download_that_somebody_is_at_stays(old: CacheMaker, tmp_path: Path) -> None:
    """So does its repo: what was not brought is not deleted."""
    path = unfinished(old, "org/a", b"half of it")
    name = RepoName("model", "org/a")
    with blob_lock(str(tmp_path / "new"), name, ETAG, 0):
        plan, outcomes = adopted(old.path, tmp_path / "new")
        assert path.read_bytes() == b"half of it"
    assert give_up(plan, outcomes) == [str(path)]
    assert path.read_bytes() == b"half of it"


def test_what_no_client_goes_on_with_does_not_come(old: CacheMaker, tmp_path: Path) -> None:
    """It is in the plan, and goes with its place."""
    unfinished(old, "org/a", b"half of it", f"{ETAG}.0123abcd")
    plan, outcomes = adopted(old.path, tmp_path / "new")
    assert [(one.goes_on, one.size) for one in plan.unfinished] == [(False, 10)]
    assert list((tmp_path / "new").glob("*/blobs/*.incomplete")) == []
    assert give_up(plan, outcomes) == []


def test_equal_content_takes_room_once_on_another_disk(old: CacheMaker, tmp_path: Path) -> None:
    """As it was planned; what this cache has already, of another repo, is not copied either."""
    old.repo("org/copy", FILES)
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk:
        mine = CacheMaker(f"{disk}/new")
        mine.repo("mine/data", {"config.json": b"{}", "big.dat": b"v" * 200_000})
        old.repo("org/known", {"config.json": b"{}", "big.dat": b"v" * 200_000})
        plan, outcomes = adopted(old.path, Path(mine.path))
        assert [one.error for one in outcomes] == [None] * 8
        copied = sum(one.copied_bytes for one in outcomes)
        assert copied == plan.pull.needed_bytes
        assert copied < 320_000  # Less than a second `big.dat`.
        places = (f"{mine.path}/models--{one}/blobs" for one in ("org--known", "mine--data"))
        first, second = (f"{one}/{git_sha1(b'v' * 200_000)}" for one in places)
        assert os.path.samefile(first, second)


@pytest.mark.parametrize("above", ["huggingface/hub", ".cache/huggingface/hub"])
def test_a_home_or_a_volume_of_one_stands_for_its_cache(tmp_path: Path, above: str) -> None:
    """What people name of a project, or of a container."""
    maker = CacheMaker(tmp_path / "home" / above)
    maker.repo("org/a", FILES)
    assert plan_adopt(str(tmp_path / "home"), str(tmp_path / "new")).source == maker.path


def test_a_cache_that_is_a_file_is_refused(old: CacheMaker, tmp_path: Path) -> None:
    """Before any plan is shown."""
    (tmp_path / "new").write_text("")
    with pytest.raises(CacheNotFound, match="is a file"):
        plan_adopt(old.path, str(tmp_path / "new"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_a_repo_that_this_user_cannot_write_stays_and_the_others_go() -> None:
    """It is named."""
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/old")
        maker.repo("org/a", FILES)
        maker.repo("org/b", model(2))
        closed = maker.folder("org/b")
        for path, _, names in os.walk(folder):
            for name in ("", *names) if not path.startswith(closed) else ():
                os.lchown(os.path.join(path, name), NOBODY, NOBODY)
        words = ["adopt", maker.path, "--old", "remove", "--yes", "--cache-dir", f"{folder}/new"]
        env = {**os.environ, "HOME": folder}
        command = [sys.executable, "-m", "swarmcache", *words]
        done = run_as_other_user(command, cwd=folder, env=env)
        assert "org/b: this user cannot write it" in done.stdout, done
        assert check(parse_target("org/b"), f"{folder}/new").state == "complete"
        assert (os.path.exists(maker.folder("org/a")), os.path.exists(closed)) == (False, True)
