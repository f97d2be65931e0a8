"""What clients remove in a project whose models lie in a tier, the tier keeps.

Those up to 1.31 remove what all links of a revision's file lead to in the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cachemaker import CacheMaker
from compat.conftest import Library
from compat.test_linked_projects import FILES, LATER, PRUNE, make_older, revisions
from small_disks import read_only, small_disk
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

pytestmark = pytest.mark.compat
MODEL = "org/name"
OLDER = {**FILES, "model.safetensors": FILES["model.safetensors"][:-1] + b"0"}
DELETE = (
    "from huggingface_hub import scan_cache_dir\n"
    "try:\n"
    "    scan_cache_dir(sys.argv[1]).delete_revisions(*sys.argv[2:]).execute()\n"
    "except OSError as error:  # They mind EACCES and no other.\n"
    "    assert error.errno == 30\n"
    "answer = None"
)


class Place:
    """A tier with two commits of a model, and a project whose settings ask for links into it."""

    def __init__(self, folder: pathlib.Path, tier: str, version: str) -> None:
        maker = CacheMaker(tier)
        self.tier = tier
        self.commits = [maker.repo(MODEL, OLDER, refs=()), maker.repo(MODEL, LATER)]
        make_older(tier)
        (folder / "home").mkdir()
        self.project = Library(version, f"{folder}/hub", "http://127.0.0.1:9", str(folder / "home"))
        text = f'[cache]\ntiers = [{{ path = "{tier}", link = "symlink" }}]\n'
        (folder / "swarmcache.toml").write_text(text)

    def pulled(self) -> str:
        """Let the project have both commits, and return what was told."""
        told = ""
        for what in (f"{MODEL}@{self.commits[0]}", MODEL):
            done = subprocess.run(
                [sys.executable, "-m", "swarmcache", "pull", what],
                env=self.project.environment(),
                cwd=os.path.dirname(self.project.cache),
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            told += done.stderr
        assert len(revisions(self.project, MODEL)) == 2
        return told

    def prune(self) -> None:
        """Let the client remove what no ref names, by its command or as that does it."""
        if self.project.version.startswith("0."):
            self.project.run(PRUNE, self.project.cache)
        else:
            self.project.hf("cache", "prune", "-y")
        assert revisions(self.project, MODEL) == self.commits[1:]

    def delete(self, commits: list[str]) -> None:
        """Let the client remove some commits."""
        self.project.run(DELETE, self.project.cache, *commits)
        assert not set(revisions(self.project, MODEL)) & set(commits)

    def assert_tier_is_whole(self) -> None:
        """Fail where a file of either commit is gone."""
        for commit in self.commits:
            assert check(parse_target(f"{MODEL}@{commit}"), self.tier).state == "complete"


@pytest.fixture(params=["same disk", "other disk"])
def tier(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[str]:
    """Yield where a team's cache may be."""
    folder = str(tmp_path / "team")
    if request.param == "same disk":
        yield f"{folder}/hub"
        return
    with small_disk(folder, "tmpfs") as disk:
        yield f"{disk}/hub"


@pytest.mark.parametrize("version", compat_environments.VERSIONS)
def test_a_tier_that_this_user_may_write_keeps_what_a_client_removes(
    tmp_path: pathlib.Path, tier: str, version: str
) -> None:
    """No link leads there, which is told each time; the bytes are shared or copied instead."""
    place = Place(tmp_path, tier, version)
    for remove in (place.prune, lambda: place.delete(place.commits[:1])):
        assert "No link leads into the tier" in place.pulled()
        remove()
        place.assert_tier_is_whole()
    place.delete(place.commits[1:])
    place.assert_tier_is_whole()


@pytest.mark.parametrize("version", compat_environments.VERSIONS)
def test_a_read_only_tier_keeps_what_a_client_removes(
    tmp_path: pathlib.Path, tier: str, version: str
) -> None:
    """Links lead there, and the client's attempt fails; what it left is no obstacle."""
    place = Place(tmp_path, tier, version)
    with read_only(tier):
        for _ in range(2):
            assert "No link leads into the tier" not in place.pulled()
            blobs = f"{place.project.cache}/models--org--name/blobs"
            assert all(os.path.islink(f"{blobs}/{name}") for name in os.listdir(blobs))
            place.delete(place.commits[:1])
            place.assert_tier_is_whole()
