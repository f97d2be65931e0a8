"""The target: a second project that needs the same model downloads 0 bytes and takes <= 1 MiB more.

Projects have caches of their own, named by their settings; all that is allocated counts, folders
and our own state included.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from faults.pulling import BOUND, MIB, Site, model, site
from faults.verifying import verify
from processes import ran
from small_disks import read_only, small_disk

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.faults
SIZE = 8 * MIB
DEAD = "http://127.0.0.1:9"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    place = site(tmp_path, model(SIZE))
    with place.hub:
        yield place


def project(here: Site, name: str, tiers: str = "") -> str:
    """Make a project with a cache of its own."""
    folder = f"{here.folder}/{name}"
    os.mkdir(folder)
    with open(f"{folder}/swarmcache.toml", "w") as file:
        file.write(f'[cache]\ndir = "project"\n{tiers}\n[[models]]\nid = "org/name"\n')
    return folder


def done_in(here: Site, folder: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project, whose settings name its cache; it must end well."""
    variables = here.environment(**more)
    del variables["HF_HUB_CACHE"]
    command = [sys.executable, "-m", "swarmcache", *words]
    done = ran(command, cwd=folder, env=variables, timeout=BOUND)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def pulled(here: Site, folder: str, **more: str) -> dict[str, Any]:
    """Pull what a project needs, as its user does, and return the model's entry."""
    done = done_in(here, folder, "pull", "--json", **more)
    (one,) = json.loads(done.stdout)["models"]
    assert one["state"] == "complete"
    return one


def taken(*folders: str) -> int:
    """Return the allocated bytes of all inodes below some folders."""
    found = {}
    for folder in folders:
        for path, below, names in os.walk(folder):
            for name in (*below, *names):
                status = os.lstat(f"{path}/{name}")
                found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def cache_of(folder: str) -> str:
    return f"{folder}/.cache/huggingface/hub"


def test_three_projects_take_the_room_of_one(here: Site) -> None:
    """The second with the Hub there, the third with a Hub that is gone."""
    one, two, three = (project(here, name) for name in ("one", "two", "three"))
    assert pulled(here, one)["downloaded_bytes"] > SIZE
    alone = taken(one)
    here.hub.requests.clear()
    for folder, url in ((two, here.hub.url), (three, DEAD)):
        found = pulled(here, folder, HF_ENDPOINT=url)
        assert (found["downloaded_bytes"], found["copied_bytes"]) == (0, 0)
        assert verify(cache_of(folder)).code == 0
    assert here.hub.served() == 0
    assert [request.route for request in here.hub.requests] == ["info"]
    assert taken(one, two, three) - alone <= 2 * MIB
    assert taken(two) > SIZE  # The blob is there, under a second name of the same inode.


@pytest.mark.parametrize("words", [["status"], ["check"], ["verify"], ["run", "--", "true"]])
def test_a_cache_that_a_client_filled_is_known_once_it_was_looked_at(
    here: Site, words: list[str]
) -> None:
    """By whatever its project's user does with it; nobody needs to pull what is there."""
    one, two = project(here, "one"), project(here, "two")
    pulled(here, one, HOME=f"{here.folder}/their-home")
    done_in(here, one, *words, HF_ENDPOINT=DEAD)
    known = done_in(here, one, "caches", "--json", HF_ENDPOINT=DEAD)
    assert cache_of(one) in known.stdout
    found = pulled(here, two, HF_ENDPOINT=DEAD)
    assert (found["downloaded_bytes"], found["told_by"]) == (0, cache_of(one))


def test_a_project_that_goes_leaves_the_first_as_it_was(here: Site) -> None:
    """Its links moved the ctime of each blob; what was hashed stays remembered."""
    one, two = project(here, "one"), project(here, "two")
    pulled(here, one)
    before = verify(cache_of(one)).counts
    pulled(here, two)
    shutil.rmtree(two)
    assert verify(cache_of(one)).counts == before
    assert (before["verified"], before["corrupt"]) == (0, 0)


@pytest.mark.parametrize("more", [[], ["--quiet"]], ids=["usual", "quiet"])
def test_what_had_to_be_copied_is_told_once(here: Site, tmp_path: Path, more: list[str]) -> None:
    """However many models came so: one sentence, with what it costs."""
    pulled(here, project(here, "one"))
    with small_disk(str(tmp_path / "other"), "tmpfs"):
        folder = project(here, "other/two")
        done = done_in(here, folder, "pull", *more)
    (told,) = [line for line in done.stderr.splitlines() if "⚠" in line]
    assert "8.4 MB had to be copied and take their room twice" in told


@pytest.mark.parametrize("answers", [True, False], ids=["hub", "no hub"])
def test_a_tier_that_nobody_has_used_here_gives_as_well(here: Site, *, answers: bool) -> None:
    """Another user's cache, say, which no registry of ours knows."""
    one = project(here, "one")
    pulled(here, one, HOME=f"{here.folder}/their-home")
    two = project(here, "two", f'tiers = ["{cache_of(one)}"]')
    before = taken(one, two)
    here.hub.requests.clear()
    found = pulled(here, two, HF_ENDPOINT=here.hub.url if answers else DEAD)
    assert (found["downloaded_bytes"], found["copied_bytes"]) == (0, 0)
    assert found["told_by"] == (here.hub.url if answers else cache_of(one))
    assert here.hub.served() == 0
    assert taken(one, two) - before <= MIB


@pytest.mark.parametrize("answers", [True, False], ids=["hub", "no hub"])
def test_a_tier_on_another_file_system_is_linked_into(
    here: Site, tmp_path: Path, *, answers: bool
) -> None:
    """With `link = "symlink"` two projects take no room either, where no hard link can lead."""
    with small_disk(str(tmp_path / "nfs"), "tmpfs") as disk:
        tier = f"{disk}/hub"
        here.finished("org/name", "--json", "--cache-dir", tier, HOME=f"{here.folder}/their-home")
        here.hub.requests.clear()
        for name in ("one", "two"):
            folder = project(here, name, f'tiers = [{{ path = "{tier}", link = "symlink" }}]')
            with read_only(tier):
                found = pulled(here, folder, HF_ENDPOINT=here.hub.url if answers else DEAD)
            assert (found["downloaded_bytes"], found["copied_bytes"]) == (0, 0)
            assert taken(folder) <= MIB
        assert here.hub.served() == 0
