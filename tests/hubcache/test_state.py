"""Where our own state of a cache lies, and that whoever shares the cache may write to it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.environment import Environment
from swarmcache.hubcache.state import state_folder, users_folder

if TYPE_CHECKING:
    from pathlib import Path


def environment(home: Path, **variables: str) -> Environment:
    """The environment of a user."""
    return Environment(variables, str(home), "/")


def test_state_lies_in_the_cache_and_is_made_when_it_is_written(tmp_path: Path) -> None:
    """Nothing appears before there is something to keep."""
    cache = tmp_path / "hub"
    cache.mkdir()
    state = state_folder(str(cache), environment(tmp_path))
    assert state.path == f"{cache}/.locks/.swarmcache"
    assert state.writable
    assert os.listdir(cache) == []

    assert state.folder("ledger") == f"{cache}/.locks/.swarmcache/ledger"

    assert (cache / ".locks/.swarmcache/VERSION").read_text() == "1\n"
    assert sorted(os.listdir(cache / ".locks/.swarmcache")) == ["VERSION", "ledger"]


def test_what_is_made_is_as_open_as_the_cache(tmp_path: Path) -> None:
    """A group's cache stays the group's, whatever the umask of who comes first."""
    cache = tmp_path / "hub"
    cache.mkdir()
    cache.chmod(0o2775)
    before = os.umask(0o077)
    try:
        state_folder(str(cache), environment(tmp_path)).folder("ledger")
    finally:
        os.umask(before)

    own = cache / ".locks/.swarmcache"
    for folder in (own.parent, own, own / "ledger"):
        assert folder.stat().st_mode & 0o7777 == 0o2775
    assert (own / "VERSION").stat().st_mode & 0o777 == 0o664


def test_a_later_version_of_the_tree_is_left_alone(tmp_path: Path) -> None:
    """Then the user's own folder serves, and nothing is read beside the cache."""
    own = tmp_path / "hub/.locks/.swarmcache"
    own.mkdir(parents=True)
    (own / "VERSION").write_text("2\n")

    state = state_folder(str(tmp_path / "hub"), environment(tmp_path / "home"))

    assert state.path == f"{tmp_path}/home/.local/state/swarmcache/caches{tmp_path}/hub/.swarmcache"
    assert state.sources("ledger") == [f"{state.path}/ledger"]


def test_a_tree_whose_maker_was_killed_is_used(tmp_path: Path) -> None:
    """Killed between making VERSION and writing to it."""
    own = tmp_path / "hub/.locks/.swarmcache"
    own.mkdir(parents=True)
    (own / "VERSION").write_text("")

    assert state_folder(str(tmp_path / "hub"), environment(tmp_path)).path == str(own)


def test_the_users_folder_is_named_by_the_real_path_of_the_cache(tmp_path: Path) -> None:
    """A link to a cache is the same cache; a relative XDG_STATE_HOME counts for nothing."""
    (tmp_path / "hub").mkdir()
    (tmp_path / "link").symlink_to("hub")
    at = environment(tmp_path, XDG_STATE_HOME=f"{tmp_path}/state")

    expected = f"{tmp_path}/state/swarmcache/caches{tmp_path}/hub/.swarmcache"
    assert users_folder(f"{tmp_path}/link", at) == expected
    relative = environment(tmp_path, XDG_STATE_HOME="state")
    assert users_folder(f"{tmp_path}/hub", relative).startswith(f"{tmp_path}/.local/state/")
