"""Which places beside a cache belong to it, and what in them is dead."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from homes import OLD, chunk_cache, flat_file
from swarmcache.environment import Environment
from swarmcache.hubcache.leftovers.chunk_caches import chunk_caches
from swarmcache.hubcache.leftovers.flat_files import flat_files, still_read
from swarmcache.hubcache.leftovers.homes import flat_folders, xet_folders
from swarmcache.hubcache.libraries import Libraries

if TYPE_CHECKING:
    import pathlib


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a user's home with an empty cache at the default place."""
    (tmp_path / "me/.cache/huggingface/hub").mkdir(parents=True)
    return tmp_path / "me"


def environment(home: pathlib.Path, **variables: str) -> Environment:
    return Environment(variables, str(home), str(home))


def hub(home: pathlib.Path) -> str:
    return str(home / ".cache/huggingface/hub")


def made(*folders: pathlib.Path) -> list[str]:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return [str(folder) for folder in folders]


def test_the_home_of_the_effective_cache_counts(home: pathlib.Path) -> None:
    """The Hub's own, and torch's, where transformers before 4.0 kept its files."""
    xet, *flat = made(
        home / ".cache/huggingface/xet",
        home / ".cache/huggingface/transformers",
        home / ".cache/torch/transformers",
        home / ".cache/torch/pytorch_transformers",
    )
    assert xet_folders(hub(home), environment(home)) == [xet]
    assert flat_folders(hub(home), environment(home)) == flat


def test_another_cache_has_only_what_stands_beside_it(home: pathlib.Path) -> None:
    """`<X>/hub` has `<X>/xet`; a cache of another name has nothing."""
    made(home / ".cache/huggingface/xet", home / ".cache/torch/transformers")
    other, xet, flat, odd = made(
        home / "disk/hub", home / "disk/xet", home / "disk/transformers", home / "disk/models"
    )
    assert xet_folders(other, environment(home)) == [xet]
    assert flat_folders(other, environment(home)) == [flat]
    assert xet_folders(odd, environment(home)) == flat_folders(odd, environment(home)) == []


def test_variables_move_the_places_of_the_effective_cache(home: pathlib.Path) -> None:
    """HF_XET_CACHE, TORCH_HOME; HF_HUB_CACHE leaves the rest in the home."""
    cache, xet, torch, flat = made(
        home / "models", home / "xets", home / "t/transformers", home / "hf/transformers"
    )
    here = environment(
        home,
        HF_HUB_CACHE=cache,
        HF_HOME=str(home / "hf"),
        HF_XET_CACHE=xet,
        TORCH_HOME=str(home / "t"),
    )
    assert xet_folders(cache, here) == [xet]
    assert flat_folders(cache, here) == [flat, torch]


def test_a_link_is_no_place(home: pathlib.Path) -> None:
    """It may lead to anybody's files."""
    (elsewhere,) = made(home / "elsewhere")
    for name in ("xet", "transformers"):
        os.symlink(elsewhere, home / ".cache/huggingface" / name)
    assert xet_folders(hub(home), environment(home)) == []
    assert flat_folders(hub(home), environment(home)) == []


def test_only_old_chunk_caches_of_xets_own_form_are_dead(tmp_path: pathlib.Path) -> None:
    """By endpoint, under both names; what is younger, or holds a link or a key, stays."""
    dead = chunk_cache(tmp_path / "https___cas_serv-a", name="chunk-cache")
    older = chunk_cache(tmp_path, name="chunk_cache")
    young = chunk_cache(tmp_path / "https___cas_serv-b", age=86400)
    keyed = chunk_cache(tmp_path / "https___cas_serv-c")
    (keyed / "A1" / "swarm.pem").write_bytes(b"key")
    linked = chunk_cache(tmp_path / "https___cas_serv-d")
    os.symlink("/etc", linked / "B2")
    alive = tmp_path / "https___cas_serv-a" / "shard-cache"
    alive.mkdir()
    os.symlink(str(tmp_path / "https___cas_serv-a"), tmp_path / "https___cas_serv-e")

    found = {one.path: one.why_kept for one in chunk_caches(str(tmp_path))}

    assert found == {
        str(dead): None,
        str(older): None,
        str(young): "it was written to in the last 30 days",
        str(keyed): f"{keyed}/A1/swarm.pem in it is not Xet's",
        str(linked): f"{linked}/B2 in it is not Xet's",
    }
    assert {one.physical for one in chunk_caches(str(tmp_path))} == {8192}


def test_flat_files_are_told_by_their_names(tmp_path: pathlib.Path) -> None:
    """A Hub's repo in TRANSFORMERS_CACHE, a user's file and a link stay out."""
    mine = [flat_file(tmp_path, ending) for ending in ("", ".json", ".lock")]
    (tmp_path / "models--org--a").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    os.symlink(tmp_path / "notes.txt", tmp_path / ("f" * 64))
    assert list(flat_files(str(tmp_path))) == sorted(str(path) for path in mine)


@pytest.mark.parametrize(
    ("version", "reads"),
    [("4.21.3", True), ("3.5.1", True), ("4.22.0", False), ("5.23.0", False), (None, False)],
)
def test_transformers_before_4_22_still_reads_them(version: str | None, reads: bool) -> None:
    """Then they are no leftovers."""
    reason = still_read(Libraries("/venv/bin/python", "PATH", transformers=version))
    told = f"transformers {version} of /venv/bin/python reads it" if reads else None
    assert reason == told


def test_the_helpers_of_these_tests_make_what_is_old() -> None:
    """Sixty days, against a limit of thirty."""
    assert OLD > 30 * 86400
    assert time.time() > OLD
