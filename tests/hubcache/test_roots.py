"""Roots: the projects that need models of a cache, and when they are forgotten."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from swarmcache.environment import Environment
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.use import roots as module
from swarmcache.hubcache.use.roots import (
    ABSENT_SECONDS,
    FORGOTTEN_SECONDS,
    add_root,
    expire_roots,
    roots,
)

if TYPE_CHECKING:
    from pathlib import Path

A, B = parse_target("org/a"), parse_target("org/b@v1")


@pytest.fixture
def cache(tmp_path: Path) -> str:
    (tmp_path / "hub").mkdir()
    (tmp_path / "work" / "project").mkdir(parents=True)
    return str(tmp_path / "hub")


def register(cache: str, tmp_path: Path, *targets: module.Target) -> None:  # type: ignore[name-defined]
    """Register the project."""
    add_root(cache, Environment.current(), str(tmp_path / "work" / "project"), targets)


def models(cache: str) -> list[tuple[str, str, str]]:
    """Return what roots name."""
    return sorted(one for root in roots(cache, Environment.current()) for one in root.models)


def test_a_project_is_registered_once_and_its_models_add_up(cache: str, tmp_path: Path) -> None:
    """One start draws one model of several."""
    register(cache, tmp_path, A)
    register(cache, tmp_path, B)
    (root,) = roots(cache, Environment.current())
    assert root.project == str(tmp_path / "work" / "project")
    assert models(cache) == [("model", "org/a", "main"), ("model", "org/b", "v1")]


def test_a_model_that_is_no_longer_named_is_forgotten(
    cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three months after it was named for the last time."""
    register(cache, tmp_path, A)
    now = module.time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + FORGOTTEN_SECONDS + 1)
    register(cache, tmp_path, B)
    assert models(cache) == [("model", "org/b", "v1")]


def test_a_root_expires_a_week_after_its_project_went(cache: str, tmp_path: Path) -> None:
    """Seen absent once, and still absent seven days later."""
    environment = Environment.current()
    register(cache, tmp_path, A)
    (tmp_path / "work" / "project").rmdir()
    expire_roots(cache, environment, now=1000.0)
    assert models(cache)
    expire_roots(cache, environment, now=1000.0 + ABSENT_SECONDS - 1)
    assert models(cache)
    expire_roots(cache, environment, now=1000.0 + ABSENT_SECONDS)
    assert models(cache) == []


def test_a_project_that_came_back_starts_anew(cache: str, tmp_path: Path) -> None:
    """It was moved away and back."""
    environment = Environment.current()
    register(cache, tmp_path, A)
    (tmp_path / "work" / "project").rmdir()
    expire_roots(cache, environment, now=1000.0)
    (tmp_path / "work" / "project").mkdir()
    expire_roots(cache, environment, now=2000.0)
    (tmp_path / "work" / "project").rmdir()
    expire_roots(cache, environment, now=1000.0 + ABSENT_SECONDS)
    assert models(cache)


def test_a_project_on_a_disk_that_is_not_mounted_is_still_there(cache: str, tmp_path: Path) -> None:
    """The folder above it is gone as well."""
    environment = Environment.current()
    register(cache, tmp_path, A)
    (tmp_path / "work" / "project").rmdir()
    (tmp_path / "work").rmdir()
    expire_roots(cache, environment, now=1000.0)
    expire_roots(cache, environment, now=1000.0 + 10 * ABSENT_SECONDS)
    assert models(cache)


def test_a_project_of_another_host_is_never_looked_for_here(
    cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache on a shared volume: the project may exist there."""
    environment = Environment.current()
    monkeypatch.setattr(module, "this_host", lambda: "there")
    register(cache, tmp_path, A)
    monkeypatch.undo()
    (tmp_path / "work" / "project").rmdir()
    expire_roots(cache, environment, now=1000.0)
    expire_roots(cache, environment, now=1000.0 + 10 * ABSENT_SECONDS)
    assert models(cache)


def test_a_cache_that_does_not_exist_gets_no_root(tmp_path: Path) -> None:
    """A start must not make a cache."""
    add_root(str(tmp_path / "hub"), Environment.current(), str(tmp_path), [A])
    assert os.listdir(tmp_path) == []


def test_garbage_is_no_root(cache: str, tmp_path: Path) -> None:
    """Cut off by a full disk, say."""
    register(cache, tmp_path, A)
    (root,) = roots(cache, Environment.current())
    with open(root.path, "w") as file:
        file.write('{"project": "/x", "host":')
    assert roots(cache, Environment.current()) == []
