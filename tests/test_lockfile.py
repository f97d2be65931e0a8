"""swarmcache.lock as a file: one text for one meaning, and nothing half understood."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from other_user import open_folder, run_as_other_user
from swarmcache.errors import LockFileError, SettingsError
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.manifest import ManifestFile
from swarmcache.lockfile import (
    Lock,
    LockedFile,
    LockedModel,
    lock_path,
    lock_text,
    parse_lock,
    read_lock,
    write_lock,
)

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "a" * 40
OTHER = "b" * 40
SHA1 = "c" * 40
SHA256 = "d" * 64
CONFIG = LockedFile(659, None, SHA1)
WEIGHTS = LockedFile(988_097_824, SHA256, None)
MODEL = LockedModel(
    "model", "org/name", "main", COMMIT, {"model.safetensors": WEIGHTS, "config.json": CONFIG}
)
TEXT = f"""\
{{
 "//": "Made by `swarmcache lock`; `swarmcache lock --upgrade` moves the pins. Commit this file.",
 "version": 1,
 "models": [
  {{"type": "dataset", "id": "org/data", "revision": "v1",
   "commit": "{OTHER}",
   "files": {{}}}},
  {{"type": "model", "id": "org/name", "revision": "main",
   "commit": "{COMMIT}",
   "files": {{
    "config.json": {{"size": 659, "git_sha1": "{SHA1}"}},
    "model.safetensors": {{"size": 988097824, "sha256": "{SHA256}"}}
   }}}}
 ]
}}
"""

NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda part: part not in {".", ".."}
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
HEX = "0123456789abcdef"
SIZES = st.integers(0, 2**63 - 1)
FILES = st.one_of(
    st.builds(
        lambda size, etag: LockedFile(size, etag, None),
        SIZES,
        st.text(HEX, min_size=64, max_size=64),
    ),
    st.builds(
        lambda size, etag: LockedFile(size, None, etag),
        SIZES,
        st.text(HEX, min_size=40, max_size=40),
    ),
)
MODELS = st.lists(
    st.builds(
        LockedModel,
        st.sampled_from(["model", "dataset", "space", "kernel"]),
        st.lists(NAMES, min_size=1, max_size=2).map("/".join),
        PATHS,
        st.text(HEX, min_size=40, max_size=40),
        st.dictionaries(PATHS, FILES, max_size=5),
    ),
    max_size=4,
    unique_by=lambda model: (model.type, model.id, model.revision),
).filter(lambda models: len({(m.type, m.id, m.commit) for m in models}) == len(models))


def test_the_text_is_sorted_with_one_file_a_line() -> None:
    """What stands in a diff; the order of the values does not matter."""
    data = LockedModel("dataset", "org/data", "v1", OTHER, {})
    assert lock_text([MODEL, data]) == TEXT
    assert lock_text([data, MODEL]) == TEXT


def test_a_lock_of_nothing_is_a_lock() -> None:
    """It is read again as one that pins nothing."""
    assert parse_lock("x", lock_text([]).encode()).models == ()


@given(models=MODELS)
def test_what_is_written_is_read_again(models: list[LockedModel]) -> None:
    """Any name that a Hub can have, quotes, newlines and lone surrogates included; ASCII only."""
    text = lock_text(models)
    assert text.isascii()
    found = parse_lock("x", text.encode()).models
    assert found == tuple(sorted(models, key=lambda m: (m.type, m.id, m.revision)))
    assert lock_text(found) == text


@given(content=st.binary(max_size=300))
def test_no_bytes_make_it_fail_otherwise(content: bytes) -> None:
    """Whatever stands in the file, it is a lock or a LockFileError."""
    try:
        parse_lock("x", content)
    except LockFileError:
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["version", "models", "type", "id", "files", "commit", "size", "a"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_document_makes_it_fail_otherwise(document: object) -> None:
    """JSON of any shape is a lock or a LockFileError."""
    for whole in (
        document,
        {"version": 1, "models": document},
        {"version": 1, "models": [document]},
    ):
        with contextlib.suppress(LockFileError):
            parse_lock("x", json.dumps(whole).encode())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"version": 1', '"version": 2', "it is of version 2, and this swarmcache reads version 1"),
        ('"version": 1', '"version": true', "it is of version true"),
        ('"version": 1', '"versions": 1', "it names no version"),
        ('"config.json"', '"../config.json"', 'models[1].files["../config.json"] is not a name'),
        ('"config.json"', '"/etc/passwd"', 'models[1].files["/etc/passwd"] is not a name'),
        ('"config.json"', '"a//b"', "is not a name inside a repo"),
        ('"config.json"', '"a\\u0000b"', "is not a name inside a repo"),
        ('"config.json"', '""', "is not a name inside a repo"),
        ('"config.json"', '"model.safetensors"', 'the key "model.safetensors" stands twice'),
        (SHA256, SHA256[:-1], 'files["model.safetensors"].sha256 is not a sha256 hash'),
        (SHA256, SHA256.upper(), "is not a sha256 hash"),
        (SHA1, SHA256, 'files["config.json"].git_sha1 is not a git_sha1 hash'),
        ('"git_sha1"', '"md5"', 'models[1].files["config.json"].md5 is not a key'),
        ('"size": 659, "git_sha1"', '"git_sha1"', 'files["config.json"].size is missing'),
        (f'"size": 659, "git_sha1": "{SHA1}"', '"size": 659', "needs either sha256 or git_sha1"),
        ('"git_sha1": "', f'"sha256": "{SHA256}", "git_sha1": "', "needs either sha256 or"),
        ("659", "-1", 'files["config.json"].size is not a number of bytes'),
        ("659", "6.5", "is not a number of bytes"),
        ("659", "true", "is not a number of bytes"),
        ("659", "9223372036854775808", "is not a number of bytes"),
        ("659", "9" * 5000, ""),
        (COMMIT, COMMIT[1:], "models[1].commit is not a commit of 40 hex digits"),
        (f'"{COMMIT}"', "7", "models[1].commit is not a commit"),
        ('"org/name"', '"../../etc"', "models[1].id is not a name inside a repo"),
        ('"org/name"', '"a/b/c"', 'models[1].id is no repo id: "a/b/c"'),
        ('"revision": "main"', '"revision": "../main"', "models[1].revision is not a name"),
        ('"type": "model"', '"type": "modal"', "models[1].type is not one of model, dataset"),
        ('"revision": "main"', '"rev": "main"', "models[1].rev is not a key"),
        ('{"type": "dataset"', '7, {"type": "dataset"', "models[0] must be a table"),
        ('"files": {}', '"files": []', "models[0].files must be a table"),
        ('"type": "dataset", "id": "org/data", "revision": "v1"',
         '"type": "model", "id": "org/name", "revision": "main"',
         "model org/name@main is locked twice"),
        ("<<<<<<< HEAD", "", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_and_key(old: str, new: str, said: str) -> None:
    """Hostile or broken, it is refused with exit code 2, in one sentence."""
    broken = TEXT.replace(old, new, 1) if old in TEXT else f"{old}\n{TEXT}"
    with pytest.raises(LockFileError) as caught:
        parse_lock("/p/swarmcache.lock", broken.encode())
    assert caught.value.message.startswith("The lock /p/swarmcache.lock cannot be used: ")
    assert said in caught.value.message
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, SettingsError)


def test_a_merge_conflict_is_told_with_its_line() -> None:
    """The commonest way in which a lock breaks."""
    broken = TEXT.replace(' "version"', '<<<<<<< HEAD\n "version"')
    with pytest.raises(LockFileError, match="it is not JSON at line 3, column 1"):
        parse_lock("x", broken.encode())


def test_two_entries_of_one_commit_must_agree() -> None:
    """Otherwise which of the hashes counts would depend on who asks."""
    twin = MODEL._replace(revision="v1", files={"config.json": CONFIG})
    with pytest.raises(LockFileError, match=f"the files of model org/name@{COMMIT} are locked"):
        parse_lock("x", lock_text([MODEL, twin]).encode())
    same = parse_lock("x", lock_text([MODEL, MODEL._replace(revision="v1")]).encode())
    assert [model.revision for model in same.models] == ["main", "v1"]


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe", b"", b"null", b"[]"])
def test_what_is_no_lock_at_all_is_refused(content: bytes) -> None:
    """Deep nesting, another encoding, nothing, another document."""
    with pytest.raises(LockFileError):
        parse_lock("x", content)


def test_a_project_without_a_lock_has_none(tmp_path: Path) -> None:
    """No file, no folder."""
    assert read_lock(str(tmp_path)) is None
    assert read_lock(str(tmp_path / "none")) is None


def test_a_lock_is_written_whole_and_read_again(tmp_path: Path) -> None:
    """Nothing else stays in the folder, and the file's mode is kept."""
    lock = Lock(lock_path(str(tmp_path)), (MODEL,))
    write_lock(lock)
    os.chmod(lock.path, 0o640)
    write_lock(lock._replace(models=(MODEL._replace(commit=OTHER),)))
    found = read_lock(str(tmp_path))
    assert found is not None
    assert found.path == str(tmp_path / "swarmcache.lock")
    assert [model.commit for model in found.models] == [OTHER]
    assert os.listdir(tmp_path) == ["swarmcache.lock"]
    assert os.stat(lock.path).st_mode & 0o777 == 0o640


def test_a_linked_lock_stays_a_link(tmp_path: Path) -> None:
    """A lock shared by several checkouts is written where it lies."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "swarmcache.lock").symlink_to("../shared/swarmcache.lock")
    write_lock(Lock(lock_path(str(tmp_path / "project")), (MODEL,)))
    assert (tmp_path / "project" / "swarmcache.lock").is_symlink()
    assert read_lock(str(tmp_path / "shared")) is not None


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    """The lock that stands stays as it was."""
    lock = Lock(lock_path(str(tmp_path)), (MODEL,))
    write_lock(lock)
    bad = MODEL._replace(files={"../x": CONFIG})
    with pytest.raises(LockFileError):
        write_lock(lock._replace(models=(bad,)))
    assert read_lock(str(tmp_path)) == lock
    assert os.listdir(tmp_path) == ["swarmcache.lock"]


def test_a_lock_that_is_a_folder_is_told(tmp_path: Path) -> None:
    """The system's reason stands in the sentence."""
    (tmp_path / "swarmcache.lock").mkdir()
    with pytest.raises(LockFileError, match="it cannot be read: Is a directory"):
        read_lock(str(tmp_path))


def test_a_lock_of_another_user_is_not_taken_for_none() -> None:
    """What protects must not vanish by its mode."""
    with open_folder() as folder:
        write_lock(Lock(lock_path(folder), (MODEL,)))
        os.chmod(lock_path(folder), 0o600)
        command = [sys.executable, "-m", "swarmcache", "check", "org/name"]
        done = run_as_other_user(command, cwd=folder, env={**os.environ, "HOME": folder})
        assert done.returncode == 2
        assert "it cannot be read: Permission denied" in done.stderr


def test_a_pin_is_found_by_its_revision_or_its_commit() -> None:
    """Another revision, type or repo is not locked."""
    lock = Lock("x", (MODEL,))
    assert lock.find(parse_target("org/name")) == MODEL
    assert lock.find(parse_target(f"org/name@{COMMIT}")) == MODEL
    assert lock.find(parse_target("org/name@v1")) is None
    assert lock.find(parse_target("datasets/org/name")) is None
    assert lock.find(parse_target("org/other")) is None
    assert lock.expected(parse_target("org/name")) == MODEL.files
    assert lock.expected(parse_target("org/other")) is None
    assert lock.files_at(parse_target("org/name").name, COMMIT) == MODEL.files
    assert lock.files_at(parse_target("org/name").name, OTHER) is None


def test_a_locked_file_has_the_fields_of_a_manifests() -> None:
    """Readers take one for the other."""
    assert LockedFile._fields == ManifestFile._fields
    assert (WEIGHTS.etag, CONFIG.etag) == (SHA256, SHA1)
