"""Root in another user's cache, as a container with the cache of its host: it locks nobody out."""

from __future__ import annotations

import os
import subprocess
import sys
from stat import S_IMODE, S_ISLNK
from typing import TYPE_CHECKING, NamedTuple

import pytest

from cachemaker import CacheMaker
from cleaning import model
from other_user import open_folder, run_as
from transfer.faulty_hub import FaultyHub, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator

ANN = 3001
OLD, NEW = model(**{"old.bin": b"o" * 200_000}), model(**{"sub/new.bin": b"n" * 200_000})


class Place(NamedTuple):
    """A folder of Ann's with a cache of hers, and the Hub that both ask."""

    folder: str
    hub: FaultyHub

    @property
    def cache(self) -> str:
        """Her cache."""
        return f"{self.folder}/ann/hub"

    def variables(self, home: str) -> dict[str, str]:
        """Return the environment of somebody whose home is there."""
        kept = {
            name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ
        }
        asked = {"HF_ENDPOINT": self.hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_CACHE": self.cache}
        return {**kept, **asked, "HOME": home}

    def root(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Let root run swarmcache, by whose umask nobody else may write."""
        done = subprocess.run(
            [sys.executable, "-m", "swarmcache", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=self.variables(f"{self.folder}/root"),
            umask=0o022,
        )
        assert done.returncode == 0, done
        return done

    def ann(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Let her run it."""
        home = f"{self.folder}/ann"
        words = (sys.executable, "-m", "swarmcache", *words)
        return run_as(ANN, ANN, words, cwd=home, env=self.variables(home))

    def strangers(self) -> list[str]:
        """Return what in her folder is not hers; nobody asks whose a symbolic link is."""
        found = []
        for folder, _, names in os.walk(f"{self.folder}/ann"):
            for path in (folder, *(f"{folder}/{name}" for name in names)):
                status = os.lstat(path)
                if not S_ISLNK(status.st_mode) and (status.st_uid, status.st_gid) != (ANN, ANN):
                    found.append(os.path.relpath(path, self.folder))
        return found


@pytest.fixture
def place() -> Iterator[Place]:
    """Yield a place whose Hub has what her cache has, and one model more."""
    if os.geteuid():
        pytest.skip("only root can be root")
    with open_folder() as folder, FaultyHub(Repo("org/old", OLD), Repo("org/new", NEW)) as hub:
        os.mkdir(f"{folder}/root", 0o700)
        maker = CacheMaker(f"{folder}/ann/hub")
        maker.repo("org/old", OLD)
        CacheMaker(f"{folder}/ann/second").repo("org/old", OLD)
        for above, _, names in os.walk(f"{folder}/ann"):
            for path in (above, *(f"{above}/{name}" for name in names)):
                os.lchown(path, ANN, ANN)
        yield Place(folder, hub)


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "--all"],
        ["run", "--model", "org/old", "--", "true"],
        ["dedupe", "ann/hub", "ann/second"],
        ["pull", "org/new"],
        ["clean", "org/old", "--yes"],
        ["adopt", "ann/second", "--yes"],
        ["move", "ann/third", "--yes"],
    ],
    ids=lambda words: words[0],
)
def test_what_root_makes_is_its_owners(place: Place, words: list[str]) -> None:
    """Folders, locks, records and blobs; then she goes on, with a download and a clean."""
    place.root(*words)
    assert place.strangers() == []
    cache = "third" if words[0] == "move" else "hub"
    for more in (["pull", "org/new"], ["verify", "--all"], ["clean", "org/new", "--yes"]):
        done = place.ann(*more, "--cache-dir", f"{place.folder}/ann/{cache}")
        assert done.returncode == 0, done


def test_a_cache_of_roots_stays_roots(place: Place) -> None:
    """In a folder of root's; whoever else there is."""
    os.mkdir(f"{place.folder}/roots")
    place.root("pull", "org/new", "--cache-dir", f"{place.folder}/roots/hub")
    found = {os.lstat(one).st_uid for one, _, _ in os.walk(f"{place.folder}/roots")}
    assert found == {0}


def test_what_was_roots_before_stays_roots(place: Place) -> None:
    """A lock, a record and a blob that another program of root's has made are not given away."""
    blobs = f"{place.cache}/models--org--new/blobs"
    before = [f"{place.cache}/.locks/models--org--old/x.lock", f"{blobs}/{'a' * 64}"]
    for path in before:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.chown(os.path.dirname(path), ANN, ANN)
        with open(path, "w", encoding="ascii"):
            pass
    place.root("pull", "org/new")
    assert {os.stat(path).st_uid for path in before} == {0}


def test_root_follows_no_link_that_stands_for_a_record(place: Place) -> None:
    """She lays one to a file that only root may read: it is neither opened to her nor hers."""
    secret = f"{place.folder}/root/secret"
    with open(secret, "w", encoding="ascii") as file:
        file.write("x\n")
    os.chmod(secret, 0o600)
    ledger = f"{place.cache}/.locks/.swarmcache/ledger"
    for record in ("used/models--org--old", "fetched/models--org--new", "claims", "hashes"):
        os.makedirs(os.path.dirname(f"{ledger}/{record}"), exist_ok=True)
        os.symlink(secret, f"{ledger}/{record}")
    for words in (["verify", "--all"], ["run", "--model", "org/old", "--", "true"]):
        place.root(*words)
    place.root("pull", "org/new")
    found = os.stat(secret)
    assert (found.st_uid, S_IMODE(found.st_mode), found.st_size) == (0, 0o600, 2)


def test_a_refusal_names_the_folder_that_refuses(place: Place) -> None:
    """The cache is hers; what an earlier version of root's made in it is not."""
    own = f"{place.cache}/.locks/.swarmcache"
    os.makedirs(own)
    done = place.ann("pull", "org/new")
    assert done.returncode == 3, done
    assert f"ls -ld {place.cache}/.locks" in done.stderr
