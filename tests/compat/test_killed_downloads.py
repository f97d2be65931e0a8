"""Real clients killed in the middle: what they leave goes with the leftovers, and nothing else.

The instants: while bytes of the weights come in; and before a chosen rename or removal of each
version's own temporary files.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import time
from typing import TYPE_CHECKING

import compat_environments
import pytest

from cleaning import cleaned, tree
from faults.pulling import MIB, Site, model, site, until, weights
from faults.test_pull_with_hub_clients import hf
from processes import end
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.clean import LEFTOVER_KINDS, Wishes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.compat

VERSIONS = tuple(compat_environments.VERSIONS)
LARGE = model(24 * MIB, 2)
EVERYTHING = Wishes(leftovers=frozenset(LEFTOVER_KINDS))
HEX, UUID = "[0-9a-f]{8}", "tmp_[0-9a-f-]{36}"
SHARED = {"0.36.2", "1.5.0"}
"""Versions whose partial downloads have a name that the next one goes on with."""
DIES = """
import os, re, signal, sys
def watch(event, args):
    if event == os.environ["EVENT"] and re.search(os.environ["PATTERN"], str(args[0])):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
"""
"""Dies before the first change of this kind to a path of this form."""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """Yield a cache, and a Hub with a small and a large model."""
    made = site(tmp_path, model(4096, 1, "org/kept"), LARGE, bytes_per_second=12 * MIB)
    with made.hub:
        yield made


def below(here: Site) -> set[str]:
    """Return every file and link of the cache but locks and our own state; empty folders too."""
    found = set()
    for folder, inner, names in os.walk(here.cache):
        if os.path.basename(folder) == ".locks":
            inner.clear()
            continue
        whole = [*names, *([""] if not (inner or names) else [])]
        found.update(os.path.relpath(f"{folder}/{name}", here.cache) for name in whole)
    return found


def partials(here: Site) -> list[str]:
    """Return the partial downloads of the weights; those of small files come and go."""
    return glob.glob(f"{here.cache}/models--org--name/blobs/{weights(LARGE)}*.incomplete")


def aged(here: Site) -> None:
    """Let all of the cache be an hour old, as an hour would."""
    then = time.time() - 3600
    for folder, inner, names in os.walk(here.cache):
        for name in (*names, *inner):
            os.utime(f"{folder}/{name}", (then, then), follow_symlinks=False)


def fetched(here: Site, version: str, repo_id: str) -> None:
    process = hf(here, version, "download", repo_id)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out


def killed_at(here: Site, version: str, event: str, pattern: str) -> None:
    """Run a download that dies before the first such event."""
    variables = here.environment(DIES, EVENT=event, PATTERN=pattern)
    process = subprocess.run(
        [str(compat_environments.python_of(version).with_name("hf")), "download", "org/name"],
        env={**variables, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == -9, process.stdout + process.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_a_killed_download_goes_when_nobody_owns_it(here: Site, version: str) -> None:
    """While it runs, and for ten minutes after, nothing of it is touched."""
    fetched(here, version, "org/kept")
    kept = tree(here.cache)
    etag = weights(LARGE)
    downloading = hf(here, version, "download", "org/name")
    try:
        until(lambda: any(os.path.getsize(path) for path in partials(here)), "the download")
        plan, _ = cleaned(here.cache, EVERYTHING)
        assert plan.steps == ()
        assert "a download of it is under way" in {one.reason for one in plan.kept}
    finally:
        end(downloading)
    (partial,) = partials(here)
    middle = "" if version in SHARED else rf"\.{HEX}"
    assert re.fullmatch(rf"{etag}{middle}\.incomplete", os.path.basename(partial))

    plan, _ = cleaned(here.cache, EVERYTHING)
    assert plan.steps == ()
    assert "it is younger than 10 minutes" in {one.reason for one in plan.kept}
    aged(here)
    before, locks = below(here), os.listdir(f"{here.cache}/.locks/models--org--name")
    plan, groups = cleaned(here.cache, EVERYTHING)

    assert [step.path for one in groups for step in one.done] == [partial]
    assert plan.freed_bytes_expected == sum(one.freed_bytes for one in groups) > 0
    assert before - below(here) == {os.path.relpath(partial, here.cache)}
    assert set(os.listdir(f"{here.cache}/.locks/models--org--name")) == set(locks)
    assert kept.items() <= tree(here.cache).items()
    assert check(parse_target("org/kept"), here.cache).state == "complete"


OLD, NEW = "0.36.2", "2.4.0"
INSTANTS = [
    *((version, "os.remove", f"/{UUID}$") for version in (OLD, NEW)),
    *((version, "os.symlink", "^dummy_file_src$") for version in (OLD, NEW)),
    (NEW, "os.rename", rf"/refs/main\.{HEX}\.tmp$"),
    (NEW, "os.rename", r"/trees/tmp\w{8}\.tmp$"),
]


@pytest.mark.parametrize(("version", "event", "pattern"), INSTANTS)
def test_a_temporary_file_of_a_killed_client_goes(
    here: Site, version: str, event: str, pattern: str
) -> None:
    """Wherever that version has it: in the cache, the repo, its blobs, refs or trees."""
    fetched(here, version, "org/kept")
    kept = tree(here.cache)
    killed_at(here, version, event, pattern)
    wanted = r"(^|/)tmp\w{8}/dummy_file_src$" if event == "os.symlink" else pattern
    left = [path for path in below(here) if re.search(wanted, f"/{path}")]
    assert left  # One for each thread of the client that was so far.
    aged(here)

    cleaned(here.cache, EVERYTHING)

    assert not any(os.path.lexists(f"{here.cache}/{path}") for path in left)
    assert not [name for name in os.listdir(here.cache) if name.startswith("tmp")]
    assert kept.items() <= tree(here.cache).items()
    fetched(here, version, "org/name")
    aged(here)
    assert cleaned(here.cache, EVERYTHING)[0].steps == ()
    assert here.state() == "complete"
