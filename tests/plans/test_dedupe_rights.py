"""Whoever could read a blob can still read it: a hard link brings another file's owner and mode."""

from __future__ import annotations

import json
import os
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cachemaker import CacheMaker, sha256
from other_user import open_folder, protected, run_as
from small_disks import bound, small_disk
from swarmcache.environment import Environment
from swarmcache.hubcache.acl import Acl, Entry, NoAcls, access_of, write_access
from swarmcache.plans.dedupe import Left, Shared, plan_dedupe
from swarmcache.plans.dedupe.applying import apply_dedupe

if TYPE_CHECKING:
    from pathlib import Path

BIG = b"w" * 200_000
NAME = sha256(BIG)
ANN, BOB, LAB = 3001, 3002, 4000
OWN_USER, NAMED_USER, OWN_GROUP, MASK, OTHERS = 1, 2, 4, 16, 32
NOBODY = 0xFFFFFFFF


class Stands(NamedTuple):
    """Whose a file is, and what others may do with it."""

    uid: int
    gid: int
    mode: int


@pytest.fixture(autouse=True)
def _as_root() -> None:
    if os.geteuid():
        pytest.skip("only root can give files to several users")


def cache(path: object, stands: Stands, *repos: str, folder: int = 0o755) -> CacheMaker:
    """Return a cache of one user, whose repos hold the same file, all of it old."""
    maker = CacheMaker(str(path))
    for repo in repos or ("org/a",):
        maker.repo(repo, {"big.safetensors": BIG})
    for place, _, names in os.walk(maker.path):
        os.chown(place, stands.uid, stands.gid)
        os.chmod(place, folder)
        for name in names:
            os.lchown(f"{place}/{name}", stands.uid, stands.gid)
            os.utime(f"{place}/{name}", (1.7e9, 1.7e9), follow_symlinks=False)
    for repo in repos or ("org/a",):
        os.chmod(blob(maker, repo), stands.mode)
    return maker


def blob(maker: CacheMaker, repo: str = "org/a") -> str:
    """Return where a repo has the content."""
    return f"{maker.folder(repo)}/blobs/{NAME}"


def found(maker: CacheMaker, repo: str = "org/a") -> Stands:
    """Return whose it is now."""
    status = os.stat(blob(maker, repo))
    return Stands(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))


def deduped(*makers: CacheMaker) -> tuple[list[Shared], list[Left]]:
    """Plan and carry out."""
    plan = plan_dedupe([maker.path for maker in makers], Environment.current())
    outcomes = list(apply_dedupe(plan, Environment.current()))
    shared = [one for one in outcomes if isinstance(one, Shared)]
    return shared, [one for one in outcomes if isinstance(one, Left)]


PRIVATE = Stands(ANN, ANN, 0o600), Stands(BOB, BOB, 0o600)
PERSONAL_AND_GROUP = Stands(ANN, ANN, 0o640), Stands(BOB, LAB, 0o660)


@pytest.mark.parametrize(("first", "second"), [PRIVATE, PERSONAL_AND_GROUP])
def test_what_each_may_read_alone_stays_theirs(
    tmp_path: Path, first: Stands, second: Stands
) -> None:
    """Neither gets the other's file, in whichever order the caches are named."""
    folder = 0o2770 if second.gid == LAB else 0o755
    makers = cache(tmp_path / "1", first), cache(tmp_path / "2", second, folder=folder)
    for order in (makers, makers[::-1]):
        shared, left = deduped(*order)
        assert (shared, len(left)) == ([], 1)
        assert "some who may read it" in left[0].reason
        assert tuple(map(found, makers)) == (first, second)


def test_each_of_two_users_shares_their_own(tmp_path: Path) -> None:
    """One content, two users with two copies each: two files are left."""
    makers = [
        cache(tmp_path / name, one, "org/a", "org/b")
        for name, one in zip("12", PRIVATE, strict=True)
    ]
    shared, left = deduped(*makers)
    assert (len(shared), len(left)) == (2, 1)
    for maker, stands in zip(makers, PRIVATE, strict=True):
        assert found(maker, "org/a") == found(maker, "org/b") == stands
        assert os.stat(blob(maker)).st_nlink == 2
    shared, left = deduped(*makers)
    assert (shared, {one.path for one in left}) == (
        [],
        {os.path.realpath(blob(makers[1], repo)) for repo in ("org/a", "org/b")},
    )


def test_a_member_shares_with_the_group(tmp_path: Path) -> None:
    """The personal blob that everybody may read becomes the group's, not the other way round.

    By her own act: root does not give it to those who could not write it.
    """
    del tmp_path
    own, group = Stands(ANN, ANN, 0o644), Stands(BOB, LAB, 0o664)
    with open_folder() as folder:
        makers = cache(f"{folder}/1", own), cache(f"{folder}/2", group, folder=0o2775)
        shared, left = deduped(*makers)
        assert (shared, len(left)) == ([], 1)
        assert [found(maker) for maker in makers] == [own, group]
        words = [sys.executable, "-m", "swarmcache", "dedupe", *(maker.path for maker in makers)]
        done = run_as(ANN, LAB, words, cwd=folder, env={**os.environ, "HOME": folder})
        assert done.returncode == 0, done
        assert [found(maker) for maker in makers] == [group, group]


def test_nobody_gets_to_write_the_blob_of_another(tmp_path: Path) -> None:
    """Everybody may read both users' files, and root shares each user's own."""
    stands = Stands(ANN, ANN, 0o644), Stands(BOB, BOB, 0o644)
    makers = [
        cache(tmp_path / name, one, "org/a", "org/b")
        for name, one in zip("12", stands, strict=True)
    ]
    shared, left = deduped(*makers)
    assert (len(shared), len(left)) == (2, 1)
    assert f"belongs to {ANN}, who could then write it here" in left[0].reason
    for maker, one in zip(makers, stands, strict=True):
        assert found(maker, "org/a") == found(maker, "org/b") == one


def test_roots_blob_is_not_a_users(tmp_path: Path) -> None:
    """Nor does a user get root's; root's own two are one."""
    roots, own = Stands(0, 0, 0o644), Stands(ANN, ANN, 0o644)
    first = cache(tmp_path / "1", own)
    second = cache(tmp_path / "2", roots, "org/a", "org/b")
    shared, left = deduped(first, second)
    assert (len(shared), len(left)) == (1, 1)
    assert found(first) == own
    assert found(second, "org/a") == found(second, "org/b") == roots


def test_what_a_member_may_not_link_gives_way_to_what_they_may() -> None:
    """Payloads are 0444: only who fetched one, and root, may give it another name."""
    with open_folder() as folder, protected():
        group = Stands(BOB, LAB, 0o664)
        maker = cache(f"{folder}/1", group, "org/a", "org/b", folder=0o2775)
        os.chown(blob(maker, "org/a"), ANN, LAB)
        os.chmod(blob(maker, "org/a"), 0o444)
        words = [sys.executable, "-m", "swarmcache", "dedupe", maker.path, "--json"]
        done = run_as(BOB, LAB, words, cwd=folder, env={**os.environ, "HOME": folder})
        assert (done.returncode, len(json.loads(done.stdout)["actions"])) == (0, 1), done
        assert found(maker, "org/a") == found(maker, "org/b") == group


def test_an_owner_who_keeps_it_from_being_linked_is_named() -> None:
    """Two payloads of somebody else's, and a copy that only one of them could replace."""
    with open_folder() as folder, protected():
        maker = cache(f"{folder}/1", Stands(ANN, LAB, 0o444), "org/a", "org/b", folder=0o2775)
        words = [sys.executable, "-m", "swarmcache", "dedupe", maker.path]
        done = run_as(BOB, LAB, words, cwd=folder, env={**os.environ, "HOME": folder})
        assert f"belongs to {ANN}, and this user may not link to it" in done.stderr + done.stdout


def test_a_user_whom_an_acl_names_may_still_read(tmp_path: Path) -> None:
    """Nor does another ACL count as the same; an equal one does."""
    makers = [cache(tmp_path / name, Stands(ANN, ANN, 0o640)) for name in "12"]
    entries = ((OWN_USER, 6, NOBODY), (NAMED_USER, 4, BOB), (OWN_GROUP, 4, NOBODY))
    named = Acl(tuple(Entry(*one) for one in (*entries, (MASK, 4, NOBODY), (OTHERS, 0, NOBODY))))
    try:
        write_access(blob(makers[1]), named)
    except NoAcls:
        pytest.skip("this file system keeps no ACLs")
    shared, left = deduped(*makers)
    assert (shared, len(left)) == ([], 1)
    assert access_of(blob(makers[1])) == named
    write_access(blob(makers[0]), named)
    shared, left = deduped(*makers)
    assert (len(shared), left) == (1, [])


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_reflinks_are_each_users_own(tmp_path: Path, kind: str) -> None:
    """The bytes are shared; who may read which file stays."""
    with small_disk(str(tmp_path / "disk"), kind) as disk:
        makers = [cache(f"{disk}/{number}", one) for number, one in enumerate(PRIVATE)]
        shared, left = deduped(*makers)
        assert ([one.way for one in shared], left) == (["reflink"], [])
        assert tuple(map(found, makers)) == PRIVATE


def test_a_reflink_that_cannot_be_given_to_its_owner_is_none(tmp_path: Path) -> None:
    """Who may write a folder, and not give files away, leaves what others alone may read."""
    del tmp_path
    script = (
        "import os, sys\n"
        "from swarmcache.plans.dedupe.replacing import keeps_readers, _dress\n"
        "from swarmcache.plans.dedupe.values import Copy\n"
        "from swarmcache.hubcache.intact.fingerprint import fingerprint_of\n"
        "blob, staged = sys.argv[1:]\n"
        "open(staged, 'x').close()\n"
        "mode = os.stat(blob).st_mode & 0o777\n"
        "_dress(staged, Copy(blob, '', None, fingerprint_of(blob), 0, mode, False))\n"
        "print(keeps_readers(blob, staged), os.stat(staged).st_gid)\n"
    )
    with open_folder() as folder:
        os.chmod(folder, 0o1777)
        for name, stands, answer in (
            ("private", Stands(ANN, ANN, 0o600), f"False {BOB}"),
            ("group", Stands(ANN, LAB, 0o640), f"False {LAB}"),
            ("open", Stands(ANN, LAB, 0o644), f"True {LAB}"),
        ):
            path = f"{folder}/{name}"
            with open(path, "wb"):
                os.chown(path, stands.uid, stands.gid)
                os.chmod(path, stands.mode)
            words = [sys.executable, "-c", script, path, f"{path}.staged"]
            done = run_as(BOB, LAB, words, cwd=folder)
            assert done.stdout.strip() == answer, done.stderr


@pytest.mark.parametrize(("team", "own"), ["ab", "ba"])
@pytest.mark.parametrize(("kind", "code", "files"), [("xfs", 0, 2), ("ext4", 3, 1)])
def test_beside_a_cache_that_is_only_read_no_order_of_paths_decides(
    team: str, own: str, kind: str, code: int, files: int
) -> None:
    """Its copy is kept where it can be reflinked; where it may not even be linked, it is left."""
    with open_folder() as folder, small_disk(f"{folder}/disk", kind) as disk:
        cache(f"{disk}/{team}", Stands(ANN, ANN, 0o644))
        maker = cache(f"{disk}/{own}", Stands(BOB, BOB, 0o644), "org/a", "org/b")
        words = [sys.executable, "-m", "swarmcache", "dedupe", f"{disk}/a", f"{disk}/b", "--json"]
        done = run_as(BOB, BOB, words, cwd=folder, env={**os.environ, "HOME": folder})
        assert done.returncode == code, done
        actions = json.loads(done.stdout)["actions"]
        kept_in = {one["from"].startswith(f"{disk}/{team}") for one in actions}
        assert (len(actions), kept_in) == (files, {kind == "xfs"})
        assert found(maker, "org/a") == found(maker, "org/b") == Stands(BOB, BOB, 0o644)


@pytest.mark.parametrize(("team", "own"), ["ab", "ba"])
def test_what_cannot_be_linked_from_a_mount_is_linked_at_home(
    tmp_path: Path, team: str, own: str
) -> None:
    """A folder that is bound read-only has the same device number, and no link leads out of it."""
    theirs = cache(tmp_path / "team", Stands(ANN, ANN, 0o644))
    os.mkdir(tmp_path / team)
    with bound(str(tmp_path / team), theirs.path, "ro"):
        maker = cache(tmp_path / own, Stands(ANN, ANN, 0o644), "org/a", "org/b")
        shared, left = deduped(maker, CacheMaker(str(tmp_path / team)))
    assert [one.way for one in shared] == ["hardlink"]
    assert ["can neither link nor share" in one.reason for one in left] == [True]
    assert os.stat(blob(maker)).st_nlink == 2
