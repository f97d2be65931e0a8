"""`clean` killed at any instant: what is kept loads, half a removal shows as such, a rerun ends.

Chosen instants: before the n-th change that the clean makes to the disk (each file opened for
writing, rename, link, folder, removal), over every layout. Random ones: uniformly over the time of
one undisturbed clean, while leased readers load the kept model (slow).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count, cycle
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import scan_cache_dir

from cachemaker import CacheMaker, sha256, tiny_safetensors, write
from cleaning import cleaned_in_child, contents, model, named, tree
from faults.pulling import DYING
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.clean import LEFTOVER_KINDS, Wishes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TypeAlias

    Revision: TypeAlias = tuple[str, dict[str, bytes], tuple[str, ...]]
    """Its commit, where that is not told by its content, its files, and its refs."""

OLD, OLDER = "1" * 40, "2" * 40
LAYOUTS: dict[str, list[dict[str, object]]] = {
    "links": [{}],
    "no manifests": [{"trees": False}],
    "plain": [{"links": False}],
    "plain, no manifests": [{"links": False, "trees": False}],
    "shared": [{"shared": True}],
    "damaged store": [{"shared": True}],
    "marks": [{"no_exist": ["adapter_config.json"]}],
    "before 1.18": [{"trees": False}],
    "since 1.18": [{}],
    "all in one": [{"links": False, "trees": False}, {"trees": False}, {"shared": True}],
}
"""What each revision in turn is written as; each repo begins anew."""
ETAG = "e" * 64
REMAINS = {
    "before 1.18": [f"{ETAG}.incomplete"],
    "since 1.18": [
        f"{ETAG}.0123abcd.incomplete",
        f".{ETAG}.0123abcd.shared",
        "tmp_0f8fad5b-d9cb-469f-a165-70867728950e",
        ETAG,
    ],
}
"""What killed clients of some layouts leave among the blobs; the last one is an orphan."""
KEPT = {
    "org/keep": model(1, **{"README.md": b"new"}),
    "org/twin": model(3),
}
PROGRAM = f"{DYING}\nfrom swarmcache.cli import main\nsys.exit(main(sys.argv[1:]))\n"
COMMAND = [
    "clean",
    "org/go",
    "org/twin2",
    f"org/keep@{OLD}",
    f"org/keep@{OLDER}",
    "--leftovers",
    "--yes",
    "--json",
]
WISHES = Wishes(
    models=(
        named("org/go"),
        named("org/twin2"),
        named(f"org/keep@{OLD}"),
        named(f"org/keep@{OLDER}"),
    ),
    leftovers=frozenset(LEFTOVER_KINDS),
)
"""The same as a value."""
BOUND = 60.0
READER = """
import os, sys
sys.path[:0] = sys.argv[3:]
from cleaning import contents
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.use.leases import lease
with lease(sys.argv[1], Environment.current(), [parse_target("org/keep").name]):
    first = contents(sys.argv[2])
    print("ready", flush=True)
    while os.getppid() == int(os.environ["PARENT"]):
        assert contents(sys.argv[2]) == first
"""


def build(path: str, layout: str) -> CacheMaker:
    """Make a cache of which some goes and some stays, sharing blobs and payloads."""
    maker = CacheMaker(path)
    old = model(1, **{"README.md": b"old"})
    revisions = [
        ("main", KEPT["org/keep"], ("main",)),
        (OLD, old, ("dev", "refs/pr/1")),
        (OLDER, model(2), ()),
    ]
    add(maker, layout, "org/keep", revisions)
    add(maker, layout, "org/twin", [("main", KEPT["org/twin"], ("main",))])
    add_what_goes(maker, layout)
    return maker


def add(maker: CacheMaker, layout: str, name: str, revisions: list[Revision]) -> None:
    """Make some revisions of a repo, and what killed clients would have left in it long ago."""
    for (commit, files, refs), traits in zip(revisions, cycle(LAYOUTS[layout]), strict=False):
        fixed = None if commit == "main" else commit
        maker.repo(name, files, commit=fixed, refs=refs, **traits)  # type: ignore[arg-type]
    for remains in REMAINS.get(layout, ()):
        path = f"{maker.folder(name)}/blobs/{remains}"
        write(path, b"half")
        os.utime(path, (0, 0))


def add_what_goes(maker: CacheMaker, layout: str) -> None:
    """Make, or make again, the repos that go altogether."""
    go = [("main", model(2), ("main",)), (OLD, model(4), ("dev",))]
    add(maker, layout, "org/go", go)  # type: ignore[arg-type]
    write(f"{maker.folder('org/go')}/swarm.pem", b"mine")
    add(maker, layout, "org/twin2", [("main", KEPT["org/twin"], ("main",))])
    if layout == "links":
        etag = sha256(tiny_safetensors(3))
        ours, theirs = (f"{maker.folder(name)}/blobs/{etag}" for name in ("org/twin", "org/twin2"))
        os.unlink(theirs)
        os.link(ours, theirs)
    if layout == "damaged store":
        damage_manifests(maker)


def damage_manifests(maker: CacheMaker) -> None:
    """Leave the shared store as clients before 1.32 and copies do.

    A user that stays is not listed, one is listed that never was, and a payload has no list at all.
    """
    twin, none, more = (sha256(tiny_safetensors(seed)) for seed in (3, 2, 4))
    where = {twin: "org/twin", none: "org/go", more: "org/go"}
    payloads = {
        etag: os.path.realpath(f"{maker.folder(name)}/blobs/{etag}") for etag, name in where.items()
    }
    write(f"{payloads[twin]}.refs", f"models--org--twin2/blobs/{twin}\n".encode())
    with suppress(FileNotFoundError):
        os.unlink(f"{payloads[none]}.refs")
    with open(f"{payloads[more]}.refs", "a") as manifest:
        manifest.write(f"models--org--none/blobs/{more}\n")


def command(cache: str) -> list[str]:
    """Return a real clean."""
    return [sys.executable, "-c", PROGRAM, *COMMAND, "--cache-dir", cache]


def run(cache: str, die_at: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a clean, which dies before the change that `die_at` names; 0 for none."""
    return subprocess.run(
        command(cache),
        env={**os.environ, "DIE_AT": str(die_at), "DIE_IN": os.path.dirname(cache)},
        cwd=os.path.dirname(cache),
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
    )


def refuse_harm(maker: CacheMaker) -> None:
    """Fail unless the cache is a legal one in which all that is kept loads."""
    for name, files in KEPT.items():
        found = check(parse_target(name), maker.path)
        assert found.state == "complete", (name, found)
        assert found.snapshot is not None
        assert contents(found.snapshot) == files
    for repo in ("org/keep", "org/go", "org/twin2"):
        for commit in (OLD, OLDER, "main"):
            found = check(parse_target(f"{repo}@{commit}"), maker.path, full=True)
            if found.state == "complete":
                assert found.snapshot is not None
                assert contents(found.snapshot)
    with open(f"{maker.folder('org/go')}/swarm.pem", "rb") as file:
        assert file.read() == b"mine"
    assert [
        str(one) for one in scan_cache_dir(maker.path).warnings if "org--go" not in str(one)
    ] == []


def refuse_warnings(maker: CacheMaker) -> None:
    """Fail unless `hf cache ls` lists all that stays and warns of nothing.

    Of a user's key alone in a repo folder it would: here its owner has taken it away.
    """
    shutil.rmtree(maker.folder("org/go"))
    hf = f"{os.path.dirname(sys.executable)}/hf"
    words = ["cache", "ls", "--cache-dir", maker.path, "--show-warnings", "--json"]
    quiet = {"HF_HUB_DISABLE_UPDATE_CHECK": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [hf, *words],
        env={**os.environ, **quiet},
        capture_output=True,
        text=True,
        check=True,
        timeout=BOUND,
    )
    assert done.stderr == ""
    assert {one["id"] for one in json.loads(done.stdout)} == {f"model/{name}" for name in KEPT}


def refuse_remains(maker: CacheMaker, wanted: dict[str, bytes | str]) -> None:
    """Fail unless the cache holds what an undisturbed clean leaves, and the trash is empty."""
    assert tree(maker.path) == wanted
    trash = f"{maker.path}/.locks/.swarmcache/trash"
    assert not os.path.exists(trash) or os.listdir(trash) == []


def undisturbed(folder: str, layout: str) -> tuple[dict[str, bytes | str], int, float]:
    """Return what a clean leaves, how many changes it makes, and how long it takes."""
    maker = build(f"{folder}/measured/hub", layout)
    began = time.monotonic()
    done = run(maker.path)
    seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["freed_bytes"] == json.loads(done.stdout)["freed_bytes_expected"]
    refuse_harm(maker)
    changes = int(done.stderr.rpartition("changes: ")[2])
    return tree(maker.path), changes, seconds


def killed_at(
    folder: str, layout: str, instants: list[int], wanted: dict[str, bytes | str]
) -> None:
    """Kill one clean before each of these changes, and let a rerun finish."""
    for instant in instants:
        maker = build(f"{folder}/hub{instant}/hub", layout)
        done = run(maker.path, instant)
        assert done.returncode == -signal.SIGKILL, (instant, done.stdout, done.stderr)
        refuse_harm(maker)
        again = run(maker.path)
        assert again.returncode in {0, 1}, (instant, again.stdout, again.stderr)
        refuse_harm(maker)
        refuse_remains(maker, wanted)
        if instant == instants[len(instants) // 2]:
            refuse_warnings(maker)
        shutil.rmtree(os.path.dirname(maker.path))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_killed_before_some_changes(tmp_path: Path, layout: str) -> None:
    """Every eleventh change, another start for each layout."""
    wanted, changes, _ = undisturbed(str(tmp_path), layout)
    first = 1 + list(LAYOUTS).index(layout) * 2
    killed_at(str(tmp_path), layout, list(range(first, changes, 11)), wanted)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_killed_before_each_change(tmp_path: Path, layout: str) -> None:
    """All of them; a forked process dies as one of its own does, and begins sooner."""
    wanted, *_ = undisturbed(str(tmp_path), layout)
    for instant in count(1):
        maker = build(f"{tmp_path}/hub{instant}/hub", layout)
        died = cleaned_in_child(maker.path, WISHES, die_at=instant) is None
        refuse_harm(maker)
        if died:
            assert cleaned_in_child(maker.path, WISHES) is not None
            refuse_harm(maker)
        refuse_remains(maker, wanted)
        if not died:
            break
        shutil.rmtree(os.path.dirname(maker.path))
    assert instant > 50


@pytest.fixture
def readers(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait(BOUND)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_killed_at_random_instants_beside_readers(
    tmp_path: Path, layout: str, readers: list[subprocess.Popen[str]]
) -> None:
    """Thirty kills for each layout; a leased reader loads the kept model all the time."""
    _, _, seconds = undisturbed(str(tmp_path), layout)
    chance = random.Random(layout)
    maker = build(str(tmp_path / "hub/hub"), layout)
    snapshot = check(parse_target("org/keep"), maker.path).snapshot
    assert snapshot is not None
    paths = [path for path in sys.path if path.endswith("tests")]
    program = [sys.executable, "-c", READER, maker.path, snapshot, *paths]
    variables = {**os.environ, "PARENT": str(os.getpid())}
    readers.append(subprocess.Popen(program, env=variables, stdout=subprocess.PIPE, text=True))
    assert readers[0].stdout is not None
    assert readers[0].stdout.readline() == "ready\n"
    kills = 0
    while kills < 30:
        process = subprocess.Popen(
            command(maker.path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.05, seconds))
        if process.poll() is None:
            process.kill()
            kills += 1
            process.wait(BOUND)
            refuse_harm(maker)
            continue
        process.wait(BOUND)
        refuse_harm(maker)
        assert readers[0].poll() is None
        add_what_goes(maker, layout)
    readers[0].kill()
    readers[0].wait(BOUND)
    last = run(maker.path)
    assert last.returncode in {0, 1}, (last.stdout, last.stderr)
    refuse_harm(maker)
    refuse_warnings(maker)
