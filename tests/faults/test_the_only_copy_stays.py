"""An old place goes only when the cache itself has the content, right, and not by a way back.

Each of these ended with exit code 0 and no model anywhere.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1
from cleaning import contents, model
from faults.bringing import Ended, run
from small_disks import bound
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import folder_name, parse_target

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.faults
BIG = b"w" * 200_000
FILES = {"org/a": model(1, **{"big.dat": BIG}), "org/b": model(2)}
NAME = git_sha1(BIG)
"""The blob of big.dat."""
OLD = ["link", "remove"]


@pytest.fixture
def old(tmp_path: Path) -> str:
    """A cache with two models."""
    maker = CacheMaker(tmp_path / "old")
    for name, files in FILES.items():
        maker.repo(name, files)
    (tmp_path / "project").mkdir()
    return maker.path


def adopt(source: str, cache: str, *words: str) -> Ended:
    """Adopt a cache into another one."""
    folder = os.path.dirname(cache)
    command = ["adopt", source, "--yes", "--cache-dir", cache, *words]
    return run(command, folder, cwd=f"{folder}/project")


def is_whole(cache: str) -> bool:
    """Tell whether a cache has both models, with their bytes."""
    found = {name: check(parse_target(name), cache).snapshot for name in FILES}
    return all(found[name] and contents(found[name] or "") == FILES[name] for name in FILES)


def own_contents(cache: str) -> int:
    """Return how many blobs lie in a cache itself, not behind a link of it."""
    homes = [f"{cache}/{folder_name(parse_target(name))}/blobs" for name in FILES]
    return sum(len(os.listdir(home)) for home in homes if not os.path.islink(os.path.dirname(home)))


@pytest.mark.parametrize("last", OLD)
def test_back_to_where_it_came_from(old: str, last: str) -> None:
    """The old place has links into the new one: they give way to the content."""
    new = f"{os.path.dirname(old)}/new"
    assert adopt(old, new, "--old", "link").code == 0
    assert own_contents(old) == 0
    back = adopt(new, old, "--old", last)
    assert back.code == 0, back
    assert own_contents(old) == 9
    assert is_whole(old)
    assert is_whole(new) is (last == "link")


def test_a_move_back(old: str) -> None:
    """As a user does whose second disk proves too slow; the default cache has links by then."""
    folder = os.path.dirname(old)
    new, settings = f"{folder}/new", f"{folder}/project/swarmcache.toml"
    assert (
        run(["move", new, "--yes", "--cache-dir", old], folder, cwd=f"{folder}/project").code == 0
    )
    with open(settings, "w", encoding="utf-8") as file:
        file.write(f'[cache]\ndir = "{new}"\n')
    back = run(["move", old, "--yes"], folder, cwd=f"{folder}/project")
    assert back.code == 0, back
    assert own_contents(old) == 9
    assert is_whole(old)


def test_a_killed_move_back_has_it_all(old: str) -> None:
    """Before each ninth change to the disk: one of both places is whole, and a rerun ends it."""
    folder = os.path.dirname(old)
    new = f"{folder}/new"
    assert adopt(old, new, "--old", "link").code == 0
    kept = f"{folder}.kept"
    shutil.copytree(folder, kept, symlinks=True)
    words = ["adopt", new, "--yes", "--cache-dir", old, "--old", "remove"]
    for die_at in range(1, 1000, 9):
        done = run(words, folder, die_at=die_at, cwd=f"{folder}/project")
        if done.code == 0:
            break
        homes = {name: folder_name(parse_target(name)) for name in FILES}
        for name, home in homes.items():
            places = [one for one in (old, new) if os.path.isdir(f"{one}/{home}")]
            found = [check(parse_target(name), one).snapshot for one in places]
            assert any(one and contents(one) == FILES[name] for one in found), (die_at, name)
        again = run(words, folder, cwd=f"{folder}/project")
        assert again.code == 0 or "holds no repos" in again.said, again
        assert is_whole(old), die_at
        assert own_contents(old) == 9
        for one in (old, new):
            shutil.rmtree(one)
            shutil.copytree(f"{kept}/{os.path.basename(one)}", one, symlinks=True)
    assert die_at > 20


@pytest.mark.parametrize("last", OLD)
def test_the_same_folder_by_another_path(old: str, last: str) -> None:
    """A volume that is mounted twice, a folder above it too: it is no other cache."""
    folder = os.path.dirname(old)
    twin = f"{folder}/twin"
    os.mkdir(twin)
    with bound(twin, old):
        done = adopt(twin, old, "--old", last)
        assert done.code == 3, done
        assert "is this cache itself" in done.said
        moved = run(["move", twin, "--yes", "--cache-dir", old], folder, cwd=f"{folder}/project")
        assert "is this cache itself" in moved.out, moved
    assert is_whole(old)


@pytest.mark.parametrize("last", OLD)
def test_one_repo_that_is_mounted_in_both(old: str, last: str) -> None:
    """No path says so: what is there is the old place's own, and stays."""
    folder = os.path.dirname(old)
    new, home = f"{folder}/new", "models--org--a"
    os.makedirs(f"{new}/{home}")
    with bound(f"{new}/{home}", f"{old}/{home}"):
        done = adopt(old, new, "--old", last)
        assert done.code == 3, done
        assert f"Kept: org/a: {new} itself does not have all of it" in done.out
        assert is_whole(new)
    assert check(parse_target("org/a"), old).state == "complete"


@pytest.mark.parametrize("last", OLD)
def test_links_into_a_tier_that_is_adopted(old: str, last: str) -> None:
    """As `link = "symlink"` makes them: their content comes first."""
    folder = os.path.dirname(old)
    new = f"{folder}/new"
    maker = CacheMaker(new)
    for name, files in FILES.items():
        maker.repo(name, files)
    for home in ("models--org--a/blobs", "models--org--b/blobs"):
        for name in os.listdir(f"{new}/{home}"):
            os.unlink(f"{new}/{home}/{name}")
            os.symlink(f"{old}/{home}/{name}", f"{new}/{home}/{name}")
    with open(f"{folder}/project/swarmcache.toml", "w", encoding="utf-8") as file:
        file.write(f'[cache]\ntiers = [{{ path = "{old}", link = "symlink" }}]\n')
    assert adopt(old, new).code == 0  # The old place stays, and with it what the links lead to.
    assert own_contents(new) == 9
    assert os.path.islink(f"{new}/models--org--a/blobs/{NAME}")
    done = adopt(old, new, "--old", last)
    assert done.code == 0, done
    assert not os.path.islink(f"{new}/models--org--a/blobs/{NAME}")
    assert is_whole(new)


@pytest.mark.parametrize("verb", ["adopt", "move", "import"])
def test_wrong_bytes_that_are_here_already(old: str, verb: str) -> None:
    """Of the right name and size, as a power loss leaves them: the right ones come."""
    folder = os.path.dirname(old)
    new = f"{folder}/new"
    if verb != "import":
        shutil.copytree(old, new, symlinks=True)
    else:
        assert adopt(old, new).code == 0
    blob = f"{new}/models--org--a/blobs/{NAME}"
    os.unlink(blob)
    with open(blob, "wb") as file:
        file.write(b"\0" * len(BIG))
    words = {
        "adopt": ["adopt", old, "--old", "remove", "--yes", "--cache-dir", new],
        "move": ["move", new, "--yes", "--cache-dir", old],
        "import": ["import", old, "--cache-dir", new],
    }[verb]
    done = run(words, folder, cwd=f"{folder}/project")
    assert done.code == 0, done
    assert is_whole(new)
