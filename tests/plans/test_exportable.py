"""What is handed over of a cache is proven while it is read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker
from cleaning import model
from swarmcache.errors import WrongBytes
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.exportable import Content, Exported, exportable

if TYPE_CHECKING:
    from pathlib import Path

BIG = b"w" * 100_000


@pytest.fixture(params=[True, False], ids=["named", "nameless"])
def big(tmp_path: Path, request: pytest.FixtureRequest) -> Exported:
    """A file of a model, with a hash that names it or none."""
    named = request.param
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1, **{"big.dat": BIG}), links=named, trees=named)
    found = exportable(parse_target("org/a"), maker.path)
    return next(file for file in found.files if file.path == "big.dat")


def test_a_file_that_is_written_while_it_is_read(big: Exported) -> None:
    """Also where the bytes that were read are the right ones: nobody can tell."""
    heard: list[int] = []
    with Content(big, heard.append) as content:
        assert content.read(10) == BIG[:10]
        with open(big.blob.path, "r+b") as file:
            file.write(b"v")
        assert content.read() == BIG[10:]
        with pytest.raises(WrongBytes, match="changed while it was copied"):
            content.digest()
    assert sum(heard) == len(BIG)


def test_a_file_that_becomes_shorter_while_it_is_read(big: Exported) -> None:
    """Its reader is not left to think that this was all."""
    with Content(big, [].append) as content:
        content.read(10)
        os.truncate(big.blob.path, 10)
        with pytest.raises(WrongBytes, match="changed while it was copied"):
            content.read()


def test_a_file_of_another_size_is_refused_before_a_byte_is_read(tmp_path: Path) -> None:
    """What went through a pipe cannot be taken back."""
    maker = CacheMaker(tmp_path / "hub")
    maker.repo("org/a", model(1, **{"big.dat": BIG}))
    found = exportable(parse_target("org/a"), maker.path)
    os.truncate(next(file for file in found.files if file.path == "big.dat").blob.path, 10)
    with pytest.raises(WrongBytes, match="holds other bytes than those"):
        exportable(parse_target("org/a"), maker.path)
