"""Names: what the Hub accepts, and how a cache spells it."""

from __future__ import annotations

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from hypothesis import example, given
from hypothesis import strategies as st

from swarmcache.errors import InvalidRepoId
from swarmcache.hubcache.layout import (
    REPO_TYPES,
    RepoName,
    RepoType,
    Target,
    check_repo_id,
    folder_name,
    is_legacy_file,
    parse_folder_name,
    parse_target,
)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (RepoName("model", "gpt2"), "models--gpt2"),
        (RepoName("model", "Qwen/Qwen3-0.6B"), "models--Qwen--Qwen3-0.6B"),
        (RepoName("dataset", "openai/gsm8k"), "datasets--openai--gsm8k"),
        (RepoName("space", "a/b"), "spaces--a--b"),
        (RepoName("kernel", "a/b"), "kernels--a--b"),
    ],
)
def test_folder_name_and_back(name: RepoName, folder: str) -> None:
    """Each repo has one folder name, and that name tells the repo."""
    assert folder_name(name) == folder
    assert parse_folder_name(folder) == name


@pytest.mark.parametrize("folder", [".locks", "blobs", "models", "models--", "model--a--b", "x--a"])
def test_other_folders_are_no_repos(folder: str) -> None:
    """What is not spelled like a repo folder is none."""
    assert parse_folder_name(folder) is None


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("gpt2", Target("model", "gpt2", "main")),
        ("a/b@v1.0", Target("model", "a/b", "v1.0")),
        ("a/b@refs/pr/1", Target("model", "a/b", "refs/pr/1")),
        ("datasets/a/b", Target("dataset", "a/b", "main")),
        ("datasets/squad", Target("dataset", "squad", "main")),
        ("models/b", Target("model", "models/b", "main")),
    ],
)
def test_parse_target(text: str, target: Target) -> None:
    """A name, a revision after `@`, and a type where three parts are given."""
    assert parse_target(text) == target


@pytest.mark.parametrize("kind", REPO_TYPES)
@pytest.mark.parametrize("revision", ["main", "v1.0", "refs/pr/1", "0" * 40])
def test_what_is_spelled_is_what_one_types(kind: RepoType, revision: str) -> None:
    """A command that is told to a user means the same repo."""
    target = Target(kind, "a/b", revision)
    assert parse_target(target.spelled) == target
    assert parse_target(target.name.spelled).name == target.name
    oldest = Target("dataset", "squad", revision)
    assert parse_target(oldest.spelled) == oldest
    assert target.name.at(None) == target.name.spelled
    assert target.name.at("0123456789abcdef") == f"{target.name.spelled}@0123456789ab"


@pytest.mark.parametrize(
    "text",
    [
        "../../etc",
        "a/b/c",
        "",
        "a b",
        "-x",
        "a--b/c",
        "a/b.git",
        "a/b@",
        "a/b@../x",
        "a/b@x\0",
        "a/b@/etc/passwd",
        "a/b@x//y",
        "模型/名",
        "a" * 97,
        "a/b\n",
    ],
)
def test_hostile_names_are_refused(text: str) -> None:
    """No name leads out of the cache, and none that the Hub would refuse is looked up."""
    with pytest.raises(InvalidRepoId):
        parse_target(text)


@given(st.text(alphabet="ab.-_/@ A9é", max_size=12))
@example("a.git")
@example("a..b")
@example("_a")
def test_ids_agree_with_the_hubs_own_check(text: str) -> None:
    """We accept no id that huggingface_hub refuses, and refuse none that it accepts."""
    try:
        validate_repo_id(text)
        theirs = True
    except HFValidationError:
        theirs = False
    try:
        check_repo_id(text)
        ours = True
    except InvalidRepoId:
        ours = False

    assert ours == theirs


def test_legacy_files_are_recognised() -> None:
    """Names that old transformers leave behind."""
    etag = "ab" * 32
    assert is_legacy_file(f"{etag}.{etag}")
    assert is_legacy_file(f"{etag}.{etag}.json")
    assert not is_legacy_file("swarm.pem")
