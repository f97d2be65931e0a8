"""`clean` on a disk without one free block, when it is wanted most: a rename takes no room."""

from __future__ import annotations

import glob
import json
import os
from signal import SIGKILL

import pytest

from cachemaker import CacheMaker
from cleaning import model
from faults.bringing import Ended, refuse_harm, refuse_illegal, refuse_remains, run
from faults.full_disks import empty, filled, free
from swarmcache.hubcache.layout import parse_folder_name
from swarmcache.hubcache.locks import blob_lock
from swarmcache.hubcache.use import owners

pytestmark = pytest.mark.faults
BIG = 2_000_000
OLD = "1" * 40
GOES = model(1, **{f"{n}.dat": bytes([n]) * BIG for n in (1, 2)})
STAYS = {"org/b": model(2, **{"b.dat": b"b" * 4096})}
WORDS = {
    "model": ["org/a"],
    "revision": [f"org/b@{OLD}"],
    "all": ["--all"],
    "partial": ["--leftovers=partial"],
    "beside": ["--leftovers=partial,temporary"],
}
USER = 12001
AS_USER = f"import os; os.setgroups([]); os.setgid({USER}); os.setuid({USER})"
PARTIAL = "f" * 64
KINDS = ["no state", "state", "no locks", "no locks folder", "store", "plain"]


@pytest.fixture(params=[0, USER], ids=["root", "user"])
def whose(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return who cleans, and whose the cache is; it is skipped without root."""
    who: int = request.param
    if who:
        monkeypatch.setenv("HOOK", AS_USER)
    return who


def made(disk: str, kind: str = "no state", whose: int = 0, files: int = 30) -> str:
    """Make a cache as clients leave it, or with what its kind says; then nothing is free."""
    maker = CacheMaker(f"{disk}/hub")
    store, links = kind in {"store", "no locks folder"}, "plain" not in kind
    maker.repo("org/a", GOES, no_exist=["adapter_config.json"], shared=store)
    maker.repo("org/b", STAYS["org/b"])
    old = model(3, **{f"old{n}.dat": bytes([n]) * 100_000 for n in range(files)})
    maker.repo(
        "org/b",
        old,
        commit=OLD,
        refs=("v1",),
        no_exist=["adapter_config.json"],
        shared=store,
        links=links,
        trees=kind != "bare plain",
    )
    half = f"{maker.folder('org/b')}/blobs/{'e' * 64}.incomplete"
    with open(half, "wb") as file:
        file.write(b"h" * BIG)
    os.utime(half, (1, 1))
    for folder in glob.glob(f"{maker.path}/models--*") if "no locks" not in kind else ():
        repo = parse_folder_name(os.path.basename(folder))
        assert repo is not None
        for name in os.listdir(f"{folder}/blobs"):
            with blob_lock(maker.path, repo, name.partition(".")[0]):
                pass
    if kind != "no locks folder":
        os.makedirs(f"{maker.path}/.locks", exist_ok=True)
    if kind == "state":
        folder = f"{maker.path}/.locks/.swarmcache/partial/{PARTIAL}"
        os.makedirs(folder)
        for name, content in (("owner.free", b""), ("data", b"p" * BIG)):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        with open(f"{maker.path}/.locks/.swarmcache/VERSION", "w", encoding="ascii") as file:
            file.write("1\n")
    if whose:
        for path, _, names in os.walk(disk):
            for one in (path, *(f"{path}/{name}" for name in names)):
                os.lchown(one, whose, whose)
        os.chmod(os.path.dirname(disk), 0o755)
        os.chmod(f"{os.path.dirname(disk)}/work", 0o777)
    filled(disk)
    return maker.path


def clean(ground: str, what: str, *, die_at: int = 0) -> Ended:
    """Clean."""
    words = ["clean", *WORDS[what], "--yes", "--json", "--cache-dir", f"{ground}/disk/hub"]
    return run(words, f"{ground}/work", die_at=die_at)


def refuse_wrong(cache: str, what: str) -> None:
    """Fail unless exactly what was named is gone, and nothing of the removal is left."""
    left = {os.path.relpath(path, cache) for path in glob.glob(f"{cache}/models--*/snapshots/*")}
    goes = {"model": "org--a", "revision": OLD, "all": "org"}.get(what, "nothing")
    assert not [path for path in left if goes in path], left
    assert len(left) == {"model": 2, "revision": 2, "all": 0}.get(what, 3)
    halves = glob.glob(f"{cache}/models--*/blobs/*.incomplete")
    assert len(halves) == (0 if what in {"all", "partial", "beside"} else 1)
    if what == "revision":
        assert not glob.glob(f"{cache}/models--org--b/**/{OLD}*", recursive=True)
        assert len(os.listdir(f"{cache}/models--org--b/blobs")) == len(STAYS["org/b"]) + 1
    payloads = {path for path in glob.glob(f"{cache}/blobs/??/*[0-9a-f]") if path[-5:] != ".refs"}
    links = glob.glob(f"{cache}/models--*/blobs/*")
    assert payloads == {os.path.realpath(path) for path in links} & payloads
    stay = {"org/a": GOES} if what not in {"model", "all"} else {}
    refuse_harm(cache, files=stay if what == "all" else {**stay, **STAYS})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", WORDS)
def test_it_frees_what_goes(ground: str, disk: str, what: str, kind: str, whose: int) -> None:
    """Each alone; as usual then, nothing of ours is left, and all that stays is whole."""
    cache = made(disk, kind, whose)
    done = clean(ground, what)
    told = json.loads(done.out)
    assert (done.code, told["kept"]) == (0, []), done
    assert free(disk) > BIG - 100_000
    assert told["freed_bytes"] > BIG - 100_000
    refuse_wrong(cache, what)
    refuse_remains(disk, partials=() if what in {"partial", "beside"} else (PARTIAL,))


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("model", "store"),
        ("model", "no state"),
        ("revision", "store"),
        ("revision", "no locks"),
        ("model", "no locks folder"),
        ("revision", "no locks folder"),
        ("revision", "plain"),
        ("revision", "bare plain"),
        ("beside", "state"),
    ],
)
def test_killed_on_a_full_disk(ground: str, disk: str, what: str, kind: str) -> None:
    """Before each change: the cache is legal, what stays is whole, and a rerun ends it."""
    instant, died = 0, True
    while died:
        instant += 1
        cache = made(disk, kind, files=4)
        done = clean(ground, what, die_at=instant)
        died = done.code == -SIGKILL
        assert died or done.code == 0, done
        refuse_illegal(cache)
        refuse_harm(cache, files=STAYS)
        again = clean(ground, what)
        told = json.loads(again.out)
        assert (again.code, told["kept"]) == (1 if told["absent"] else 0, []), again
        refuse_wrong(cache, what)
        refuse_remains(disk, partials=() if what == "beside" else (PARTIAL,))
        empty(disk)
    assert instant > 10


COMES = """
import os
real = os.rename
def rename(one, other, **more):
    if one == {place!r} and not os.path.lexists({stranger!r}):
        open({stranger!r}, "x").close()
    real(one, other, **more)
os.rename = rename
"""


@pytest.mark.parametrize(
    ("what", "place", "kind"),
    [
        ("model", "", "no state"),
        ("revision", f"/snapshots/{OLD}", "no state"),
        ("revision", f"/snapshots/{OLD}", "plain"),
    ],
)
def test_what_comes_at_the_last_instant_is_put_back(  # noqa: PLR0913, PLR0917 - what, where, how
    ground: str, disk: str, monkeypatch: pytest.MonkeyPatch, what: str, place: str, kind: str
) -> None:
    """A file that somebody lays there between the look and the rename; all stays with it."""
    cache = made(disk, kind)
    folder = f"{cache}/models--org--{'a' if what == 'model' else 'b'}{place}"
    stranger = f"{folder}/notes"
    monkeypatch.setenv("HOOK", COMES.format(place=folder, stranger=stranger))
    done = clean(ground, what)
    kept = json.loads(done.out)["kept"]
    assert [one["what"] for one in kept] == [stranger], done
    assert os.path.exists(stranger)
    os.unlink(stranger)
    refuse_remains(disk)
    assert os.path.exists(f"{cache}/models--org--b/refs/v1")
    refuse_harm(cache, files={"org/a": GOES, **STAYS})


@pytest.mark.parametrize("folder", [".locks/", ""])
def test_what_a_killed_one_left_is_looked_through(ground: str, disk: str, folder: str) -> None:
    """A repo beside the locks with somebody's file in it, as of a process that is no more."""
    cache = made(disk)
    dead = owners.this_process()._replace(pid=2**22 + 1, start="1").record
    aside = f"{cache}/{folder}trash.models--org--a.repo.{dead}"
    os.rename(f"{cache}/models--org--a", aside)
    open(f"{aside}/notes", "x").close()
    done = clean(ground, "partial")
    assert [one["what"] for one in json.loads(done.out)["kept"]] == [f"{aside}/notes"], done
    os.unlink(f"{aside}/notes")
    assert clean(ground, "partial").code == 0
    refuse_remains(disk)


@pytest.mark.parametrize("folder", [".locks/", ""])
def test_what_a_living_one_has_taken_is_left_to_it(ground: str, disk: str, folder: str) -> None:
    """There may be no lock between two cleans, so that its name tells."""
    cache = made(disk)
    mine = f"{cache}/{folder}trash.models--org--a.repo.{owners.this_process().record}"
    os.rename(f"{cache}/models--org--a", mine)
    assert clean(ground, "partial").code == 0
    refuse_harm(cache, files=STAYS)
    assert os.listdir(f"{mine}/snapshots")


def test_a_snapshot_of_links_and_files_stays(ground: str, disk: str) -> None:
    """Exit 3, and no sign of success: what tells whose they are would be gone too early."""
    cache = made(disk)
    path = f"{cache}/models--org--b/snapshots/{OLD}/old1.dat"
    os.replace(os.path.realpath(path), path)
    done = clean(ground, "revision")
    kept = [one["what"] for one in json.loads(done.out)["kept"]]
    assert (done.code, kept) == (3, ["org/b"]), done
    said = run(["clean", f"org/b@{OLD}", "--yes", "--cache-dir", cache], f"{ground}/work").out
    assert "\u26a0 Removed 0 things" in said
    assert "\u2713" not in said
    assert os.path.exists(f"{cache}/models--org--b/refs/v1")
    refuse_remains(disk)
    refuse_harm(cache, files={"org/a": GOES, **STAYS})


BEGINS = """
import os
real = os.rename
def rename(one, other, **more):
    if one == {place!r} and not os.path.lexists({locks!r}):
        os.truncate({filler!r}, os.path.getsize({filler!r}) - 2**16)
        os.makedirs({locks!r})
        os.mknod({locks!r} + "/" + "a" * 40 + ".lock")
    real(one, other, **more)
os.rename = rename
"""


@pytest.mark.parametrize("kind", ["no locks", "no locks folder"])
def test_a_download_that_begins_where_no_lock_could_be_had(
    ground: str, disk: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Room comes, and a client takes and releases a lock in the last instant: all is put back."""
    cache = made(disk, kind)
    locks, place = f"{cache}/.locks/models--org--a", f"{cache}/models--org--a"
    hook = BEGINS.format(place=place, locks=locks, filler=f"{disk}/filler")
    monkeypatch.setenv("HOOK", hook)
    done = clean(ground, "model")
    kept = [(one["what"], one["busy"]) for one in json.loads(done.out)["kept"]]
    assert kept == [("org/a", True)], done
    refuse_remains(disk)
    refuse_harm(cache, files={"org/a": GOES, **STAYS})


@pytest.mark.parametrize("names", range(10, 20))
def test_where_few_names_fit(ground: str, disk: str, names: int) -> None:
    """A revision goes, or stays whole, when the folder of the locks is about to be full too."""
    CacheMaker(f"{disk}/hub")
    os.mkdir(f"{disk}/hub/.locks")
    for number in range(names):
        open(f"{disk}/hub/.locks/{number:0200}", "x").close()
    cache = made(disk, "no locks")
    done = clean(ground, "revision")
    kept, whole = json.loads(done.out)["kept"], {"org/a": GOES, **STAYS}
    assert done.code == (3 if kept else 0), done
    assert os.path.exists(f"{cache}/models--org--b/refs/v1") == bool(kept), done
    if not kept:
        refuse_wrong(cache, "revision")
    refuse_remains(disk)
    refuse_harm(cache, files=whole)
