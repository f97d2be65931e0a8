"""A second project with no Hub that answers: the caches next door tell the commit and its files."""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from cleaning import inodes
from faults.pulling import BOUND, DYING, MIB, Site, assert_legal, etags, model, site
from faults.verifying import verify
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.serve.silent import SilentHub
from transfer.faulty_hub import faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from transfer.faulty_hub import Repo

pytestmark = pytest.mark.faults
SIZE = 3 * MIB
DEAD = "http://127.0.0.1:9"
PATIENCE = 3.0
IMPATIENT = (
    "from swarmcache.transfer import bounds\n"
    f"bounds.LIST_SECONDS = {PATIENCE}\n"
    f"bounds.Bounds.of.__func__.__kwdefaults__['listing'] = {PATIENCE}\n"
)
"""So that a test need not wait for twenty seconds."""


@pytest.fixture
def repo() -> Repo:
    return model(SIZE, **{"README.md": b"# A model\n"})


@pytest.fixture
def here(tmp_path: Path, repo: Repo) -> Iterator[Site]:
    """A first project has pulled org/name and org/other; the cache of the second is empty."""
    place = site(tmp_path, repo, model(2 * MIB, seed=5, repo_id="org/other"))
    with place.hub:
        place.finished("org/name", "org/other", "--json", HF_HUB_CACHE=first(place))
        place.hub.requests.clear()
        yield place


def first(here: Site) -> str:
    return f"{here.folder}/first"


def pulled(here: Site, *words: str, code: int = 0, **more: str) -> tuple[dict[str, Any], str]:
    """Run a pull, by default where the Hub refuses connections; return its document and chatter."""
    process = here.start(*(words or ("org/name",)), "--json", **{"HF_ENDPOINT": DEAD, **more})
    out, said = process.communicate(timeout=BOUND)
    assert process.returncode == code, out + said
    return json.loads(out), said


def test_with_a_refused_connection_all_comes_from_next_door(here: Site) -> None:
    """Both models, with one warning, the commit's teller, the same manifest and no more room."""
    before = sum(inodes(here.folder).values())
    document, said = pulled(here, "org/name", "org/other")
    one, other = document["models"]
    assert (one["state"], one["downloaded_bytes"], one["copied_bytes"]) == ("complete", 0, 0)
    assert (one["told_by"], one["unanswered"]["kind"]) == (first(here), "EndpointUnreachable")
    assert (one["elsewhere"], other["state"]) == ([], "complete")
    assert one["source"].startswith(first(here))
    assert sum(inodes(here.folder).values()) - before <= MIB
    assert said.count("⚠") == 1
    assert f"taken at their word: {DEAD} cannot be reached: Connection refused" in said
    assert f"org/name: main is commit {one['commit'][:12]}, as {first(here)} has it." in said
    (mine,) = glob.glob(f"{here.cache}/models--org--name/trees/*")
    with open(mine) as ours, open(mine.replace(here.cache, first(here))) as theirs:
        assert ours.read() == theirs.read()
    assert verify(here.cache).code == 0
    assert here.hub.requests == []


def test_a_hub_that_never_answers_is_waited_for_once(here: Site) -> None:
    """Not once for each model."""
    with SilentHub() as silent:
        began = time.monotonic()
        document, said = pulled(
            here, "org/name", "org/other", hook=IMPATIENT, HF_ENDPOINT=silent.url
        )
        assert time.monotonic() - began >= PATIENCE
        assert silent.connections == 1
    assert [one["state"] for one in document["models"]] == ["complete", "complete"]
    assert "accepts and does not answer: nothing for 3 s." in said


def test_a_hub_that_answers_with_errors_is_asked_again_for_others(here: Site) -> None:
    """It may only have lost one repo; but it is given no second twenty seconds."""
    here.hub.add(faults.refused(503))
    document, said = pulled(here, "org/name", "org/other", hook=IMPATIENT, HF_ENDPOINT=here.hub.url)
    assert [one["state"] for one in document["models"]] == ["complete", "complete"]
    assert "answers with error 503." in said
    assert [request.repo for request in here.hub.requests].count("org/other") == 1


def test_a_branch_is_asked_for_and_its_list_is_not(here: Site) -> None:
    """With a Hub that answers: which commit is main now, and nothing else."""
    document, _ = pulled(here, HF_ENDPOINT=here.hub.url)
    assert document["models"][0]["state"] == "complete"
    assert document["models"][0]["unanswered"] is None
    assert [request.route for request in here.hub.requests] == ["info"]


def test_a_commit_next_door_needs_no_request(here: Site, repo: Repo) -> None:
    """A commit never changes; neither does what a lock pins."""
    document, _ = pulled(here, f"org/name@{repo.main}", HF_ENDPOINT=here.hub.url)
    one = document["models"][0]
    assert (one["state"], one["told_by"], one["unanswered"]) == ("complete", first(here), None)
    assert here.hub.requests == []


def test_what_a_lock_pins_needs_no_request(
    here: Site, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though main has moved on, at the Hub and in the cache next door."""
    project = f"{here.folder}/project"
    os.mkdir(project)
    monkeypatch.chdir(project)
    locking = [sys.executable, "-m", "swarmcache", "lock", "org/name"]
    variables = here.environment(HF_HUB_CACHE=first(here))
    subprocess.run(locking, env=variables, check=True, timeout=BOUND, capture_output=True)
    pinned = repo.main
    repo.commit({"config.json": b"{}"})
    here.finished("org/name", "--json", "--refresh", HF_HUB_CACHE=f"{here.folder}/third")
    here.hub.requests.clear()
    document, _ = pulled(here, HF_ENDPOINT=here.hub.url)
    one = document["models"][0]
    assert (one["state"], one["commit"], here.hub.requests) == ("complete", pinned, [])
    with open(f"{here.cache}/models--org--name/refs/main") as ref:
        assert ref.read() == pinned


def test_a_list_that_contradicts_the_lock_is_none(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub is asked instead."""
    project = f"{here.folder}/project"
    os.mkdir(project)
    monkeypatch.chdir(project)
    locking = [sys.executable, "-m", "swarmcache", "lock", "org/name"]
    variables = here.environment(HF_HUB_CACHE=first(here))
    subprocess.run(locking, env=variables, check=True, timeout=BOUND, capture_output=True)
    (tree,) = glob.glob(f"{first(here)}/models--org--name/trees/*")
    with open(tree) as file:
        document = json.load(file)
    document["files"]["config.json"]["blob_id"] = "0" * 40
    with open(tree, "w") as file:
        json.dump(document, file)
    found, _ = pulled(here, HF_ENDPOINT=here.hub.url)
    assert found["models"][0]["state"] == "complete"
    assert [request.route for request in here.hub.requests] == ["tree"]


def test_offline_links_what_lies_next_door(here: Site) -> None:
    """HF_HUB_OFFLINE=1, and the Hub is not asked though it is there."""
    document, said = pulled(here, HF_ENDPOINT=here.hub.url, HF_HUB_OFFLINE="1")
    one = document["models"][0]
    assert (one["state"], one["told_by"]) == ("complete", first(here))
    assert here.hub.requests == []
    assert "HF_HUB_OFFLINE forbids the network" in said


def test_a_cache_of_an_older_client_tells_by_its_links(here: Site) -> None:
    """Without a manifest a complete revision names its files; what it leaves out is no list."""
    shutil.rmtree(f"{first(here)}/models--org--name/trees")
    document, _ = pulled(here)
    assert document["models"][0]["state"] == "complete"
    assert not os.path.exists(f"{here.cache}/models--org--name/trees")
    document, _ = pulled(here, "org/name", "--all-files", "--cache-dir", f"{here.folder}/x", code=4)
    assert document["models"][0]["state"] == "missing"


def test_a_needed_file_that_lies_nowhere_is_named(here: Site) -> None:
    """And nothing of the rest makes the model look complete, or is written at all."""
    (path,) = glob.glob(f"{first(here)}/models--org--name/snapshots/*/model.safetensors")
    os.unlink(os.path.realpath(path))
    document, said = pulled(here, code=4)
    one = document["models"][0]
    assert (one["state"], one["error"]["kind"]) == ("missing", "EndpointUnreachable")
    assert "The caches here lack model.safetensors of commit " in one["error"]["message"]
    assert "taken at their word" not in said
    assert not os.path.exists(f"{here.cache}/models--org--name")


def test_a_file_that_loading_needs_not_may_lack(here: Site) -> None:
    """What somebody left away next door stops no start, and is named."""
    (path,) = glob.glob(f"{first(here)}/models--org--name/snapshots/*/README.md")
    os.unlink(os.path.realpath(path))
    os.unlink(path)
    document, said = pulled(here)
    assert document["models"][0]["state"] == "complete"
    assert "Without README.md, which no cache here has" in said
    document, _ = pulled(here, "org/name", "--all-files", "--cache-dir", f"{here.folder}/x", code=4)
    assert "lack README.md" in document["models"][0]["error"]["message"]


def test_wrong_bytes_next_door_are_not_linked(here: Site) -> None:
    """A list of files proves nothing: each content is hashed or remembered before it is taken."""
    (path,) = glob.glob(f"{first(here)}/models--org--name/snapshots/*/model.safetensors")
    with open(os.path.realpath(path), "r+b") as file:
        file.seek(SIZE // 2)
        file.write(b"\0" * 8)
    document, _ = pulled(here, code=5)
    assert document["models"][0]["error"]["kind"] == "WrongBytes"
    assert check(parse_target("org/name"), here.cache).state == "missing"


def test_the_ref_fetched_last_counts_and_the_others_are_told(here: Site, repo: Repo) -> None:
    """Where caches disagree on what main is; an incomplete one is passed over."""
    old = repo.main
    new = repo.commit({**repo.commits[old], "README.md": b"# Better\n"})
    third = f"{here.folder}/third"
    here.finished("org/name", "--json", HF_HUB_CACHE=third)
    os.utime(f"{first(here)}/models--org--name/refs/main", (1, 1))
    document, said = pulled(here)
    one = document["models"][0]
    assert (one["commit"], one["told_by"], one["elsewhere"]) == (new, third, [first(here)])
    assert f"it is another one, fetched earlier or not complete, in {first(here)}." in said
    shutil.rmtree(f"{third}/models--org--name/snapshots")
    shutil.rmtree(f"{third}/models--org--name/blobs")
    document, _ = pulled(here, "org/name", "--cache-dir", f"{here.folder}/fourth")
    assert document["models"][0]["commit"] == new  # The second cache has it complete.
    shutil.rmtree(here.cache)
    document, _ = pulled(here, "org/name", "--cache-dir", f"{here.folder}/fifth")
    assert document["models"][0]["commit"] == new


def test_a_newest_ref_without_its_files_is_passed_over(here: Site, repo: Repo) -> None:
    """Clients write a ref before its files: a download under way next door has nothing yet."""
    old, third = repo.main, f"{here.folder}/third/models--org--name"
    os.makedirs(f"{third}/refs")
    with open(f"{third}/refs/main", "w") as ref:
        ref.write("c" * 40)
    document, _ = pulled(here, SWARMCACHE_CACHE_TIERS=f"{here.folder}/third")
    one = document["models"][0]
    assert (one["commit"], one["elsewhere"]) == (old, [f"{here.folder}/third"])


def test_the_caches_own_ref_is_not_moved(here: Site, repo: Repo) -> None:
    """Only a Hub may do that: an incomplete model is completed at its own commit."""
    old = repo.main
    here.finished("org/name", "--json")
    (path,) = glob.glob(f"{here.cache}/models--org--name/snapshots/*/config.json")
    os.unlink(os.path.realpath(path))
    repo.commit({**repo.commits[old], "README.md": b"# Better\n"})
    here.finished("org/name", "--json", HF_HUB_CACHE=f"{here.folder}/third")
    document, _ = pulled(here)
    one = document["models"][0]
    assert (one["state"], one["commit"], one["told_by"]) == ("complete", old, here.cache)


def test_killed_before_some_changes_a_rerun_goes_on(here: Site, repo: Repo) -> None:
    """As every pull: the cache is legal after each kill, and complete after the rerun."""
    process = here.start(
        "org/name", hook=DYING, DIE_IN=here.cache, HF_ENDPOINT=DEAD, HF_HUB_CACHE=here.cache
    )
    _, said = process.communicate(timeout=BOUND)
    changes = int(said.rpartition("changes: ")[2])
    assert changes > 20
    for last in range(2, changes + 1, 11):
        shutil.rmtree(here.cache)
        dying = {"DIE_IN": here.cache, "DIE_AT": str(last), "HF_ENDPOINT": DEAD}
        process = here.start("org/name", hook=DYING, **dying)
        process.communicate(timeout=BOUND)
        assert process.returncode == -9
        if os.path.isdir(here.cache):
            assert_legal(here.cache, etags(repo))
        document, _ = pulled(here)
        assert document["models"][0]["state"] == "complete", last
        assert here.leftovers() == [], last
    assert here.hub.requests == []


def run(here: Site, *words: str, hook: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Start a trainer that shows which weights it finds."""
    child = [
        "sh",
        "-c",
        "cat $HF_HUB_CACHE/models--org--name/snapshots/*/model.safetensors | wc -c",
    ]
    return subprocess.run(
        [sys.executable, "-m", "swarmcache", "run", "--model", "org/name", *words, "--", *child],
        env=here.environment(hook, **{"HF_ENDPOINT": DEAD, **more}),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )


@pytest.mark.parametrize("words", [(), ("--offline",)], ids=["dead", "offline"])
def test_run_starts_with_what_lies_next_door(here: Site, words: tuple[str, ...]) -> None:
    """A second project starts though no Hub answers, or none may be asked."""
    done = run(here, *words)
    assert (done.returncode, done.stdout) == (0, f"{SIZE}\n"), done.stderr
    assert "taken at their word" in done.stderr
    assert here.hub.requests == []


def test_run_waits_once_for_a_hub_that_never_answers(here: Site) -> None:
    """Whatever the number of models."""
    with SilentHub() as silent:
        began = time.monotonic()
        done = run(here, "--model", "org/other", hook=IMPATIENT, HF_ENDPOINT=silent.url)
        assert time.monotonic() - began >= PATIENCE
        assert silent.connections == 1
    assert (done.returncode, done.stdout) == (0, f"{SIZE}\n"), done.stderr


def test_run_says_it_in_chinese(here: Site) -> None:
    """Both languages tell who was not heard and who told."""
    done = run(here, SWARMCACHE_LANG="zh_CN")
    assert done.returncode == 0
    assert "没有联系上 Hub" in done.stderr
    assert f"以 {first(here)} 中的为准" in done.stderr
