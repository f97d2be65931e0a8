"""`hf swarmcache …`: the Hub's own command line hands over to ours, without asking any network."""

from __future__ import annotations

import json
import os
import pathlib
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from compat.conftest import Library

pytestmark = pytest.mark.compat

SCRIPT = os.path.join(os.path.dirname(sys.executable), "hf-swarmcache")


@pytest.fixture
def extended(library: Library) -> Library:
    """Return a version whose `hf` knows our script, as docs/adr/0004-hf-extension.md tells."""
    if library.version == "0.36.2":
        pytest.skip("huggingface_hub 0.36 has no extensions")
    folder = pathlib.Path(library.home, ".local/share/hf/extensions/hf-swarmcache")
    folder.mkdir(parents=True)
    (folder / "hf-swarmcache").symlink_to(SCRIPT)
    manifest = {
        "owner": "local",
        "repo": "hf-swarmcache",
        "repo_id": "local/hf-swarmcache",
        "short_name": "swarmcache",
        "executable_path": str(folder / "hf-swarmcache"),
        "type": "python",
        "installed_at": "2026-11-23T00:00:00+00:00",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return library


def test_hf_hands_over_to_swarmcache(extended: Library) -> None:
    """With every option, `--help` too."""
    assert "Usage: swarmcache" in extended.hf("swarmcache", "--help")


def test_hf_hands_over_the_exit_code(extended: Library) -> None:
    """`check` says no by its exit code, which `hf` must not swallow."""
    os.makedirs(extended.cache)
    command = ("swarmcache", "check", "org/absent", "--cache-dir", extended.cache)
    assert "org/absent" in extended.hf(*command, expected=1)
