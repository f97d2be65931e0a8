"""SC705: equal content in several places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cachemaker import CacheMaker, tiny_safetensors
from doctor.cases import found
from doctor.nodes import MODEL, needing, users_cache

if TYPE_CHECKING:
    from pathlib import Path

BIG = {"config.json": b"{}", "model.safetensors": tiny_safetensors(rows=200_000, tensors=4)}


def test_in_two_caches(tmp_path: Path) -> None:
    """The user's, and the one that the project's program uses."""
    assert len(BIG["model.safetensors"]) > 11 * 2**20
    users_cache(tmp_path).repo("org/m", BIG)
    CacheMaker(tmp_path / "project/other").repo("mirror/m", BIG)
    one = needing(tmp_path, script="export HF_HUB_CACHE=$PWD/other\n")
    (finding,) = found(one, "SC705")
    assert "mirror/m" in finding.message
    assert finding.fix is not None
    own = tmp_path / "project/other"
    assert finding.fix.description == f"swarmcache dedupe {own} --all-known"


def test_the_fixes_name_a_cache_that_only_a_script_knows(tmp_path: Path) -> None:
    """Typed in the project's folder, they would mean the default cache."""
    files = {**BIG, "pytorch_model.bin": b"\x80\x02" + b"x" * 11 * 2**20}
    maker = CacheMaker(tmp_path / "project/own cache")
    maker.repo("org/m", files)
    maker.repo("mirror/m", BIG)
    one = needing(tmp_path, script=f"export HF_HUB_CACHE='{maker.path}'\n")
    fixes = [one.fix.description for one in found(one, "SC705") if one.fix is not None]
    formats = "--format bin --format h5 --format msgpack"
    assert fixes == [
        f"swarmcache dedupe '{maker.path}'",
        f"swarmcache clean --all {formats} --cache-dir '{maker.path}'",
    ]


def test_another_format_of_the_same_weights(tmp_path: Path) -> None:
    """Beside complete safetensors."""
    files = {**MODEL, "pytorch_model.bin": b"\x80\x02" + b"x" * 11 * 2**20}
    users_cache(tmp_path).repo("org/m", files)
    (finding,) = found(needing(tmp_path), "SC705")
    assert "org/m" in finding.message


def test_look_alikes(tmp_path: Path) -> None:
    """One copy; a format that is the only one; small things."""
    users_cache(tmp_path / "a").repo("org/m", BIG)
    assert found(needing(tmp_path / "a"), "SC705") == []
    only = {"config.json": b"{}", "pytorch_model.bin": b"\x80\x02" + b"x" * 11 * 2**20}
    users_cache(tmp_path / "b").repo("org/m", only)
    assert found(needing(tmp_path / "b"), "SC705") == []
    cache = users_cache(tmp_path / "c")
    cache.repo("org/m", MODEL)
    cache.repo("mirror/m", MODEL)
    assert found(needing(tmp_path / "c"), "SC705") == []
