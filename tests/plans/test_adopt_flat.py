"""Flat files of transformers before 4.22 become blobs, and links where their commit is known."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cachemaker import CacheMaker, git_sha1, sha256
from cleaning import contents, model, tree
from flatmaker import FlatMaker
from small_disks import small_disk
from swarmcache.environment import Environment
from swarmcache.errors import CacheNotFound, WrongBytes
from swarmcache.hubcache.complete.integrity import check
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.adopt import Adopted, AdoptPlan, apply_adopt, give_up_old, plan_adopt
from swarmcache.serve.running import running
from transfer.pulling import pull

HUB = ("https://huggingface.co",)
FILES = model(1, **{"pytorch_model.bin": b"w" * 300_000})
COMMIT = "c" * 40


@pytest.fixture
def old(tmp_path: Path) -> FlatMaker:
    """An old TRANSFORMERS_CACHE, empty yet."""
    return FlatMaker(tmp_path / "transformers")


def adopted(source: str, cache: Path) -> tuple[AdoptPlan, list[Adopted]]:
    """Plan and carry out."""
    plan = plan_adopt(source, str(cache), endpoints=HUB)
    return plan, list(apply_adopt(plan, Environment.current()))


def blobs(cache: Path, repo: str = "models--org--a") -> dict[str, bytes]:
    """Return the blobs of a repo."""
    return {blob.name: blob.read_bytes() for blob in (cache / repo / "blobs").iterdir()}


def named(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return contents under the names that the Hub's clients give them."""
    lfs = (".bin", ".safetensors")
    return {
        (sha256(one) if path.endswith(lfs) else git_sha1(one)): one for path, one in files.items()
    }


def test_blobs_alone_come_where_no_commit_is_known(old: FlatMaker, tmp_path: Path) -> None:
    """No snapshot, no ref; the old place is as it was; a rerun finds all of it."""
    old.model("org/a", FILES)
    before, new = tree(old.path), tmp_path / "new"
    plan, outcomes = adopted(old.path, new)
    assert ([one.error for one in outcomes], plan.kept) == ([None], ())
    assert tree(old.path) == before
    assert blobs(new) == named(FILES)
    assert sorted(os.listdir(new / "models--org--a")) == ["blobs"]
    again = plan_adopt(old.path, str(new), endpoints=HUB)
    assert ([one.is_idle for one in again.pull.models], again.pull.needed_bytes) == ([True], 0)


def test_the_next_pull_links_them_without_downloading(old: FlatMaker, tmp_path: Path) -> None:
    """The Hub says what its commit has, and serves no byte of content."""
    served = CacheMaker(tmp_path / "hub")
    commit = served.repo("org/a", FILES)
    old.model("org/a", FILES)
    adopted(old.path, tmp_path / "new")
    with running([served.path]) as hub:
        result = pull(tmp_path / "new", hub.url, target="org/a")
        asked = [one.path for one in hub.requests]
    assert (result.error, result.downloaded_bytes, result.commit) == (None, 0, commit)
    assert [path for path in asked if "/resolve/" in path] == []
    found = check(parse_target("org/a"), str(tmp_path / "new"))
    assert contents(found.snapshot or "").keys() >= {"config.json", "model.safetensors"}


def test_a_commit_in_the_url_makes_a_snapshot(old: FlatMaker, tmp_path: Path) -> None:
    """It loads by that commit at once."""
    old.model("org/a", FILES, revision=COMMIT)
    _, outcomes = adopted(old.path, tmp_path / "new")
    assert [one.error for one in outcomes] == [None]
    found = check(parse_target(f"org/a@{COMMIT}"), str(tmp_path / "new"))
    assert (found.state, contents(found.snapshot or "")) == ("complete", FILES)


@pytest.mark.parametrize("beside", [False, True])
def test_a_list_of_files_tells_the_commit(old: FlatMaker, tmp_path: Path, *, beside: bool) -> None:
    """Of this cache, or of the one that lies in the same folder."""
    place = Path(old.path) if beside else tmp_path / "new"
    commit = CacheMaker(place).repo("org/a", FILES, absent=[*FILES])
    old.model("org/a", FILES)
    _, outcomes = adopted(old.path, tmp_path / "new")
    assert [one.error for one in outcomes] == [None]
    found = check(parse_target(f"org/a@{commit}"), str(tmp_path / "new"))
    assert (found.state, contents(found.snapshot or "")) == ("complete", FILES)


def test_another_version_of_a_listed_file_gets_no_place_in_the_snapshot(
    old: FlatMaker, tmp_path: Path
) -> None:
    """Path and hash must both be the commit's."""
    CacheMaker(tmp_path / "new").repo("org/a", FILES, commit=COMMIT, absent=["config.json"])
    old.file("org/a", "config.json", b'{"model_type": "old"}')
    adopted(old.path, tmp_path / "new")
    assert not os.path.lexists(tmp_path / f"new/models--org--a/snapshots/{COMMIT}/config.json")
    assert git_sha1(b'{"model_type": "old"}') in blobs(tmp_path / "new")


@pytest.mark.parametrize("form", ['"{}"', 'W/"{}"', "{}"])
def test_etags_as_servers_sent_them(old: FlatMaker, tmp_path: Path, form: str) -> None:
    """Quoted, weak, bare."""
    old.file("org/a", "config.json", b"{}", etag=form.format(git_sha1(b"{}")))
    adopted(old.path, tmp_path / "new")
    assert blobs(tmp_path / "new") == {git_sha1(b"{}"): b"{}"}


def test_datasets_canonical_names_keras_and_pull_requests(old: FlatMaker, tmp_path: Path) -> None:
    """Each in its own folder."""
    old.file("datasets/squad", "data.json", b"1")
    old.file("bert-base-uncased", "tf_model.h5", b"2", etag=f'"{sha256(b"2")}"')
    old.file("org/a", "sub/x%20y.json", b"3", revision="refs/pr/1")
    plan, _ = adopted(old.path, tmp_path / "new")
    assert plan.kept == ()
    assert blobs(tmp_path / "new", "datasets--squad") == {git_sha1(b"1"): b"1"}
    assert blobs(tmp_path / "new", "models--bert-base-uncased") == {sha256(b"2"): b"2"}
    assert blobs(tmp_path / "new") == {git_sha1(b"3"): b"3"}
    assert [
        (one.target.revision, one.listing.files[0].path)
        for one in plan.pull.models
        if one.target.id == "org/a" and one.listing
    ] == [("refs/pr/1", "sub/x y.json")]


@pytest.mark.parametrize(
    ("url", "etag", "reason"),
    [
        ("https://evil.example/org/a/resolve/main/config.json", None, "names the server of"),
        ("https://huggingface.co.evil.example/org/a/resolve/main/x", None, "names the server of"),
        ("https://cdn.huggingface.co/bert-config.json", None, "names the server of"),
        ("https://huggingface.co/org/a/blob/main/config.json", None, "names no file of a repo"),
        ("https://huggingface.co/org/a/resolve/main/x?download=1", None, "names no file"),
        ("https://huggingface.co/org/a/resolve/main/../../x", None, "no name for a file"),
        ("https://huggingface.co/org/a/resolve/main/..%2F..%2Fx", None, "no name for a file"),
        ("https://huggingface.co/org/a/resolve/..%2F..%2Fx/y", None, "not a revision name"),
        ("https://huggingface.co/../../x/resolve/main/y", None, "not a repo id"),
        ("https://huggingface.co/%2Fetc/resolve/main/y", None, "not a repo id"),
        ("https://huggingface.co/org/a/resolve/main/c.json", '"0123456789abcdef"', "is no hash"),
        ("https://huggingface.co/org/a/resolve/main/c.json", f'"{"../" * 8}x"', "is no hash"),
    ],
)
def test_what_names_no_file_of_the_hub_stays_and_is_told(
    old: FlatMaker, tmp_path: Path, url: str, etag: str | None, reason: str
) -> None:
    """By its name; everything else comes."""
    odd = old.file("org/a", "config.json", b"{}", url=url, etag=etag)
    old.file("org/b", "config.json", b"{}")
    plan, _ = adopted(old.path, tmp_path / "new")
    assert [kept.what for kept in plan.kept] == [odd]
    assert reason in plan.kept[0].reason
    assert sorted(name for name in os.listdir(tmp_path / "new") if name[0] != ".") == [
        "models--org--b"
    ]


def test_a_record_that_is_missing_broken_or_anothers(old: FlatMaker, tmp_path: Path) -> None:
    """Nothing is guessed."""
    places = [old.file(f"org/{name}", "config.json", b"{}") for name in "abc"]
    os.unlink(f"{places[0]}.json")
    Path(f"{places[1]}.json").write_bytes(b'{"url": ')
    Path(f"{places[2]}.json").write_text(
        json.dumps({"url": "https://huggingface.co/org/x/resolve/main/y", "etag": '"1"'})
    )
    plan, outcomes = adopted(old.path, tmp_path / "new")
    assert outcomes == []
    assert {kept.what: kept.reason for kept in plan.kept} == {
        places[0]: "no record beside it tells what it is",
        places[1]: "no record beside it tells what it is",
        places[2]: "the record beside it is another file's",
    }


def test_wrong_bytes_do_not_come(old: FlatMaker, tmp_path: Path) -> None:
    """Hashed before they are a blob; the other models come, and the wrong file is not removed."""
    places = old.model("org/a", FILES)
    old.file("org/b", "config.json", b"{}")
    with open(places["pytorch_model.bin"], "r+b") as file:
        file.write(b"X")
    plan, outcomes = adopted(old.path, tmp_path / "new")
    assert {one.model.target.id: type(one.error) for one in outcomes} == {
        "org/a": WrongBytes,
        "org/b": type(None),
    }
    assert sha256(FILES["pytorch_model.bin"]) not in blobs(tmp_path / "new")
    list(give_up_old(plan, outcomes, Environment.current(), "remove"))
    assert os.path.exists(places["pytorch_model.bin"])
    assert os.path.exists(places["pytorch_model.bin"] + ".json")


def test_the_old_files_are_removed_by_choice(old: FlatMaker, tmp_path: Path) -> None:
    """With their records and locks; what did not come stays, with its own."""
    places = old.model("org/a", FILES)
    odd = old.file("org/a", "x", b"x", endpoint="https://evil.example")
    plan, outcomes = adopted(old.path, tmp_path / "new")
    (cleaned,) = list(give_up_old(plan, outcomes, Environment.current(), "remove"))
    assert len(cleaned.done) == 3 * len(FILES)
    assert not any(map(os.path.exists, places.values()))
    assert {name for name in os.listdir(old.path) if name[0] != "."} == {
        os.path.basename(odd) + end for end in ("", ".json", ".lock")
    }


def test_links_for_the_old_place_leave_flat_files(old: FlatMaker, tmp_path: Path) -> None:
    """No link would help who reads them; the repos beside them become links."""
    CacheMaker(old.path).repo("org/hub", model(2))
    places = old.model("org/a", FILES)
    plan, outcomes = adopted(old.path, tmp_path / "new")
    list(give_up_old(plan, outcomes, Environment.current(), "link"))
    assert all(map(os.path.exists, places.values()))
    assert os.path.islink(f"{old.path}/models--org--hub")
    assert not os.path.lexists(f"{old.path}/models--org--a")
    assert check(parse_target("org/hub"), str(tmp_path / "new")).state == "complete"


def test_transformers_cache_in_the_hubs_layout(tmp_path: Path) -> None:
    """As transformers since 4.22 keeps it: the repos stand at the top."""
    maker = CacheMaker(tmp_path / "transformers")
    maker.repo("org/a", model(1))
    _, outcomes = adopted(maker.path, tmp_path / "new")
    assert [one.error for one in outcomes] == [None]
    assert check(parse_target("org/a"), str(tmp_path / "new")).state == "complete"


def test_hf_home_stands_for_its_hub_and_its_transformers(old: FlatMaker, tmp_path: Path) -> None:
    """Both come, and both are given up."""
    hub = CacheMaker(tmp_path / "hub")
    hub.repo("org/hub", model(2))
    old.model("org/a", FILES)
    plan, outcomes = adopted(str(tmp_path), tmp_path / "new")
    assert [one.model.target.id for one in outcomes] == ["org/hub", "org/a"]
    list(give_up_old(plan, outcomes, Environment.current(), "remove"))
    assert [name for name in os.listdir(old.path) if name[0] != "."] == []
    assert not os.path.exists(f"{hub.path}/models--org--hub")


def test_a_caches_own_flat_files_become_its_blobs(tmp_path: Path) -> None:
    """`cached_download` wrote into the hub folder itself; nothing else of it is touched."""
    maker, flat = CacheMaker(tmp_path / "hub"), FlatMaker(tmp_path / "hub")
    maker.repo("org/b", model(2))
    places = flat.model("org/a", FILES)
    plan, outcomes = adopted(maker.path, Path(maker.path))
    assert ([one.error for one in outcomes], plan.repos) == ([None], ())
    assert blobs(Path(maker.path)) == named(FILES)
    list(give_up_old(plan, outcomes, Environment.current(), "remove"))
    assert not any(map(os.path.exists, places.values()))
    assert blobs(Path(maker.path)) == named(FILES)
    assert check(parse_target("org/b"), maker.path).state == "complete"


def test_without_endpoints_flat_files_are_nobodys(old: FlatMaker, tmp_path: Path) -> None:
    """A move leaves them where they are."""
    old.model("org/a", FILES)
    with pytest.raises(CacheNotFound):
        plan_adopt(old.path, str(tmp_path / "new"))


def test_a_flat_file_is_never_hard_linked(old: FlatMaker, tmp_path: Path) -> None:
    """It is no blob of the Hub."""
    places = old.model("org/a", FILES)
    _, outcomes = adopted(old.path, tmp_path / "new")
    assert {os.stat(place).st_nlink for place in places.values()} == {1}
    assert sum(one.copied_bytes for one in outcomes) == sum(map(len, FILES.values()))


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_reflink_takes_no_room(tmp_path: Path, kind: str) -> None:
    """Where the file system has them."""
    with small_disk(str(tmp_path / "disk"), kind) as disk:
        old = FlatMaker(f"{disk}/transformers")
        old.model("org/a", FILES)
        _, outcomes = adopted(old.path, Path(disk) / "new")
        assert [(one.error, one.copied_bytes) for one in outcomes] == [(None, 0)]
        assert blobs(Path(disk) / "new") == named(FILES)


def test_blobs_alone_are_no_model(old: FlatMaker, tmp_path: Path) -> None:
    """Nobody is told that it is here before a pull has said which commit it is."""
    old.model("org/a", FILES)
    adopted(old.path, tmp_path / "new")
    assert check(parse_target("org/a"), str(tmp_path / "new")).state == "missing"
