"""What killed clients leave, told by name and place; nothing else passes for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from swarmcache.hubcache.leftovers.crash_remains import (
    is_blob_remains,
    is_link_probe,
    is_manifest_remains,
    is_mode_probe,
    is_ref_remains,
    store_remains,
)

if TYPE_CHECKING:
    import pathlib

ETAG = "ab" * 32
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("tells", "remains", "others"),
    [
        (
            is_blob_remains,
            [f"tmp_{UUID}", *(f".{ETAG}.0123abcd.{end}" for end in ("shared", "new", "old"))],
            [ETAG, f"{ETAG}.incomplete", "tmp_mine", ".swarm.pem", ".key.old"],
        ),
        (is_ref_remains, ["main.0123abcd.tmp"], ["main", "tmp_fix", "tmp_abc", "x.tmp", "v1.0"]),
        (is_manifest_remains, ["tmpab_12xyz.tmp"], [f"{'a' * 40}.json", "tmp.tmp", "notes.tmp"]),
    ],
    ids=["blobs", "refs", "trees"],
)
def test_names(tells: object, remains: list[str], others: list[str]) -> None:
    """A branch may well be called tmp_fix."""
    assert callable(tells)
    assert [tells(name) for name in remains] == [True] * len(remains)
    assert [tells(name) for name in others] == [False] * len(others)


def test_a_look_at_modes_is_an_empty_file(tmp_path: pathlib.Path) -> None:
    """One with bytes in it is somebody's."""
    probe = tmp_path / f"tmp_{UUID}"
    probe.touch()
    assert is_mode_probe(str(probe))
    probe.write_bytes(b"x")
    assert not is_mode_probe(str(probe))
    (tmp_path / "tmp_mine").touch()
    assert not is_mode_probe(str(tmp_path / "tmp_mine"))


def test_a_look_for_links_holds_nothing_else(tmp_path: pathlib.Path) -> None:
    """Whatever stage it was killed in; not with a user's file in it, nor of another name."""
    probe = tmp_path / "tmpa1b2_x9z"
    probe.mkdir()
    assert is_link_probe(str(probe))
    (probe / "dummy_file_src").touch()
    os.symlink("dummy_file_src", probe / "dummy_file_dst")
    assert is_link_probe(str(probe))
    (probe / "swarm.pem").write_bytes(b"key")
    assert not is_link_probe(str(probe))
    (tmp_path / "tmp").mkdir()
    assert not is_link_probe(str(tmp_path / "tmp"))
    os.symlink(tmp_path / "tmp", tmp_path / "tmplinklink")
    assert not is_link_probe(str(tmp_path / "tmplinklink"))


def test_the_shared_stores_remains(tmp_path: pathlib.Path) -> None:
    """A marker and a list of users on their way; payloads, lists and locks are none."""
    group = tmp_path / "ab"
    group.mkdir()
    remains = [
        tmp_path / ".huggingface-shared-blobs.0123abcd.tmp",
        group / f"{ETAG}.refs.0123abcd.tmp",
    ]
    others = [group / ETAG, group / f"{ETAG}.refs", group / f"{ETAG}.lock", group / "x.tmp"]
    for path in (*remains, *others):
        path.touch()
    assert list(store_remains(str(tmp_path))) == [str(path) for path in remains]
