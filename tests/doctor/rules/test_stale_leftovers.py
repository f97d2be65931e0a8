"""SC704: leftovers, and never a kernel's lock file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from doctor.cases import found
from doctor.nodes import MODEL, needing, users_cache

if TYPE_CHECKING:
    from pathlib import Path


def test_an_orphaned_partial(tmp_path: Path) -> None:
    """Old, and nobody holds it."""
    cache = users_cache(tmp_path)
    cache.repo("org/m", MODEL)
    partial = f"{cache.folder('org/m')}/blobs/{'a' * 64}.01234567.incomplete"
    with open(partial, "wb") as file:
        file.write(b"x" * 3 * 2**20)
    os.utime(partial, (1, 1))
    (finding,) = found(needing(tmp_path), "SC704")
    assert finding.severity == "info"
    assert "partial" in finding.message


def test_a_tidy_cache_has_none(tmp_path: Path) -> None:
    """Kernel lock files stay when their owners go, and are no leftovers."""
    cache = users_cache(tmp_path)
    cache.repo("org/m", MODEL)
    locks = f"{cache.path}/.locks/models--org--m"
    os.makedirs(locks)
    for number in range(3):
        with open(f"{locks}/{number}.lock", "wb"):
            pass
    assert found(needing(tmp_path), "SC704") == []


def test_no_cache_has_none(tmp_path: Path) -> None:
    """Nothing was downloaded yet."""
    assert found(needing(tmp_path), "SC704") == []
