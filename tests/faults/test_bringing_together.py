"""`adopt` and `move` beside others: another one, a pull, a clean, a downloader; and Ctrl-C.

What nobody else takes is whole in one place at any time, and a last run finishes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal

import pytest

from cachemaker import write
from faults.bringing import (
    FILES,
    PARTIAL,
    build,
    ended,
    interrupted,
    refuse_harm,
    refuse_illegal,
    refuse_remains,
    refuse_warnings,
    run,
    start,
)
from faults.pulling import MIB, SMALL, Weights
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import RepoName, parse_target
from swarmcache.hubcache.locks import blob_lock
from transfer.faulty_hub import FaultyHub, Repo

pytestmark = pytest.mark.faults
BUSY = {0, 6}
GONE = {0, 3, 6}
"""Exit codes of one of two that give up the same old place: it may find nothing any more."""


def folders(ground: str, *names: str) -> list[str]:
    """Make folders for processes to run in."""
    made = [f"{ground}/{name}" for name in names]
    for folder in made:
        os.makedirs(folder)
    return made


def finished(ground: str, *words: str) -> None:
    """Fail unless a last run finds all of it over, or brings it."""
    (folder,) = folders(ground, "last")
    last = run(list(words), folder)
    assert last.code == 0 or "holds no repos" in last.said, last


@pytest.mark.parametrize("old", ["keep", "link", "remove"])
def test_two_adopts_of_one_source(ground: str, old: str) -> None:
    """Into one cache."""
    source, cache = build(f"{ground}/old").path, f"{ground}/new"
    words = ["adopt", source, "--old", old, "--yes", "--cache-dir", cache]
    places = folders(ground, "a", "b")
    both = [ended(child, place) for child, place in [(start(words, p), p) for p in places]]
    assert {one.code for one in both} <= GONE, both
    assert not any("Traceback" in one.said for one in both)
    refuse_harm(source, cache)
    finished(ground, *words)
    refuse_harm(cache)
    refuse_remains(ground, partials=(PARTIAL,))
    refuse_warnings(source, cache)


def test_two_moves_to_one_place_and_to_two(ground: str) -> None:
    """The settings name one cache, which is whole."""
    for ends in (("new", "new"), ("one", "two")):
        where = f"{ground}/{ends[1]}-x"
        build(f"{where}/old")
        settings = f"{where}/swarmcache.toml"
        write(settings, f'[cache]\ndir = "{where}/old"\n'.encode())
        places = folders(where, "a", "b")
        children = [
            start(["move", f"{where}/{end}", "--yes"], place, cwd=where)
            for end, place in zip(ends, places, strict=True)
        ]
        both = [ended(child, place) for child, place in zip(children, places, strict=True)]
        assert not any("Traceback" in one.said for one in both), both
        with open(settings) as file:
            named = file.read().split('"')[1]
        refuse_harm(named)
        again = run(["move", named, "--yes"], places[0], cwd=where)
        assert again.code == 0, (both, again)
        refuse_harm(named)


def test_a_source_that_is_cleaned_meanwhile(ground: str) -> None:
    """What the clean takes may come or not; all else comes whole."""
    source, cache = build(f"{ground}/old").path, f"{ground}/new"
    adopting, cleaning = folders(ground, "a", "b")
    words = ["adopt", source, "--cache-dir", cache]
    first = start(words, adopting)
    second = start(["clean", "org/links", "org/twin", "--yes", "--cache-dir", source], cleaning)
    adopted, cleaned = ended(first, adopting), ended(second, cleaning)
    assert "Traceback" not in adopted.said + cleaned.said
    assert adopted.code in {0, 3, 4, 5, 6}, adopted
    refuse_illegal(source)
    refuse_illegal(cache)
    finished(ground, *words)
    refuse_harm(cache, names=("org/bare", "org/plain", "org/shared", "org/as-it-is"))


@pytest.mark.parametrize("verb", ["adopt", "move"])
def test_a_downloader_in_the_source_keeps_its_repo(ground: str, verb: str) -> None:
    """A partial under a live lock stays, and so does its repo: exit 6; later a rerun ends it."""
    source, cache = build(f"{ground}/old").path, f"{ground}/new"
    etag = "d" * 64
    partial = f"{source}/models--org--bare/blobs/{etag}.incomplete"
    write(partial, b"half")
    (folder,) = folders(ground, "a")
    words = {
        "adopt": ["adopt", source, "--old", "remove", "--yes", "--cache-dir", cache],
        "move": ["move", cache, "--yes"],
    }[verb]
    write(f"{folder}/swarmcache.toml", f'[cache]\ndir = "{source}"\n'.encode())
    with blob_lock(source, RepoName("model", "org/bare"), etag):
        done = run(words, folder)
    assert "Traceback" not in done.said
    with open(partial, "rb") as file:
        assert file.read() == b"half"
    refuse_harm(cache)
    assert os.path.isdir(f"{source}/models--org--bare/snapshots")
    assert (done.code, "a download of it is under way" in done.out) == (6, True), done
    assert not os.path.exists(f"{source}/models--org--links")
    assert run(words, folder).code == 0
    assert not os.path.exists(f"{source}/models--org--bare")
    refuse_remains(ground, partials=(PARTIAL,))


@pytest.mark.parametrize("verb", ["adopt", "move", "export", "import"])
def test_ctrl_c_at_random_instants(ground: str, verb: str) -> None:
    """Exit 130 with one word; nothing of it is left half, and a rerun finishes.

    Before a change to the disk, and by the clock, which on a busy machine is too early or too late.
    """
    chance, changes, seconds = random.Random(verb), 0, 0.0
    build(f"{ground}/read/hub")
    (read,) = folders(ground, "r")
    tar = f"{ground}/read/x.tar"
    assert run(["export", "org/links", tar, "--cache-dir", f"{ground}/read/hub"], read).code == 0
    for number in range(8):
        (folder,) = folders(ground, str(number))
        source, cache = f"{folder}/old", f"{folder}/new"
        if verb in {"adopt", "move"}:
            build(source)
        write(f"{folder}/swarmcache.toml", f'[cache]\ndir = "{source}"\n'.encode())
        words = {
            "adopt": ["adopt", source, "--old", "remove", "--yes", "--cache-dir", cache],
            "move": ["move", cache, "--yes"],
            "export": ["export", "org/links", f"{cache}.tar", "--cache-dir", f"{ground}/read/hub"],
            "import": ["import", tar, "--cache-dir", cache],
        }[verb]
        if not number:
            done = run(words, folder)  # The first one tells how long it takes.
            changes, seconds = done.changes, done.seconds
        elif number % 2:
            at = chance.randrange(1, changes)
            done = run(words, folder, die_at=at, die_of=signal.SIGINT)
            assert done.code == 130, (at, done)
        else:
            done = interrupted(words, folder, chance.uniform(0, seconds), signal.SIGINT)
        assert done.code in {0, 130, -signal.SIGINT}, done
        if done.code == 130:
            assert "Traceback" not in done.said, done
            assert not [name for name in os.listdir(folder) if name.endswith(".tmp")]
        if verb in {"adopt", "move"}:
            refuse_harm(source, cache)
        again = run(words, folder)
        assert again.code == 0 or "holds no repos" in again.said or "exists already" in again.said
        if verb != "export":
            refuse_harm(cache, names=tuple(FILES) if verb in {"adopt", "move"} else ("org/links",))
        refuse_remains(folder, partials=(PARTIAL,))
        shutil.rmtree(folder)


def test_a_pull_into_the_same_cache(ground: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same model, and of another: both are whole, whoever brought a content first."""
    files = {**SMALL, "model.safetensors": Weights(4 * MIB)}
    repos = [Repo("org/pulled", files), Repo("org/other", {**files, "README.md": b"other"})]
    with FaultyHub(*repos, bytes_per_second=8 * MIB) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        pulling, adopting = folders(ground, "a", "b")
        source, cache = build(f"{ground}/old").path, f"{ground}/new"
        assert run(["pull", "org/pulled", "--cache-dir", source], pulling).code == 0
        pull = ["pull", "org/pulled", "org/other", "--cache-dir", cache]
        first = start(pull, pulling)
        second = start(["adopt", source, "--cache-dir", cache], adopting)
        pulled, adopted = ended(first, pulling), ended(second, adopting)
        assert (pulled.code, adopted.code) == (0, 0), (pulled, adopted)
    refuse_harm(cache)
    for name in ("org/pulled", "org/other"):
        assert check(parse_target(name), cache).state == "complete"
    refuse_remains(ground, partials=(PARTIAL,))
    refuse_warnings(cache)
