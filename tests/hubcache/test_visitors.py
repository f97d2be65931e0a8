"""What keeps a user from a cache, and the command that mends it."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from other_user import NOBODY, open_folder
from swarmcache.hubcache import visitors
from swarmcache.hubcache.acl import NoAcls, of_mode, read_acl, write_default
from swarmcache.hubcache.visitors import Flaw, Visitor, flaws_for, group_name, shared_group

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

LAB = 4000
MEMBER = Visitor(None, frozenset({LAB}))
STRANGER = Visitor(3009, frozenset({3009}))


@pytest.fixture
def cache(tmp_path: pathlib.Path) -> Iterator[str]:
    """Return a right cache of one group, with one model."""
    if os.geteuid() != 0:
        pytest.skip("only root gives folders to any group")
    with open_folder() as folder:
        maker = CacheMaker(tmp_path)
        maker.repo("org/name", {"config.json": b"{}", "a/b.txt": b"b"})
        os.rename(maker.path, f"{folder}/hub")
        os.makedirs(f"{folder}/hub/.locks/models--org--name")
        with open(f"{folder}/hub/.locks/models--org--name/x.lock", "w", encoding="ascii"):
            pass
        for path, _, names in os.walk(f"{folder}/hub"):
            _right(path)
            for name in names:
                if not os.path.islink(f"{path}/{name}"):
                    os.chown(f"{path}/{name}", 0, LAB)
                    os.chmod(f"{path}/{name}", 0o660)
        yield f"{folder}/hub"


def _right(folder: str) -> None:
    os.chown(folder, 0, LAB)
    os.chmod(folder, 0o2770)
    try:
        write_default(folder, of_mode(0o2770))
    except NoAcls:
        pytest.skip("no ACLs on this file system")


def kinds(cache: str, visitor: Visitor = MEMBER, group: int | None = None) -> list[str]:
    return [flaw.kind for flaw in flaws_for(cache, visitor, group)]


def test_a_right_cache_has_no_flaws(cache: str) -> None:
    """For a member who owns nothing, whatever their umask; and it says whose it is."""
    assert shared_group(cache) == LAB
    assert flaws_for(cache, MEMBER._replace(umask=0o077)) == ()
    assert flaws_for(cache, Visitor(0, frozenset())) == ()


def test_a_cache_that_is_not_there(tmp_path: pathlib.Path) -> None:
    """Only what lies above it can be wrong."""
    assert flaws_for(str(tmp_path / "none"), Visitor(0, frozenset())) == ()
    assert shared_group(str(tmp_path / "none")) is None


def test_a_stranger(cache: str) -> None:
    """Who is in no group of the cache: what is right for its members need not be mended for them.

    A container's user has no name here, and no command; the cache's owner is none.
    """
    assert flaws_for(cache, STRANGER) == (Flaw("stranger", cache, 1, ""),)
    named = flaws_for(cache, Visitor(NOBODY, frozenset({NOBODY})))
    assert named == (Flaw("stranger", cache, 1, f"sudo usermod -aG {group_name(LAB)} nobody"),)
    os.chown(cache, STRANGER.uid or 0, LAB)
    assert "stranger" not in kinds(cache, STRANGER)


def test_a_reader(cache: str) -> None:
    """Who may read everything and write nothing is told just that, where it is one user's cache."""
    subprocess.run(["chmod", "-R", "o+rX", cache], check=True)
    assert kinds(cache, STRANGER) == ["stranger"]
    os.chmod(cache, 0o755)
    found = {flaw.kind: flaw.number for flaw in flaws_for(cache, STRANGER)}
    # The lock, since older clients open it for writing before they look at the disk.
    assert found == {"unwritable": 1, "folders": found["folders"], "locks": 1}


def test_what_root_has_left_in_a_users_cache_goes_back() -> None:
    """All but what another cache shares, and what a link leads to."""
    if os.geteuid() != 0:
        pytest.skip("only root leaves things in caches of others")
    owner = Visitor(NOBODY, frozenset({NOBODY}))
    with open_folder() as folder:
        maker = CacheMaker(f"{folder}/hub")
        maker.repo("org/name", {"config.json": b"{}", "b.txt": b"b"})
        os.chown(maker.path, NOBODY, NOBODY)
        blobs = f"{maker.folder('org/name')}/blobs"
        own, shared = sorted(os.listdir(blobs))
        for name in (shared, own):
            os.chmod(f"{blobs}/{name}", 0o600)
        os.link(f"{blobs}/{shared}", f"{folder}/elsewhere")
        os.symlink(f"{folder}/elsewhere", f"{blobs}/{'a' * 64}")
        flaws = flaws_for(maker.path, owner)
        assert {flaw.kind for flaw in flaws} == {"folders", "files"}
        (fix,) = {flaw.fix for flaw in flaws}
        subprocess.run(fix.removeprefix("sudo "), shell=True, check=True)
        assert os.stat(f"{folder}/elsewhere").st_uid == 0
        assert os.stat(f"{blobs}/{own}").st_uid == NOBODY
        (flaw,) = flaws_for(maker.path, owner)
        assert flaw == Flaw("files", f"{blobs}/{shared}", 1, "")


def test_a_cache_that_is_open_to_strangers(cache: str) -> None:
    """They need not join."""
    subprocess.run(["chmod", "-R", "o+rwX", cache], check=True)
    assert "stranger" not in kinds(cache, STRANGER)


def test_a_folder_above(cache: str) -> None:
    """The uppermost folder that keeps members out, and the least that lets them pass."""
    os.chmod(os.path.dirname(cache), 0o700)
    (flaw,) = flaws_for(cache, MEMBER)
    above = os.path.dirname(cache)
    assert flaw == Flaw("above", above, 1, f"chmod o+x {above}")
    os.chown(above, 0, LAB)
    assert flaws_for(cache, MEMBER)[0].fix == f"chmod g+x {above}"
    subprocess.run(flaw.fix, shell=True, check=True)
    subprocess.run(f"chmod g+x {above}", shell=True, check=True)
    assert kinds(cache) == []


def test_a_folder_that_does_not_hand_its_group_on(cache: str) -> None:
    """Without setgid new folders get their maker's group."""
    os.chmod(cache, 0o770)
    os.chmod(cache, 0o0770)
    assert kinds(cache, group=LAB)[:1] == ["private"]
    (flaw, *_) = flaws_for(cache, MEMBER, LAB)
    subprocess.run(flaw.fix, shell=True, check=True)
    assert kinds(cache) == []


@pytest.mark.parametrize(("umask", "told"), [(0o022, True), (0o077, True), (0o002, False)])
def test_a_umask_that_closes(cache: str, umask: int, told: bool) -> None:
    """Without a default ACL it counts, if it takes something from the group."""
    for path, _, _ in os.walk(cache):
        os.removexattr(path, "system.posix_acl_default")
    found = kinds(cache, MEMBER._replace(umask=umask))
    assert ("umask" in found) == told


def test_a_groups_name_with_a_space_is_one_word(
    cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a directory service has them; each command is run as it is told."""
    monkeypatch.setattr(visitors, "group_name", lambda gid: f"domain {gid}")
    os.chmod(cache, 0o700)
    os.chmod(f"{cache}/models--org--name", 0o700)
    os.chmod(f"{cache}/.locks/models--org--name/x.lock", 0o600)
    for flaw in flaws_for(cache, MEMBER, LAB):
        words = shlex.split(flaw.fix)
        assert f"domain {LAB}" in words, flaw
        assert "domain" not in words


def test_what_lies_inside_is_counted(cache: str) -> None:
    """Each kind with its number, and the first of them."""
    repo = f"{cache}/models--org--name"
    blobs = sorted(os.listdir(f"{repo}/blobs"))
    os.chmod(f"{repo}/refs", 0o755)
    for name in blobs:
        os.chmod(f"{repo}/blobs/{name}", 0o600)
    os.makedirs(f"{repo}/trees", exist_ok=True)
    _right(f"{repo}/trees")
    with open(f"{repo}/trees/{'a' * 40}.json", "w", encoding="ascii"):
        pass
    os.chmod(f"{repo}/trees/{'a' * 40}.json", 0o600)
    lock = f"{cache}/.locks/models--org--name/x.lock"
    os.chmod(lock, 0o644)
    found = {flaw.kind: flaw for flaw in flaws_for(cache, MEMBER)}
    assert {kind: flaw.number for kind, flaw in found.items()} == {
        "folders": 1,
        "files": len(blobs),
        "manifests": 1,
        "locks": 1,
    }
    assert found["folders"].path == f"{repo}/refs"
    assert found["locks"].path == lock


@pytest.mark.parametrize("what", ["folders", "files", "manifests", "locks"])
def test_each_fix_mends_its_own(cache: str, what: str) -> None:
    """The command that is printed leaves no flaw behind."""
    repo = f"{cache}/models--org--name"
    if what == "folders":
        os.chown(f"{repo}/snapshots", 0, 0)
        os.chmod(f"{repo}/snapshots", 0o700)
    elif what == "files":
        blob = f"{repo}/blobs/{os.listdir(f'{repo}/blobs')[0]}"
        os.chown(blob, 0, 0)
        os.chmod(blob, 0o600)
    elif what == "manifests":
        os.makedirs(f"{repo}/trees", exist_ok=True)
        _right(f"{repo}/trees")
        with open(f"{repo}/trees/{'a' * 40}.json", "w", encoding="ascii"):
            pass
        os.chmod(f"{repo}/trees/{'a' * 40}.json", 0o600)
    else:
        os.chmod(f"{cache}/.locks/models--org--name/x.lock", 0o644)
    (flaw,) = flaws_for(cache, MEMBER)
    assert flaw.kind == what
    # Our machine may lack setfacl, which the second half of the command for folders needs.
    subprocess.run(flaw.fix.partition(";")[0], shell=True, check=True, stdin=subprocess.DEVNULL)
    assert flaws_for(cache, MEMBER) == ()


def test_what_is_under_way_does_not_count(cache: str) -> None:
    """A download's own files are its maker's until they become blobs."""
    partial = f"{cache}/.locks/.swarmcache/partial/{'a' * 64}"
    os.makedirs(partial)
    with open(f"{cache}/models--org--name/blobs/x.12345678.incomplete", "w", encoding="ascii"):
        pass
    os.chmod(f"{cache}/models--org--name/blobs/x.12345678.incomplete", 0o600)
    os.chmod(partial, 0o700)
    assert kinds(cache) == []


def test_acls_are_read_through_a_link(cache: str) -> None:
    """A folder that a link leads to is judged as itself."""
    os.symlink(cache, f"{os.path.dirname(cache)}/link")
    assert flaws_for(f"{os.path.dirname(cache)}/link", MEMBER) == ()
    assert read_acl(cache, "default") is not None
