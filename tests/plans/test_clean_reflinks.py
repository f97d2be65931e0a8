"""What `clean` counts, promises and picks where models share bytes by reflink (xfs, btrfs)."""

from __future__ import annotations

import glob
import io
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, sha256, tiny_safetensors
from cleaning import SMALL, cleaned, named
from processes import until
from small_disks import small_disk
from swarmcache.environment import Environment
from swarmcache.hubcache import extents
from swarmcache.hubcache.extents import share_extents
from swarmcache.hubcache.layout import RepoName
from swarmcache.hubcache.linking import may_reflink
from swarmcache.hubcache.registry import remember
from swarmcache.hubcache.usage import free_bytes, measure_cache
from swarmcache.plans.clean import Pin, Wishes, plan_clean
from swarmcache.plans.clean.offers import survey
from swarmcache.plans.dedupe import plan_dedupe
from swarmcache.plans.dedupe.applying import apply_dedupe
from swarmcache.report.clean_text import doubt_lines
from swarmcache.report.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 2**20
WEIGHTS = tiny_safetensors(1, rows=2**16)  # 4 MiB
OTHERS = tiny_safetensors(2, rows=2**16)
NAME = sha256(WEIGHTS)
SLACK = 2**18
"""Bytes: the small files, and what the file system itself gives and takes."""


@pytest.fixture(params=["xfs", "btrfs"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    with small_disk(str(tmp_path / "disk"), request.param) as folder:
        yield folder


def models(disk: str, *names: str) -> None:
    """Make models of the same weights, `hub/a` in the cache `hub`, that share them by reflink."""
    before, makers = used(disk), dict[str, CacheMaker]()
    for name in names:
        cache, _, model = name.partition("/")
        makers[cache] = CacheMaker(f"{disk}/{cache}")
        makers[cache].repo(f"org/{model}", {**SMALL, "model.safetensors": WEIGHTS})
    os.sync()
    caches, environment = [maker.path for maker in makers.values()], Environment.current()
    list(apply_dedupe(plan_dedupe(caches, environment), environment))
    os.sync()
    blobs = [glob.glob(f"{maker.path}/*/blobs/{NAME}") for maker in makers.values()]
    assert all(share_extents(blobs[0][0], blob) for found in blobs for blob in found)
    # xfs gives the room back a moment later, btrfs when it next writes all down.
    until(lambda: near(used(disk) - before, len(WEIGHTS)), "the room of the copies")


def used(disk: str) -> int:
    """Return the bytes that are taken on a file system."""
    os.sync()
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def near(found: int, expected: int) -> bool:
    return abs(found - expected) <= SLACK


def pins(*names: str) -> list[Pin]:
    return [Pin(RepoName("model", f"org/{name}"), "main", "it is pinned") for name in names]


def repos(plan: object) -> list[str]:
    """Return the repos that a plan removes."""
    return [step.repo.id for step in plan.steps if step.kind == "repo"]  # type: ignore[attr-defined]


def test_the_last_file_that_shares_the_bytes_frees_them(disk: str) -> None:
    """One after the other: nothing, nothing, all; and the disk agrees each time."""
    models(disk, "hub/a", "hub/b", "hub/c")
    for name, freed in (("a", 0), ("b", 0), ("c", len(WEIGHTS))):
        before = used(disk)
        plan, (one,) = cleaned(f"{disk}/hub", Wishes((named(f"org/{name}"),)))
        assert near(plan.freed_bytes_expected, freed), name
        assert near(one.freed_bytes, freed), name
        assert near(plan.shared, len(WEIGHTS) - freed), name
        until(lambda: near(before - used(disk), freed), "the room")  # noqa: B023


def test_all_of_them_free_the_bytes_once(disk: str) -> None:
    """Named in one command: two of three free nothing, all three one copy."""
    models(disk, "hub/a", "hub/b", "hub/c")
    some = Wishes((named("org/a"), named("org/b")))
    assert near(plan_clean(f"{disk}/hub", Environment.current(), some).freed_bytes_expected, 0)
    before = used(disk)
    plan, groups = cleaned(f"{disk}/hub", Wishes(everything=True))
    assert near(plan.freed_bytes_expected, len(WEIGHTS))
    assert near(sum(one.freed_bytes for one in groups), len(WEIGHTS))
    until(lambda: near(before - used(disk), len(WEIGHTS)), "the room")


def test_free_takes_no_model_for_nothing(disk: str) -> None:
    """Those that share the bytes of a pinned one stay, and another goes that gives room."""
    models(disk, "hub/a", "hub/b", "hub/c")
    CacheMaker(f"{disk}/hub").repo("org/z", {**SMALL, "model.safetensors": OTHERS})
    before = used(disk)
    wishes = Wishes(everything=True, free=free_bytes(disk) + 2 * MIB)
    plan, _ = cleaned(f"{disk}/hub", wishes, pins=pins("c"))
    assert (repos(plan), plan.short) == (["org/z"], 0)
    until(lambda: used(disk) <= before - 2 * MIB, "the room")


def test_free_says_that_it_cannot_and_takes_nothing(disk: str) -> None:
    """All that may go is shared with what stays."""
    models(disk, "hub/a", "hub/b", "hub/c")
    wishes = Wishes(everything=True, free=free_bytes(disk) + 2 * MIB)
    plan = plan_clean(f"{disk}/hub", Environment.current(), wishes, pins=pins("c"))
    assert plan.steps == ()
    assert near(plan.short, 2 * MIB)
    assert near(plan.shared, len(WEIGHTS))
    said = list(doubt_lines(Terminal(io.StringIO(), io.StringIO(), {}), plan))
    assert any("shared with files that stay, here or elsewhere" in line for line in said)


def test_free_takes_all_that_share_where_that_gives_room(disk: str) -> None:
    """None of them alone frees anything; together they do."""
    models(disk, "hub/a", "hub/b", "hub/c")
    CacheMaker(f"{disk}/hub").repo("org/z", {**SMALL, "model.safetensors": OTHERS})
    before = used(disk)
    wishes = Wishes(everything=True, free=free_bytes(disk) + 2 * MIB)
    plan, _ = cleaned(f"{disk}/hub", wishes, pins=pins("z"))
    assert (repos(plan), plan.short) == (["org/a", "org/b", "org/c"], 0)
    until(lambda: used(disk) <= before - 2 * MIB, "the room")


def test_a_budget_counts_shared_bytes_once(disk: str) -> None:
    """Three models of one content keep a budget of less than two, and the menu says the same."""
    models(disk, "hub/a", "hub/b", "hub/c")
    environment = Environment.current()
    assert plan_clean(f"{disk}/hub", environment, Wishes(budget=6 * MIB)).steps == ()
    plan = plan_clean(f"{disk}/hub", environment, Wishes(budget=2 * MIB))
    assert (repos(plan), plan.short) == (["org/a", "org/b", "org/c"], 0)
    offers = survey(f"{disk}/hub", environment)
    assert near(offers.held_bytes, len(WEIGHTS))
    assert all(near(one.bytes, len(WEIGHTS)) for one in offers.repos)
    assert near(offers.offers[-1].freed_bytes, len(WEIGHTS))


def test_what_another_cache_shares_is_not_promised(disk: str) -> None:
    """One that nobody knows, as one file tells; and a known one, for two that share here."""
    models(disk, "elsewhere/a", "one/a", "two/a", "two/b")
    environment = Environment.current()
    one = plan_clean(f"{disk}/one", environment, Wishes(everything=True))
    assert near(one.freed_bytes_expected, 0)
    remember(f"{disk}/elsewhere", environment)
    before = used(disk)
    plan, groups = cleaned(f"{disk}/two", Wishes(everything=True))
    assert near(plan.freed_bytes_expected, 0)
    assert near(sum(one.freed_bytes for one in groups), 0)
    assert near(before, used(disk))


def test_a_tier_that_shares_is_looked_into(disk: str) -> None:
    """As any cache next door."""
    models(disk, "tier/a", "hub/a", "hub/b")
    wishes = Wishes(everything=True)
    plan = plan_clean(f"{disk}/hub", Environment.current(), wishes, tiers=[f"{disk}/tier"])
    assert near(plan.freed_bytes_expected, 0)


def test_a_budget_is_kept_by_what_lies_elsewhere_too(disk: str) -> None:
    """The cache holds it no longer, though the disk has no more room: the plan says both."""
    models(disk, "elsewhere/a", "hub/a")
    plan = plan_clean(f"{disk}/hub", Environment.current(), Wishes(budget=2 * MIB))
    assert (repos(plan), plan.short) == (["org/a"], 0)
    assert near(plan.freed_bytes_expected, 0)


def test_what_a_snapshot_holds_is_not_called_freed(tmp_path: Path) -> None:
    """Of what two files share nothing tells it beforehand; btrfs does when the last one goes."""
    with small_disk(str(tmp_path / "disk"), "btrfs") as disk:
        models(disk, "hub/a", "hub/b")
        CacheMaker(f"{disk}/hub").repo("org/z", {**SMALL, "model.safetensors": OTHERS})
        os.sync()
        words = ["btrfs", "subvolume", "snapshot", disk, f"{disk}/snapshot"]
        subprocess.run(words, check=True, capture_output=True)
        plan, groups = cleaned(f"{disk}/hub", Wishes((named("org/z"),)))
        assert near(plan.freed_bytes_expected, 0)
        _, groups = cleaned(f"{disk}/hub", Wishes(everything=True))
        assert near(sum(one.freed_bytes for one in groups), 0)


def test_status_counts_shared_bytes_once(disk: str) -> None:
    """Each model holds them, the cache once."""
    models(disk, "hub/a", "hub/b", "hub/c")
    usage = measure_cache(f"{disk}/hub", Environment.current())
    assert [near(repo.physical, len(WEIGHTS)) for repo in usage.repos] == [True] * 3
    assert near(usage.physical, len(WEIGHTS))
    assert near(usage.size, 3 * len(WEIGHTS))


def test_nothing_is_asked_where_there_are_no_reflinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one more system call for each file on ext4, overlay and tmpfs."""
    with small_disk(str(tmp_path / "disk"), "tmpfs") as disk:
        assert not may_reflink(disk)
        maker = CacheMaker(f"{disk}/hub")
        maker.repo("org/a", {**SMALL, "model.safetensors": WEIGHTS})
        asked: list[str] = []
        monkeypatch.setattr(extents, "open_quietly", asked.append)
        measure_cache(maker.path, Environment.current())
        plan, (one,) = cleaned(maker.path, Wishes(budget=0))
        assert one.freed_bytes == plan.freed_bytes_expected > len(WEIGHTS)
        assert asked == []
