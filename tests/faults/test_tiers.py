"""Tiers: a team's read-only cache under one's own; its blobs become ours, or links into it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cleaning import inodes
from faults.pulling import BOUND, MIB, Site, model, site
from faults.verifying import verify
from small_disks import read_only, small_disk
from swarmcache.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.faults
SIZE = 3 * MIB
LOAD = (
    "import sys\n"
    "from huggingface_hub import hf_hub_download, snapshot_download, scan_cache_dir\n"
    "folder = snapshot_download('org/name', local_files_only=True)\n"
    "assert len(open(f'{folder}/model.safetensors', 'rb').read()) == int(sys.argv[1])\n"
    "path = hf_hub_download('org/name', 'model.safetensors', local_files_only=True)\n"
    "assert len(open(path, 'rb').read()) == int(sys.argv[1])\n"
    "print([str(one) for one in scan_cache_dir().warnings])\n"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site whose project names a tier on another file system, as an NFS is, by symbolic links."""
    place = site(tmp_path, model(SIZE))
    with place.hub, small_disk(str(tmp_path / "nfs"), "tmpfs") as disk:
        tier = f"{disk}/hub"
        place.finished("org/name", "--json", "--cache-dir", tier)
        place.hub.requests.clear()
        project = tmp_path / "project"
        project.mkdir()
        text = f'[cache]\ntiers = [{{ path = "{tier}", link = "symlink" }}]\n'
        (project / "swarmcache.toml").write_text(text)
        monkeypatch.chdir(project)
        monkeypatch.setenv("HF_HUB_CACHE", place.cache)
        monkeypatch.setenv("HF_ENDPOINT", place.hub.url)
        yield place


def pulled(here: Site, tier: str) -> Any:
    """Return how a pull came out for a user who cannot write into the tier."""
    with read_only(tier):
        one, _ = here.finished("org/name", "--json")
    return one


def test_a_symlinked_tier_costs_no_byte_and_no_room(here: Site, tmp_path: Path) -> None:
    """Not even on another file system; real clients load it, and so does everything of ours."""
    one = pulled(here, f"{tmp_path}/nfs/hub")
    assert (one["state"], one["downloaded_bytes"], one["copied_bytes"]) == ("complete", 0, 0)
    assert here.hub.served("model.safetensors") == 0
    assert sum(inodes(here.cache).values()) <= MIB
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, str(SIZE)],
        capture_output=True,
        text=True,
        check=False,
        timeout=BOUND,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    assert loaded.stdout == "[]\n", loaded.stderr
    assert main(["check", "org/name"]) == 0
    assert verify(here.cache).code == 0


def test_a_tier_that_went_away_is_named_with_its_repair(
    here: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By check and status; a pull fetches what is gone, and links it again where it is back."""
    tier = str(tmp_path / "nfs" / "hub")
    pulled(here, tier)
    os.rename(tier, tier + "-away")
    capsys.readouterr()
    assert main(["check", "org/name"]) == 1
    said = capsys.readouterr().out
    assert f"leads into the tier {tier}, which is not there: mount it, or `swarmcache pull`" in said
    assert main(["status", "--json"]) == 0
    problems = json.loads(capsys.readouterr().out)["repos"][0]["problems"]
    assert {problem["kind"] for problem in problems} == {"lost-tier"}
    os.rename(tier + "-away", tier)
    assert main(["check", "org/name"]) == 0
    shutil.rmtree(tier)
    one, _ = here.finished("org/name", "--json")
    assert (one["state"], one["downloaded_bytes"] > SIZE) == ("complete", True)
    assert main(["check", "org/name"]) == 0


def test_nothing_of_ours_writes_into_a_tier(here: Site, tmp_path: Path) -> None:
    """Neither a pull, nor a clean of what links into it, nor a dedupe, nor a repair."""
    tier = str(tmp_path / "nfs" / "hub")
    before = sorted(os.walk(tier)), inodes(tier)
    pulled(here, tier)
    assert main(["dedupe"]) == 0
    assert main(["verify", "--all"]) == 0
    assert main(["clean", "org/name", "--yes", "--ignore-pins"]) == 0
    assert not os.path.exists(f"{here.cache}/models--org--name")
    assert (sorted(os.walk(tier)), inodes(tier)) == before


def test_a_wrong_blob_of_a_tier_is_not_linked(here: Site, tmp_path: Path) -> None:
    """It is fetched; the tier keeps what it has."""
    tier = f"{tmp_path}/nfs/hub"
    blobs = f"{tier}/models--org--name/blobs"
    (big,) = [name for name in os.listdir(blobs) if os.path.getsize(f"{blobs}/{name}") == SIZE]
    with open(f"{blobs}/{big}", "r+b") as file:
        file.seek(SIZE - 1)
        byte = file.read(1)
        file.seek(SIZE - 1)
        file.write(bytes([byte[0] ^ 1]))
    one = pulled(here, tier)
    assert (one["state"], one["downloaded_bytes"]) == ("complete", SIZE)
    assert verify(here.cache).code == 0


def test_no_link_leads_into_a_tier_that_this_user_can_write(here: Site, tmp_path: Path) -> None:
    """Clients up to 1.31 would remove there what they prune here: it is copied, and told why."""
    tier = f"{tmp_path}/nfs/hub"
    told = (
        f"No link leads into the tier {tier}: this user can write there, and clients of the Hub up "
        "to 1.31 would remove its files through links. Mount it read-only. Until then 3.1 MB of it "
        "takes its room again."
    )
    _, foretold = here.finished("org/name", "--dry-run")
    one, said = here.finished("org/name", "--json")
    assert (foretold.count(told), said.count(told), one["state"]) == (1, 1, "complete")
    assert here.hub.served("model.safetensors") == 0
    blobs = f"{here.cache}/models--org--name/blobs"
    assert not [name for name in os.listdir(blobs) if os.path.islink(f"{blobs}/{name}")]
    assert verify(here.cache).code == 0
