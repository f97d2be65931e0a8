"""Two users of one group on a cache that `init --group` made, whatever client and umask they have.

What A has fetched, B uses, fetches more of, upgrades, prunes and deletes, and the other way round:
each is a user with a group of their own, and the cache's group besides.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import compat_environments
import pytest

from cleaning import model
from other_user import open_folder, run_as
from swarmcache.hubcache.visitors import Visitor, flaws_for
from transfer.faulty_hub import FaultyHub, Repo

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.compat

ANN, BOB, LAB = 3001, 3002, 4000
FILES = model(**{"sub/x.json": b"{}", "big.bin": b"w" * 2_000_000})
FIRST, SECOND, THIRD = (
    {**FILES, "config.json": b'{"model_type": "llama", "n": %d}' % n} for n in (1, 2, 3)
)
ONE = "from huggingface_hub import hf_hub_download\nhf_hub_download('org/name', 'config.json')"
ALL = """
import os, sys
from huggingface_hub import snapshot_download
snapshot = snapshot_download('org/name')
for folder, _, names in os.walk(snapshot):
    for name in names:
        open(os.path.join(folder, name), 'rb').read()
assert f'"n": {sys.argv[1]}' in open(snapshot + '/config.json').read()
"""
PRUNE = """
import os, sys
from huggingface_hub import scan_cache_dir
found = scan_cache_dir(os.environ['HF_HUB_CACHE'])
commits = [revision.commit_hash for repo in found.repos for revision in repo.revisions
           if sys.argv[1] == 'all' or not revision.refs]
assert commits
found.delete_revisions(*commits).execute()
left = scan_cache_dir(os.environ['HF_HUB_CACHE'])
assert sum(len(repo.revisions) for repo in left.repos) == (sys.argv[1] != 'all'), left
"""


class Lab(NamedTuple):
    """A place that two users share, and the Hub that they ask."""

    folder: str
    hub: FaultyHub
    repo: Repo
    umask: int

    @property
    def cache(self) -> str:
        """The cache folder."""
        return f"{self.folder}/srv/hub"

    def client(self, user: int, version: str, code: str, *words: str) -> None:
        """Let a user run some code with their version of the Hub's client."""
        python = str(compat_environments.python_of(version))
        self._run(user, [python, "-c", code, *words])

    def ours(self, user: int, *words: str) -> None:
        """Let a user run a command of ours."""
        self._run(user, [sys.executable, "-m", "swarmcache", *words])

    def _run(self, user: int, command: list[str]) -> None:
        home = f"{self.folder}/{user}"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "LANG": "C.UTF-8",
            "HF_ENDPOINT": self.hub.url,
            "HF_HUB_CACHE": self.cache,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        more = {"env": environment, "umask": self.umask, "cwd": home, "timeout": 180}
        done = run_as(user, LAB, command, **more)
        told = f"{user}: {command[1:]}: {done.stdout}{done.stderr}"
        assert done.returncode == 0, told
        assert "ermission" not in done.stderr or "tree cache" in done.stderr, told


def _lab(folder: str, umask: int) -> Iterator[Lab]:
    for user in (ANN, BOB):
        os.mkdir(f"{folder}/{user}")
        os.chown(f"{folder}/{user}", user, user)
    command = [sys.executable, "-m", "swarmcache", "init", folder, "--yes", "--group", str(LAB)]
    subprocess.run(
        [*command, "--dir", f"{folder}/srv/hub"], check=True, capture_output=True, umask=umask
    )
    repo = Repo("org/name", FIRST)
    with FaultyHub(repo) as hub:
        yield Lab(folder, hub, repo, umask)


@pytest.fixture(params=[0o022, 0o002, 0o077], ids="{:03o}".format)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Return a place where everybody has that umask, whoever made the cache included."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    with open_folder() as folder:
        yield from _lab(folder, request.param)


@pytest.mark.parametrize(
    ("first", "second"),
    [("0.36.2", "2.4.0"), ("2.4.0", "0.36.2"), ("1.5.0", "1.31.0"), ("1.31.0", "1.5.0")],
)
def test_two_users_in_turn(lab: Lab, first: str, second: str) -> None:
    """Download, another file, use, upgrade, prune, delete, and again what somebody else locked."""
    lab.client(ANN, first, ONE)
    lab.client(BOB, second, ALL, "1")
    lab.repo.commit(SECOND)
    lab.client(BOB, second, ALL, "2")
    lab.client(ANN, first, ALL, "2")
    lab.repo.commit(THIRD)
    lab.client(ANN, first, ALL, "3")
    lab.client(BOB, second, PRUNE, "old")
    lab.client(ANN, first, ALL, "3")
    lab.client(BOB, second, PRUNE, "all")
    lab.client(ANN, first, ALL, "3")
    lab.client(ANN, first, PRUNE, "all")
    lab.client(BOB, second, ALL, "3")
    left = flaws_for(lab.cache, Visitor(None, frozenset({LAB})))
    # huggingface_hub since 1.22 writes its lists of files for their maker alone.
    assert {flaw.kind for flaw in left} <= {"manifests"}


def test_swarmcache_in_turn(lab: Lab) -> None:
    """Our own state is everybody's as well: each verb by one user after the other."""
    _all_verbs(lab)
    assert flaws_for(lab.cache, Visitor(None, frozenset({LAB}))) == ()


@pytest.mark.parametrize("umask", [0o022, 0o077], ids="{:03o}".format)
def test_swarmcache_needs_no_acls(umask: int) -> None:
    """What swarmcache makes in a setgid folder is the group's, whatever the umask."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    with open_folder() as folder:
        for lab in _lab(folder, umask):
            for path, _, _ in os.walk(lab.cache):
                os.removexattr(path, "system.posix_acl_default")
            _all_verbs(lab)
            left = flaws_for(lab.cache, Visitor(None, frozenset({LAB}), umask=0o002))
            assert not [flaw for flaw in left if flaw.kind != "folders"]


def _all_verbs(lab: Lab) -> None:
    lab.ours(ANN, "pull", "org/name")
    lab.ours(BOB, "pull", "--all-files", "org/name")
    lab.ours(BOB, "verify", "org/name")
    lab.ours(ANN, "check", "org/name")
    lab.repo.commit(SECOND)
    lab.ours(BOB, "pull", "--all-files", "org/name")
    lab.ours(ANN, "verify", "--all")
    lab.ours(ANN, "dedupe")
    lab.ours(BOB, "dedupe")
    lab.ours(BOB, "clean", "--all", "--detached", "--yes")
    lab.ours(ANN, "verify", "--all")
    lab.ours(ANN, "clean", "org/name", "--yes")
    lab.ours(BOB, "pull", "--all-files", "org/name")
    lab.ours(BOB, "clean", "org/name", "--yes")
    lab.ours(ANN, "pull", "org/name")
    lab.ours(BOB, "check", "org/name")


@pytest.mark.parametrize("version", tuple(compat_environments.VERSIONS))
def test_a_client_and_swarmcache_in_turn(lab: Lab, version: str) -> None:
    """One user has the Hub's own client, the other has us."""
    lab.client(ANN, version, ONE)
    lab.ours(BOB, "pull", "--all-files", "org/name")
    lab.ours(BOB, "verify", "org/name")
    lab.repo.commit(SECOND)
    lab.client(ANN, version, ALL, "2")
    lab.ours(BOB, "verify", "--all")
    lab.ours(BOB, "dedupe")
    lab.ours(BOB, "clean", "org/name", "--yes")
    lab.client(ANN, version, ALL, "2")
    lab.client(ANN, version, PRUNE, "all")
    lab.ours(BOB, "pull", "org/name")
