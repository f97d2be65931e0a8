"""Caches that real huggingface_hub versions wrote are read by swarmcache."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from compat.conftest import DATASET, DATASET_FILES, MODEL, MODEL_BYTES, MODEL_FILES, OLD
from swarmcache.hubcache import scan
from swarmcache.hubcache.complete import integrity
from swarmcache.hubcache.layout import RepoName, Target
from swarmcache.hubcache.leftovers import surroundings

if TYPE_CHECKING:
    from compat.conftest import Library

pytestmark = pytest.mark.compat


def read(cache: str, repo_id: str = MODEL, repo_type: str = "model") -> scan.Repo:
    """Return the repo as swarmcache sees it, in a cache without problems."""
    assert surroundings.read_surroundings(scan.list_cache(cache)).problems == ()
    repo = scan.read_repo(cache, RepoName(repo_type, repo_id))
    assert repo is not None
    assert repo.problems == ()
    return repo


def test_a_snapshot_is_complete(library: Library) -> None:
    """`snapshot_download` gets every file, and the sizes are those of the content."""
    path = library.snapshot(MODEL)
    repo = read(library.cache)
    (revision,) = repo.revisions
    assert revision.path == path
    assert revision.refs == ("main",)
    assert {file.path for file in revision.files} == set(MODEL_FILES)
    assert sum(blob.size for blob in repo.blobs.values()) == MODEL_BYTES
    found = integrity.check(Target("model", MODEL, "main"), library.cache)
    assert (found.state, found.size) == ("complete", MODEL_BYTES)


def test_all_files_are_told_by_a_manifest(library: Library) -> None:
    """Only versions since 1.22 write the list of a commit's files, so only they let us be sure."""
    library.snapshot(MODEL)
    found = integrity.check(Target("model", MODEL, "main"), library.cache, full=True)
    assert found.state == ("unknown" if library.version in OLD else "complete")


def test_files_fetched_one_by_one_are_complete_for_loading(library: Library) -> None:
    """As `from_pretrained` fills a cache: no README, and marks for what the repo lacks."""
    library.run(
        "from huggingface_hub import hf_hub_download\n"
        "for name in sys.argv[2:]:\n"
        "    answer = hf_hub_download(sys.argv[1], name)\n"
        "try:\n"
        "    hf_hub_download(sys.argv[1], 'chat_template.jinja')\n"
        "except Exception as error:\n"
        "    answer = type(error).__name__",
        *(
            MODEL,
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ),
    )
    read(library.cache)
    mark = f"models--org--tiny/.no_exist/{os.listdir(snapshots(library))[0]}/chat_template.jinja"
    assert os.path.isfile(os.path.join(library.cache, mark))
    found = integrity.check(Target("model", MODEL, "main"), library.cache)
    assert (found.state, found.missing) == ("complete", ())


def test_weights_not_fetched_are_missing(library: Library) -> None:
    """A start that was interrupted after the config."""
    code = (
        "from huggingface_hub import hf_hub_download as get\n"
        "for name in ('config.json', 'tokenizer.json'): answer = get(sys.argv[1], name)"
    )
    library.run(code, MODEL)
    read(library.cache)
    found = integrity.check(Target("model", MODEL, "main"), library.cache)
    assert found.state in {"incomplete", "unknown"}


def test_hf_download_is_complete(library: Library) -> None:
    """The command line writes what the library writes."""
    library.hf("download", MODEL)
    read(library.cache)
    assert integrity.check(Target("model", MODEL, "main"), library.cache).state == "complete"


def test_a_dataset_is_read(library: Library) -> None:
    """Datasets lie beside models."""
    library.hf("download", DATASET, "--repo-type", "dataset")
    (revision,) = read(library.cache, DATASET, "dataset").revisions
    assert {file.path for file in revision.files} == set(DATASET_FILES)


def test_snapshots_without_links_are_read(library: Library) -> None:
    """HF_HUB_DISABLE_SYMLINKS puts files themselves into snapshots, since 1.9."""
    library.download_without_links(MODEL)
    (revision,) = read(library.cache).revisions
    linked = os.path.islink(os.path.join(revision.path, "config.json"))
    assert linked == (library.version in OLD)
    assert integrity.check(Target("model", MODEL, "main"), library.cache).state == "complete"


def snapshots(library: Library) -> str:
    """Return the folder of the model's snapshots."""
    return os.path.join(library.cache, "models--org--tiny", "snapshots")
