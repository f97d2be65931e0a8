"""Equal content becomes one: proven first, each name by a rename, nothing else touched."""

from __future__ import annotations

import os
import stat
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, sha256
from cleaning import inodes, model, tree
from processes import until
from small_disks import small_disk, subvolumes
from swarmcache.environment import Environment
from swarmcache.hubcache import linking
from swarmcache.hubcache.extents import share_extents
from swarmcache.hubcache.intact.fingerprint import fingerprint_of
from swarmcache.hubcache.intact.ledger import Ledger, known_corrupt
from swarmcache.hubcache.intact.verdicts import Remembered
from swarmcache.hubcache.intact.verify import verify
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.locks import blob_lock, payload_lock
from swarmcache.hubcache.state import state_folder
from swarmcache.plans.dedupe import Left, Shared, plan_dedupe
from swarmcache.plans.dedupe.applying import apply_dedupe

if TYPE_CHECKING:
    from pathlib import Path

    from swarmcache.hubcache.intact.verdicts import FileVerdict
    from swarmcache.plans.dedupe import DedupePlan

BIG = b"w" * 500_000
NAME = sha256(BIG)
OLD = 1_700_000_000.0


def cache(path: object, *repos: str, **traits: object) -> CacheMaker:
    """Return a cache whose repos are the same model."""
    maker = CacheMaker(str(path))
    for repo in repos:
        maker.repo(repo, model(1, **{"big.safetensors": BIG}), **traits)  # type: ignore[arg-type]
    for folder, _, names in os.walk(maker.path):
        for name in names:
            if not os.path.islink(f"{folder}/{name}"):
                os.utime(f"{folder}/{name}", (OLD, OLD))
    return maker


def blob(maker: CacheMaker, repo: str) -> str:
    """Return where a repo has the big content."""
    return f"{maker.folder(repo)}/blobs/{NAME}"


def deduped(*makers: CacheMaker) -> tuple[DedupePlan, list[Shared], list[Left]]:
    """Plan and carry out."""
    plan = plan_dedupe([maker.path for maker in makers], Environment.current())
    outcomes = list(apply_dedupe(plan, Environment.current()))
    shared = [one for one in outcomes if isinstance(one, Shared)]
    return plan, shared, [one for one in outcomes if isinstance(one, Left)]


def verified(maker: CacheMaker) -> list[FileVerdict]:
    """Verify a whole cache."""
    state = state_folder(maker.path, Environment.current())
    return list(verify(None, maker.path, state=state))


def used(folder: str) -> int:
    """Return the bytes taken on a file system."""
    os.sync()
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def test_two_repos_and_two_caches_become_one_copy(tmp_path: Path) -> None:
    """The bytes that the plan tells, and the disk, agree; contents and links are as before."""
    first = cache(tmp_path / "1", "Gensyn/Qwen", "unsloth/Qwen")
    second = cache(tmp_path / "2", "Qwen/Qwen", links=True)
    content = {maker.path: tree(maker.path) for maker in (first, second)}
    before = sum(inodes(first.path, second.path).values())
    plan, shared, left = deduped(first, second)
    after = sum(inodes(first.path, second.path).values())
    assert left == []
    assert plan.freed_bytes_expected == sum(one.freed_bytes for one in shared) == before - after
    assert before - after > 2 * len(BIG)
    assert plan.logical_bytes > 3 * len(BIG)
    assert {maker.path: tree(maker.path) for maker in (first, second)} == content
    assert os.stat(blob(first, "Gensyn/Qwen")).st_nlink == 3
    again, shared, left = deduped(first, second)
    assert (again.steps, again.physical_bytes, shared, left) == (
        (),
        plan.physical_bytes - plan.freed_bytes_expected,
        [],
        [],
    )


def test_both_stay_remembered(tmp_path: Path) -> None:
    """Linking moves ctime: neither cache is hashed again, and `verify` is content."""
    makers = [cache(tmp_path / name, "org/a") for name in "12"]
    for maker in makers:
        assert verified(maker)
    deduped(*makers)
    for maker in makers:
        verdicts = list(
            verify(None, maker.path, state=state_folder(maker.path, Environment.current()))
        )
        assert {type(one.outcome) for one in verdicts} == {Remembered}


def test_what_is_remembered_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 GB of duplicates cost some renames."""
    makers = [cache(tmp_path / name, "org/a") for name in "12"]
    assert list(
        verify(None, makers[0].path, state=state_folder(makers[0].path, Environment.current()))
    )
    monkeypatch.setattr("swarmcache.hubcache.intact.crew.hash_file", None)
    _, shared, left = deduped(*makers)
    assert (len(shared), left) == (5, [])


@pytest.mark.parametrize("wrong", ["1", "2"])
def test_a_wrong_copy_is_named_and_never_kept(tmp_path: Path, wrong: str) -> None:
    """Its name and size are right: the sound one replaces it, not the other way round."""
    makers = {name: cache(tmp_path / name, "org/a") for name in "12"}
    with open(blob(makers[wrong], "org/a"), "r+b") as file:
        file.write(b"W")
    os.utime(blob(makers[wrong], "org/a"), (OLD, OLD))
    _, shared, left = deduped(*makers.values())
    for maker in makers.values():
        with open(blob(maker, "org/a"), "rb") as file:
            assert file.read() == BIG
    assert [one.path for one in left if one.wrong] in (
        [],
        [os.path.realpath(blob(makers[wrong], "org/a"))],
    )
    assert len(shared) == 5


def test_where_all_copies_are_wrong_nothing_is_shared(tmp_path: Path) -> None:
    """Two different wrong files of one name stay what they are, and `check` knows it."""
    makers = [cache(tmp_path / name, "org/a") for name in "12"]
    for maker, byte in zip(makers, (b"X", b"Y"), strict=True):
        with open(blob(maker, "org/a"), "r+b") as file:
            file.write(byte)
        os.utime(blob(maker, "org/a"), (OLD, OLD))
    _, shared, left = deduped(*makers)
    assert len([one for one in left if one.wrong]) == 2
    assert NAME not in {os.path.basename(one.path) for one in shared}
    for maker, byte in zip(makers, (b"X", b"Y"), strict=True):
        with open(blob(maker, "org/a"), "rb") as file:
            assert file.read(1) == byte
        ledger = f"{state_folder(maker.path, Environment.current()).path}/ledger/corrupt"
        assert os.stat(blob(maker, "org/a")).st_ino in known_corrupt([ledger])


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_reflinks_keep_owner_mode_and_time_and_are_known_again(tmp_path: Path, kind: str) -> None:
    """An edit of one file is not seen in the other; a second run finds nothing to do."""
    with small_disk(str(tmp_path / "disk"), kind) as disk:
        makers = [cache(f"{disk}/{name}", "org/a") for name in "12"]
        ours, theirs = (blob(maker, "org/a") for maker in makers)
        for name in (ours, theirs):
            with open(name, "wb") as file:
                file.write(BIG)
        os.chmod(theirs, 0o600)
        os.utime(theirs, (OLD, OLD))
        os.sync()
        before = used(disk)
        plan, shared, left = deduped(*makers)
        assert ({one.way for one in shared}, left) == ({"reflink"}, [])
        # xfs gives the room back a moment later.
        until(lambda: before - used(disk) >= len(BIG) - 2**17, "the room")
        found = os.stat(theirs)
        assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o600, OLD)
        assert os.stat(ours).st_ino != found.st_ino
        assert share_extents(ours, theirs)
        again, done, _ = deduped(*makers)  # Of small files, too, which btrfs cannot share.
        assert (again.groups, done) == ((), [])
        assert again.physical_bytes <= plan.physical_bytes - len(BIG)
        with open(theirs, "r+b") as file:
            file.write(b"edited in place")
        with open(ours, "rb") as file:
            assert file.read() == BIG


def test_subvolumes_of_one_disk_share(tmp_path: Path) -> None:
    """Each has a device number of its own, and numbers its files as the other does."""
    with subvolumes(str(tmp_path)) as places:
        makers = [cache(f"{place}/hub", "org/a", "org/b") for place in places]
        files = [os.stat(blob(maker, repo)) for maker in makers for repo in ("org/a", "org/b")]
        assert len({one.st_dev for one in files}) == 2
        assert len({one.st_ino for one in files}) == 2
        before = used(places[0])
        plan, shared, left = deduped(*makers)
        assert ({one.way for one in shared}, left) == ({"reflink"}, [])
        assert len([one for one in shared if os.path.basename(one.path) == NAME]) == 3
        assert plan.freed_bytes_expected >= 3 * len(BIG)
        assert before - used(places[0]) >= 3 * len(BIG) - 2**17
        assert share_extents(blob(makers[0], "org/a"), blob(makers[1], "org/b"))
        again, done, _ = deduped(*makers)
        assert (again.groups, done) == ((), [])


def test_a_payload_of_the_shared_store_is_shared_with_other_caches(tmp_path: Path) -> None:
    """huggingface_hub >= 1.32 keeps it under its Xet hash; next door the same file is a blob."""
    first = cache(tmp_path / "1", "org/a", "org/b", shared=True)
    second = cache(tmp_path / "2", "org/a")
    _, shared, left = deduped(first, second)
    assert left == []
    assert os.path.islink(blob(first, "org/a"))
    assert os.stat(blob(first, "org/a")).st_ino == os.stat(blob(second, "org/a")).st_ino
    big = [one.path for one in shared if os.path.basename(one.path) == NAME]
    assert big == [os.path.realpath(blob(second, "org/a"))]


def payload(maker: CacheMaker) -> str:
    return os.path.realpath(blob(maker, "org/a"))


def test_payloads_of_two_shared_stores_become_one_file(tmp_path: Path) -> None:
    """What clients since 1.32 download lies there; blobs and lists of users stay as they are."""
    makers = [cache(tmp_path / name, "org/a", "org/b", shared=True) for name in "12"]
    links = [os.readlink(blob(maker, name)) for maker in makers for name in ("org/a", "org/b")]
    plan, shared, left = deduped(*makers)
    assert left == []
    first, second = (os.stat(payload(maker)) for maker in makers)
    assert first.st_ino == second.st_ino
    assert plan.freed_bytes_expected == sum(one.freed_bytes for one in shared) >= len(BIG)
    assert [os.readlink(blob(m, name)) for m in makers for name in ("org/a", "org/b")] == links
    again, shared, left = deduped(*makers)
    assert (again.steps, shared, left) == ((), [], [])


def test_a_payload_that_another_hash_names_too_stays(tmp_path: Path) -> None:
    """One of both names would be wrong, and nothing tells which."""
    makers = [cache(tmp_path / name, "org/a", shared=True) for name in "12"]
    for maker in makers:
        with open(f"{payload(maker)}.refs", "a") as users:
            users.write(f"models--org--z/blobs/{'e' * 64}\n")
    plan, shared, _ = deduped(*makers)
    assert NAME not in {os.path.basename(one.path) for one in shared}
    assert plan.freed_bytes_expected < len(BIG)


def test_a_payload_that_a_client_works_on_stays(tmp_path: Path) -> None:
    """Its own lock is held; the rest is shared."""
    makers = [cache(tmp_path / name, "org/a", shared=True) for name in "12"]
    with payload_lock(payload(makers[0])), payload_lock(payload(makers[1])):
        _, shared, left = deduped(*makers)
    assert [(os.path.basename(one.path), one.busy) for one in left] == [(NAME, True)]
    assert len(shared) > 0
    _, shared, left = deduped(*makers)
    assert ([os.path.basename(one.path) for one in shared], left) == ([NAME], [])


def test_a_hard_link_outside_frees_nothing(tmp_path: Path) -> None:
    """Somebody's own link to a blob keeps the bytes, and the plan says so."""
    makers = [cache(tmp_path / name, "org/a") for name in "12"]
    for number, maker in enumerate(makers):
        os.link(blob(maker, "org/a"), tmp_path / f"mine{number}")
    before = sum(inodes(str(tmp_path)).values())
    plan, shared, _ = deduped(*makers)
    freed = before - sum(inodes(str(tmp_path)).values())
    assert freed == plan.freed_bytes_expected == sum(one.freed_bytes for one in shared)
    assert freed < len(BIG)


def test_a_link_that_leaves_the_cache_is_not_followed(tmp_path: Path) -> None:
    """Nor does a repo folder that is a link count."""
    first, second = cache(tmp_path / "1", "org/a"), cache(tmp_path / "2", "org/a")
    outside = tmp_path / "outside"
    os.rename(blob(second, "org/a"), outside)
    os.symlink(outside, blob(second, "org/a"))
    plan, _, left = deduped(first, second)
    assert NAME not in {step.etag for step in plan.steps}
    assert left == []
    assert os.path.islink(blob(second, "org/a"))


def test_what_is_being_downloaded_stays(tmp_path: Path) -> None:
    """Its lock is held; the others are shared."""
    makers = [cache(tmp_path / name, "org/a") for name in "12"]
    plan = plan_dedupe([maker.path for maker in makers], Environment.current())
    with (
        blob_lock(makers[0].path, RepoName("model", "org/a"), NAME),
        blob_lock(makers[1].path, RepoName("model", "org/a"), NAME),
    ):
        outcomes = list(apply_dedupe(plan, Environment.current()))
    (left,) = [one for one in outcomes if isinstance(one, Left)]
    assert (os.path.basename(left.path), left.busy) == (NAME, True)


def test_what_changed_since_the_plan_stays(tmp_path: Path) -> None:
    """A client replaced the blob while the plan was read."""
    makers = [cache(tmp_path / name, "org/a") for name in "12"]
    plan = plan_dedupe([maker.path for maker in makers], Environment.current())
    for maker in makers:
        with open(f"{maker.path}/new", "wb") as file:
            file.write(BIG)
        os.replace(f"{maker.path}/new", blob(maker, "org/a"))
    outcomes = list(apply_dedupe(plan, Environment.current()))
    (left,) = [one for one in outcomes if isinstance(one, Left)]
    assert (os.path.basename(left.path), left.busy) == (NAME, True)


@pytest.mark.parametrize("kind", ["hardlink", "reflink"])
def test_a_keeper_that_is_replaced_before_it_is_linked_spreads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The link is made by a path: what it met is looked at before it takes a good copy's place."""
    name = "_ficlone" if kind == "reflink" else "link"
    where = linking if kind == "reflink" else os
    with (
        small_disk(str(tmp_path / "disk"), "xfs")
        if kind == "reflink"
        else nullcontext(tmp_path) as disk
    ):
        makers = [cache(f"{disk}/{number}", "org/a") for number in "12"]
        real = getattr(where, name)

        def replaced_first(source: str, staged: str) -> None:
            if os.path.basename(source) == NAME:
                with open(f"{disk}/wrong", "wb") as file:
                    file.write(b"W" * len(BIG))
                os.utime(f"{disk}/wrong", (OLD, OLD))
                os.replace(f"{disk}/wrong", source)
            real(source, staged)

        with monkeypatch.context() as patched:
            patched.setattr(where, name, replaced_first)
            _, shared, left = deduped(*makers)
        assert [(os.path.basename(one.path), one.busy) for one in left] == [(NAME, True)]
        assert NAME not in {os.path.basename(one.path) for one in shared}
        with open(blob(makers[1], "org/a"), "rb") as file:
            assert file.read() == BIG
        for maker in makers:
            ledger = Ledger(state_folder(maker.path, Environment.current()))
            wrong = fingerprint_of(blob(makers[0], "org/a"))
            assert ledger.recall("sha256", wrong) is None


def test_a_more_closed_copy_is_not_given_to_more_users(tmp_path: Path) -> None:
    """A hard link has one mode: what more users may read stays, or is the one that is kept."""
    makers = [cache(tmp_path / name, "org/a") for name in "12"]
    os.chmod(blob(makers[0], "org/a"), 0o640)
    os.chmod(blob(makers[1], "org/a"), 0o604)
    _, shared, left = deduped(*makers)
    assert [os.path.basename(one.path) for one in left] == [NAME]
    assert "some who may read it" in left[0].reason
    os.chmod(blob(makers[0], "org/a"), 0o600)
    os.chmod(blob(makers[1], "org/a"), 0o644)
    _, shared, left = deduped(*makers)
    assert ([os.path.basename(one.path) for one in shared], left) == ([NAME], [])
    assert stat.S_IMODE(os.stat(blob(makers[0], "org/a")).st_mode) == 0o644


def test_a_dry_plan_changes_nothing(tmp_path: Path) -> None:
    """Not even a folder of ours appears."""
    makers = [cache(tmp_path / name, "org/a") for name in "12"]
    before = [sorted(os.walk(maker.path)) for maker in makers]
    assert plan_dedupe([maker.path for maker in makers], Environment.current()).steps
    assert [sorted(os.walk(maker.path)) for maker in makers] == before
    assert not Ledger(state_folder(makers[0].path, Environment.current())).failure
