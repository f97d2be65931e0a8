"""The record of last uses, and the access times that looking must not move."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from cachemaker import CacheMaker
from cleaning import model
from swarmcache.environment import Environment
from swarmcache.hubcache.integrity import check
from swarmcache.hubcache.last_use import forget_uses, last_uses, note_use
from swarmcache.hubcache.layout import RepoName, parse_target

if TYPE_CHECKING:
    from pathlib import Path

A = RepoName("model", "org/a")


def test_a_use_is_remembered_and_forgotten(tmp_path: Path) -> None:
    """By repo folder, as seconds since the epoch."""
    environment = Environment.current()
    before = time.time() - 1
    note_use(str(tmp_path), environment, [A])
    found = last_uses(str(tmp_path), environment)
    assert list(found) == ["models--org--a"]
    assert before < found["models--org--a"] < time.time() + 1
    forget_uses(str(tmp_path), environment, [A])
    assert last_uses(str(tmp_path), environment) == {}


def test_a_cache_that_does_not_exist_gets_no_record(tmp_path: Path) -> None:
    """A start must not make a cache."""
    note_use(str(tmp_path / "hub"), Environment.current(), [A])
    assert os.listdir(tmp_path) == []


def test_checking_a_model_is_not_using_it(tmp_path: Path) -> None:
    """Its weights' headers are read, and their access time stays."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1))
    blobs = [entry.path for entry in os.scandir(f"{maker.folder('org/a')}/blobs")]
    then = time.time() - 10 * 86400
    for blob in blobs:
        os.utime(blob, (then, os.stat(blob).st_mtime))
    assert check(parse_target("org/a"), maker.path).state == "complete"
    assert {round(os.stat(blob).st_atime) for blob in blobs} == {round(then)}
