"""File systems that share bytes (btrfs, xfs), and such that know no links (FAT, some network ones).

What `pull` and `dedupe` do there: tests/transfer/test_linking.py, tests/plans/test_dedupe.py.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, write
from cleaning import model, tree
from faults.bringing import (
    FILES,
    NO_LINKS,
    PARTIAL,
    build,
    refuse_harm,
    refuse_remains,
    run,
)
from small_disks import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.faults
MIB = 2**20
LARGE = os.urandom(8 * MIB)
HELD = {"org/large": model(1, **{"big.dat": LARGE}), "org/twin": model(2, **{"big.dat": LARGE})}


def used(disk: str) -> int:
    """Return the bytes that are taken on a file system."""
    os.sync()
    found = os.statvfs(disk)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


@pytest.fixture(params=["btrfs", "xfs"])
def reflinks(request: pytest.FixtureRequest, ground: str) -> Iterator[str]:
    """Yield a file system whose files can share bytes, with two models in a cache."""
    with small_disk(f"{ground}/disk", request.param) as disk:
        maker = CacheMaker(f"{disk}/old")
        for name, files in HELD.items():
            maker.repo(name, files)
        yield disk


@pytest.mark.parametrize(
    "words",
    [
        ("adopt", "{disk}/old", "--cache-dir", "{disk}/new"),
        ("move", "{disk}/new", "--yes", "--cache-dir", "{disk}/old"),
        ("export", *HELD, "{disk}/new", "--cache-dir", "{disk}/old"),
    ],
)
def test_bytes_are_shared_and_each_cache_has_files_of_its_own(
    ground: str, reflinks: str, words: tuple[str, ...]
) -> None:
    """Whoever writes into one place does not write into the other; nothing is copied."""
    before = used(reflinks)
    (folder,) = (f"{ground}/a",)
    os.makedirs(folder)
    done = run([word.format(disk=reflinks) for word in words], folder)
    assert done.code == 0, done
    assert "had to be copied" not in done.out
    assert used(reflinks) - before <= 2 * MIB
    refuse_harm(f"{reflinks}/new", files=HELD)
    for path, _, names in os.walk(f"{reflinks}/new"):
        for name in names:
            whole = os.path.join(path, name)
            assert os.path.islink(whole) or os.stat(whole).st_nlink == 1, whole


def test_a_plain_folder_shares_bytes_until_somebody_edits_it(ground: str, reflinks: str) -> None:
    """An edit in place reaches the folder only."""
    before = used(reflinks)
    os.makedirs(f"{ground}/a")
    words = ["export", "org/large", f"{reflinks}/plain", "--plain", "--cache-dir"]
    assert run([*words, f"{reflinks}/old"], f"{ground}/a").code == 0
    assert tree(f"{reflinks}/plain") == HELD["org/large"]
    assert used(reflinks) - before <= 2 * MIB
    with open(f"{reflinks}/plain/big.dat", "r+b") as file:
        file.write(b"edited")
    refuse_harm(f"{reflinks}/old", files=HELD)


@pytest.fixture(params=["vfat", "forbidden"])
def linkless(
    request: pytest.FixtureRequest, ground: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Yield a place without links: a real one where this machine has it, and one by decree."""
    with contextlib.ExitStack() as stack:
        if request.param == "vfat":
            yield stack.enter_context(small_disk(f"{ground}/disk", "vfat"))
        else:
            monkeypatch.setenv("HOOK", NO_LINKS)
            yield f"{ground}/disk"


@pytest.mark.parametrize("verb", ["adopt", "move", "export", "import"])
def test_where_there_are_no_links_everything_is_copied(
    ground: str, linkless: str, verb: str
) -> None:
    """That costs room, which is told; every model is whole, and a rerun changes nothing."""
    source, cache = build(f"{ground}/old").path, f"{linkless}/new"
    folder = f"{ground}/a"
    write(f"{folder}/swarmcache.toml", f'[cache]\ndir = "{source}"\n'.encode())
    names = ("org/links", "org/shared") if verb in {"export", "import"} else tuple(FILES)
    words = {
        "adopt": ["adopt", source, "--old", "remove", "--yes", "--cache-dir", cache],
        "move": ["move", cache, "--yes"],
        "export": ["export", *names, cache],
        "import": ["import", f"{ground}/x", "--cache-dir", cache],
    }[verb]
    if verb == "import":
        assert run(["export", *names, f"{ground}/x"], folder).code == 0
    done = run(words, folder)
    assert done.code == 0, done
    assert "had to be copied" in done.out
    refuse_harm(cache, names=names)
    refuse_remains(linkless, partials=(PARTIAL,))
    if verb in {"export", "import"}:
        before = tree(cache)
        assert run(words, folder).code == 0
        assert tree(cache) == before


def test_links_for_the_old_place_are_refused_before_anything_goes(
    ground: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--old link` where there can be none: exit 3, and the old place is as it was."""
    source = build(f"{ground}/old").path
    before = tree(source)
    os.makedirs(f"{ground}/a")
    monkeypatch.setenv("HOOK", NO_LINKS)
    words = ["adopt", source, "--old", "link", "--yes", "--cache-dir", f"{ground}/new"]
    done = run(words, f"{ground}/a")
    assert (done.code, "Traceback" in done.said) == (3, False), done
    assert source in done.said
    assert tree(source) == before
    refuse_harm(f"{ground}/new")
