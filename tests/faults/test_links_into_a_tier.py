"""A cache whose links lead into a configured tier, a read-only cache elsewhere on the machine."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, link
from faults.damage import Victim, delete_blob, flip_last
from faults.verifying import FILES, MODEL, ONE, age, snapshot_of, verify
from swarmcache.cli import main

if TYPE_CHECKING:
    import pathlib

pytestmark = pytest.mark.faults


@pytest.fixture(params=["entry", "blob"])
def cache(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A cache that has one shard from the tier: its entry or its blob is a link there."""
    tier, own = CacheMaker(tmp_path / "tier"), CacheMaker(tmp_path / "hub")
    for maker in (tier, own):
        maker.repo(MODEL, FILES)
    age(tier.path)
    age(own.path)
    victim = Victim(snapshot_of(own.path), ONE)
    content = Victim(snapshot_of(tier.path), ONE).content
    blob = victim.content
    os.unlink(blob)
    link(content, victim.entry if request.param == "entry" else blob)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("SWARMCACHE_CACHE_TIERS", tier.path)
    return own.path


def test_content_of_a_tier_is_as_good_as_any(
    cache: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """To verify, then remembered, to check, to status and to run; and its bytes are hashed."""
    for _ in range(2):
        found = verify(cache)
        assert (found.code, found.problems, found.good) == (0, set(), len(FILES))
    assert found.counts["remembered"] == len(FILES)
    assert main(["check", MODEL, "--cache-dir", cache]) == 0
    capsys.readouterr()
    assert main(["status", "--cache-dir", cache, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["repos"][0]["state"] == "complete"
    run = ["run", "--model", MODEL, "--cache-dir", cache, "--offline", "--", "true"]
    assert main(run) == 0


def test_a_folder_that_is_no_tier_is_outside(cache: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cache, its tier forgotten in the settings."""
    monkeypatch.delenv("SWARMCACHE_CACHE_TIERS")
    for found in (verify(cache), verify(cache, MODEL)):
        assert (found.code, found.problems) == (1, {(ONE, "outside-link")})
    assert main(["check", MODEL, "--cache-dir", cache]) == 1


def test_what_is_gone_from_a_tier_is_a_blob_that_is_gone(cache: str) -> None:
    """Not a link that leads astray."""
    delete_blob(Victim(snapshot_of(cache), ONE))
    assert (verify(cache).code, verify(cache, MODEL).problems) == (1, {(ONE, "missing-blob")})


def test_a_repair_writes_nothing_into_a_tier(cache: str, tmp_path: pathlib.Path) -> None:
    """The good copy lands in the cache itself, and the link leads there from then on."""
    good = CacheMaker(tmp_path / "good")
    good.repo(MODEL, FILES)
    victim = Victim(snapshot_of(cache), ONE)
    content = victim.content
    flip_last(victim)
    with open(content, "rb") as file:
        before = file.read()
    assert verify(cache, MODEL).problems == {(ONE, "wrong-hash")}

    assert verify(cache, MODEL, "--repair", "--from", good.path).code == 0
    assert os.path.realpath(victim.entry).startswith(cache + os.sep)
    with open(content, "rb") as file:
        assert file.read() == before
