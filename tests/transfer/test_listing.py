"""Names, sizes and hashes of a list are checked before anything is done with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachemaker import git_sha1
from swarmcache.errors import UnsafeListing
from swarmcache.transfer.bounds import Bounds
from swarmcache.transfer.listing import (
    RemoteFile,
    check_path,
    check_together,
    colliding,
    remote_file,
)
from transfer.faulty_hub import FaultyHub, faults
from transfer.faulty_hub.names import COLLIDING, FOREIGN
from transfer.pulling import TEXT, pull, repo, told

if TYPE_CHECKING:
    import pathlib

LEGAL_HERE = {"git": ".git/config"}
"""What other clients write too, below a snapshot's folder, and what harms nobody there."""
SHA1 = git_sha1(TEXT)
ENTRY = {"type": "file", "path": "a.txt", "size": len(TEXT), "oid": SHA1}


def listed(tmp_path: pathlib.Path, *entries: object) -> tuple[str, int]:
    """Return how a pull of such a list ends; it leaves no trace, here or above the cache."""
    with FaultyHub(repo()) as hub:
        hub.add(faults.listed(list(entries)), route="tree")
        found = told(pull(tmp_path / "1" / "2" / "hub", hub.url, bounds=Bounds()))
        assert hub.served() == 0
    assert list(tmp_path.iterdir()) == []
    return found


@pytest.mark.parametrize("name", [name for name in FOREIGN if name not in LEGAL_HERE])
def test_a_foreign_name_refuses_the_whole_list(tmp_path: pathlib.Path, name: str) -> None:
    """Even beside good ones, and whatever `--include` would choose."""
    before = os.path.lexists("/tmp/x")
    assert listed(tmp_path, ENTRY, {**ENTRY, "path": FOREIGN[name]}) == ("UnsafeListing", 5)
    assert os.path.lexists("/tmp/x") == before


@pytest.mark.parametrize(
    "path",
    ["a\x1b[2Jb", "a\x7f", "a\rb", "a\tb", "\x85", "..", ".", "/", "//", "/a", None, 5, ["a"]],
)
def test_names_that_would_speak_to_a_terminal_or_leave_the_folder(
    tmp_path: pathlib.Path, path: object
) -> None:
    """Refused like those."""
    assert listed(tmp_path, {**ENTRY, "path": path}) == ("UnsafeListing", 5)


def test_a_name_is_shown_without_its_control_characters() -> None:
    """The refusal itself says nothing to a terminal either."""
    with pytest.raises(UnsafeListing) as refused:
        check_path("a\x1b[2J\nb")
    assert refused.value.message == r"'a\x1b[2J\nb' is no name for a file in a cache."


@pytest.mark.parametrize(
    "path", ["a", "a b", "模型.bin", "a/b/c.d", "..a", "a..", ".git/config", "é"]
)
def test_ordinary_names_are_taken(path: str) -> None:
    """Whatever the language."""
    check_path(path)


@given(st.text())
def test_a_name_that_is_taken_stays_below_its_folder(path: str) -> None:
    """Whatever it is, joined and normalised, on this system."""
    try:
        check_path(path)
    except UnsafeListing:
        return
    joined = os.path.normpath(os.path.join("/snapshot", path))
    assert joined.startswith("/snapshot/")
    assert os.fsencode(joined) == f"/snapshot/{path}".encode()
    assert "\n" not in joined


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": 2**53},
        {"size": 10**400},
        {"size": 1.5},
        {"size": True},
        {"size": "5"},
        {"size": None},
        {"oid": "../../x"},
        {"oid": "x.incomplete"},
        {"oid": ""},
        {"oid": None},
        {"oid": 5},
        {"oid": "a/b"},
        {"oid": "x" * 129},
        {"lfs": {"oid": "../../x", "size": 5}},
        {"lfs": {"oid": SHA1, "size": 5}},
        {"lfs": {"oid": "F" * 64, "size": 5}},
        {"lfs": {"oid": "f" * 64, "size": -5}},
        {"lfs": [1]},
        {"lfs": "x"},
    ],
    ids=str,
)
def test_an_absurd_size_or_hash_refuses_the_list(
    tmp_path: pathlib.Path, change: dict[str, object]
) -> None:
    """A hash names a blob, and a size is what the disk is asked for."""
    assert listed(tmp_path, {**ENTRY, **change})[0] in {"UnsafeListing", "EndpointUnreachable"}


def test_more_than_the_disk_holds_is_not_begun(tmp_path: pathlib.Path) -> None:
    """A size that could be, and a disk that has no room for it."""
    from swarmcache.errors import DiskFull  # noqa: PLC0415

    with FaultyHub(repo()) as hub:
        lfs = {"oid": "f" * 64, "size": 2**52}
        hub.add(faults.listed([{**ENTRY, "lfs": lfs}]), route="tree")
        with pytest.raises(DiskFull):
            pull(tmp_path / "hub", hub.url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("entry", [None, 5, "file", [], ["file"]])
def test_an_entry_that_is_none_refuses_the_list(tmp_path: pathlib.Path, entry: object) -> None:
    """Half understood is not understood."""
    assert listed(tmp_path, ENTRY, entry) == ("UnsafeListing", 5)


@pytest.mark.parametrize(
    "entries",
    [
        [ENTRY, ENTRY],
        [ENTRY, {**ENTRY, "path": "a.txt/b"}],
        [{**ENTRY, "path": "a.txt/b/c"}, ENTRY],
        [ENTRY, {**ENTRY, "path": "b.txt", "size": 5}],
    ],
    ids=["twice", "file and folder", "folder and file", "one hash, two sizes"],
)
def test_entries_that_cannot_be_together_refuse_the_list(
    tmp_path: pathlib.Path, entries: list[object]
) -> None:
    """One of them must be wrong, and nobody knows which."""
    assert listed(tmp_path, *entries) == ("UnsafeListing", 5)


@pytest.mark.parametrize("name", ["case", "case of a folder", "composed and not"])
def test_names_that_only_some_disks_tell_apart_are_named(name: str) -> None:
    """Both of them."""
    assert colliding(["other", *COLLIDING[name]]) == COLLIDING[name]


def test_names_that_differ_in_case_are_two_files_here(tmp_path: pathlib.Path) -> None:
    """On a disk that tells them apart, both arrive."""
    with FaultyHub(repo()) as hub:
        first, second = COLLIDING["case"]
        hub.honest.repos[0].commit({first: b"one", second: b"two"})
        result = pull(tmp_path, hub.url)
    assert (result.error, result.files) == (None, 2)


def test_names_that_are_one_file_on_this_disk_are_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it ignores case."""
    monkeypatch.setattr("swarmcache.plans.pull.comparing._ignores_case", lambda _: True)
    entries = [{**ENTRY, "path": path} for path in COLLIDING["case"]]
    assert listed(tmp_path, *entries) == ("UnsafeListing", 5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {"type": st.just("file")},
        optional={"path": JSON, "size": JSON, "oid": JSON, "lfs": JSON, "xetHash": JSON},
    )
)
def test_any_entry_is_a_file_or_refused(entry: dict[str, object]) -> None:
    """By one kind of error, and a file that is taken has a size and a name for its blob."""
    try:
        file = remote_file(entry)
    except UnsafeListing:
        return
    assert file is not None
    assert file.size is not None
    assert file.etag
    assert "/" not in file.etag
    assert not file.etag.startswith(".")


@given(st.lists(st.sampled_from(["a", "a/b", "a/b/c", "b", "c/a"]), max_size=4))
def test_lists_that_are_taken_can_be_written(paths: list[str]) -> None:
    """Nothing is twice, and no file is the folder of another."""
    files = [RemoteFile(path, 1, None, f"{number:040x}") for number, path in enumerate(paths)]
    possible = len(set(paths)) == len(paths) and not any(
        other.startswith(f"{path}/") for path in paths for other in paths
    )
    try:
        check_together(files)
    except UnsafeListing:
        assert not possible
    else:
        assert possible
