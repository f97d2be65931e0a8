"""A pull under a lock: the locked commit and bytes, whatever the Hub says, and a ref last."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import compat_environments
import pytest

import swarmcache
from cachemaker import CacheMaker, git_sha1, sha256, tiny_safetensors, write
from swarmcache.environment import Environment
from swarmcache.errors import LockMismatch, WrongBytes
from swarmcache.hubcache.complete.pins import check_pinned
from swarmcache.hubcache.layout import parse_target
from swarmcache.hubcache.refs import read_ref
from swarmcache.lockfile import Lock, LockedFile, LockedModel, write_lock
from swarmcache.plans.pull import apply_pull, plan_pull
from swarmcache.plans.pull.wishes import Wishes
from swarmcache.serve.running import running
from swarmcache.transfer.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from swarmcache.plans.pull import Pulled
    from swarmcache.serve.running import RunningHub

SOURCE = os.path.dirname(os.path.dirname(swarmcache.__file__))
WEIGHTS = tiny_safetensors(1)
MODEL = {
    "README.md": b"# read me",
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b'{"a": 1}',
}
NEWER = {**MODEL, "model.safetensors": tiny_safetensors(2)}
TARGET = parse_target("org/name")


@pytest.fixture
def served(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "served")


@pytest.fixture
def endpoint(served: CacheMaker) -> Iterator[RunningHub]:
    with running([served.path]) as hub:
        yield hub


@pytest.fixture
def hub(endpoint: RunningHub) -> Iterator[Hub]:
    with Hub([endpoint.url], Environment.current()) as hub:
        yield hub


@pytest.fixture
def cache(tmp_path: Path) -> CacheMaker:
    return CacheMaker(tmp_path / "cache")


def lock_of(commit: str, files: Mapping[str, bytes], revision: str = "main") -> Lock:
    locked = {
        path: LockedFile(len(content), sha256(content), None)
        if path.endswith((".safetensors", ".bin"))
        else LockedFile(len(content), None, git_sha1(content))
        for path, content in files.items()
    }
    return Lock("x", (LockedModel("model", "org/name", revision, commit, locked),))


def pulled(cache: CacheMaker, hub: Hub, lock: Lock, **options: bool) -> Pulled:
    (result,) = apply_pull(
        plan_pull([TARGET], cache.path, hub, lock=lock, wishes=Wishes(**options)), hub
    )
    return result


def main_of(cache: CacheMaker) -> str | None:
    return read_ref(cache.path, TARGET.name, "main")


def on_disk(cache: CacheMaker, commit: str) -> list[str]:
    folder = os.path.join(cache.folder("org/name"), "snapshots", commit)
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def blobs(cache: CacheMaker) -> set[str]:
    folder = os.path.join(cache.folder("org/name"), "blobs")
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def test_a_hub_that_moved_main_still_gives_the_locked_commit(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """And the cache's main leads to it, since that is what a trainer opens offline."""
    commit = served.repo("org/name", MODEL)
    served.repo("org/name", NEWER)
    result = pulled(cache, hub, lock_of(commit, MODEL))
    assert (result.state, result.commit, result.error) == ("complete", commit, None)
    assert main_of(cache) == commit


@pytest.mark.parametrize("refresh", [False, True])
def test_no_pull_moves_a_pin(
    served: CacheMaker, hub: Hub, cache: CacheMaker, endpoint: RunningHub, refresh: bool
) -> None:
    """What is complete as locked makes no request at all, not even to refresh."""
    commit = served.repo("org/name", MODEL)
    lock = lock_of(commit, MODEL)
    pulled(cache, hub, lock)
    served.repo("org/name", NEWER)
    endpoint.requests.clear()
    result = pulled(cache, hub, lock, refresh=refresh)
    assert (result.state, result.commit) == ("complete", commit)
    assert (main_of(cache), endpoint.requests) == (commit, [])


def test_a_ref_that_moved_is_led_back_without_a_request(
    hub: Hub, cache: CacheMaker, endpoint: RunningHub
) -> None:
    """The locked commit is here; the bytes are hashed, then the ref is set."""
    commit = cache.repo("org/name", MODEL)
    cache.repo("org/name", NEWER)
    result = pulled(cache, hub, lock_of(commit, MODEL))
    assert (result.state, result.commit, result.error) == ("complete", commit, None)
    assert (main_of(cache), endpoint.requests) == (commit, [])


def test_no_ref_leads_to_bytes_that_are_not_the_locked_ones(hub: Hub, cache: CacheMaker) -> None:
    """As after a kill between the download and its check: names and sizes fit, bytes do not."""
    commit = cache.repo("org/name", MODEL)
    newer = cache.repo("org/name", NEWER)
    tamper(cache, WEIGHTS)
    result = pulled(cache, hub, lock_of(commit, MODEL))
    assert isinstance(result.error, LockMismatch)
    assert result.error.message == (
        "1 file of org/name is not the one that swarmcache.lock names: model.safetensors."
    )
    assert main_of(cache) == newer
    assert "model.safetensors" in on_disk(cache, commit)  # We did not bring it.


def test_a_hub_that_announces_another_hash_is_refused_before_any_byte(
    served: CacheMaker, hub: Hub, cache: CacheMaker, endpoint: RunningHub
) -> None:
    """The same commit with other weights in its listing."""
    commit = "a" * 40
    served.repo("org/name", NEWER, commit=commit)
    result = pulled(cache, hub, lock_of(commit, MODEL))
    assert isinstance(result.error, LockMismatch)
    assert result.error.exit_code == 5
    assert result.error.message == (
        f"{endpoint.url} has another content than swarmcache.lock names for 1 file of org/name: "
        "model.safetensors."
    )
    assert os.listdir(cache.path) == []


def test_a_hub_that_serves_other_bytes_is_refused_and_its_bytes_taken_away(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """It announces the locked hash and size, and sends something else: sizes tell nothing."""
    commit = served.repo("org/name", MODEL)
    tamper(served, WEIGHTS)
    lock = lock_of(commit, MODEL)
    result = pulled(cache, hub, lock)
    assert isinstance(result.error, LockMismatch)
    assert "model.safetensors" in result.error.message
    assert main_of(cache) is None
    assert sha256(WEIGHTS) not in blobs(cache)
    assert on_disk(cache, commit) == []
    assert check_pinned(TARGET._replace(revision=commit), cache.path, lock).state == "missing"


def test_a_ref_stays_where_it_was_when_the_hub_serves_other_bytes(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """Nothing that worked before stops working."""
    commit = served.repo("org/name", MODEL)
    tamper(served, WEIGHTS)
    before = cache.repo("org/name", NEWER)
    result = pulled(cache, hub, lock_of(commit, MODEL))
    assert isinstance(result.error, LockMismatch)
    assert main_of(cache) == before
    assert check_pinned(TARGET, cache.path, None).state == "complete"


def test_after_a_refusal_an_honest_hub_completes_it(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """What was taken away is fetched again, and only that."""
    commit = served.repo("org/name", MODEL)
    tamper(served, WEIGHTS)
    lock = lock_of(commit, MODEL)
    pulled(cache, hub, lock)
    served.repo("org/name", MODEL)
    result = pulled(cache, hub, lock)
    assert (result.state, result.files, result.error) == ("complete", 1, None)
    assert main_of(cache) == commit


@pytest.mark.parametrize("trees", [True, False])
def test_a_cached_file_that_is_not_the_locked_one_is_fetched_again(
    served: CacheMaker, hub: Hub, cache: CacheMaker, trees: bool
) -> None:
    """Its link leads to another blob of equal size, and the cached manifest says so too."""
    commit = served.repo("org/name", MODEL)
    cache.repo("org/name", NEWER, commit=commit, trees=trees)
    result = pulled(cache, hub, lock_of(commit, MODEL))
    assert (result.state, result.files, result.error) == ("complete", 1, None)


def test_a_cached_file_that_is_not_the_locked_one_is_told_without_a_network_too(
    cache: CacheMaker,
) -> None:
    """Exit code 5, not 4: what is here is wrong, whether the right one can be had or not."""
    commit = cache.repo("org/name", NEWER)
    with Hub(["http://127.0.0.1:9"], Environment.current()) as hub:
        result = pulled(cache, hub, lock_of(commit, MODEL))
    assert isinstance(result.error, LockMismatch)
    assert "cannot be reached" in result.error.message


def test_files_that_the_lock_does_not_name_are_not_fetched(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """A commit cannot gain files: what a Hub adds later is not part of what was reviewed."""
    commit = served.repo("org/name", {**MODEL, "modeling_evil.py": b"import os"})
    result = pulled(cache, hub, lock_of(commit, MODEL), all_files=True)
    assert (result.state, result.files, result.error) == ("complete", 5, None)
    assert on_disk(cache, commit) == sorted(MODEL)


def test_one_weights_format_is_enough_under_a_lock_too(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """The lock names all formats; the pull takes one."""
    files = {**MODEL, "pytorch_model.bin": b"p" * 5000}
    commit = served.repo("org/name", files)
    result = pulled(cache, hub, lock_of(commit, files))
    assert (result.state, result.skipped_bytes, result.error) == ("complete", 5000, None)
    assert "pytorch_model.bin" not in on_disk(cache, commit)


def test_a_lock_made_from_one_layout_works_on_another(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """An endpoint that serves a cache without manifests tells the same hashes."""
    commit = served.repo("org/name", MODEL, trees=False)
    result = pulled(cache, hub, lock_of(commit, MODEL))
    assert (result.state, result.commit, result.error) == ("complete", commit, None)


def test_a_tag_is_led_to_its_locked_commit(served: CacheMaker, hub: Hub, cache: CacheMaker) -> None:
    """A tag that was moved at the Hub is no other case than a branch."""
    commit = served.repo("org/name", MODEL, refs=["v1"])
    served.repo("org/name", NEWER, refs=["v1", "main"])
    lock = lock_of(commit, MODEL, revision="v1")
    target = TARGET._replace(revision="v1")
    (result,) = apply_pull(plan_pull([target], cache.path, hub, lock=lock), hub)
    assert (result.state, result.commit) == ("complete", commit)
    assert read_ref(cache.path, TARGET.name, "v1") == commit
    assert main_of(cache) is None


def test_an_endpoint_without_the_locked_commit_leaves_all_as_it_is(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """A force-pushed history: nothing is fetched in its place."""
    served.repo("org/name", NEWER)
    result = pulled(cache, hub, lock_of("a" * 40, MODEL))
    assert result.error is not None
    assert result.error.exit_code == 1
    assert os.listdir(cache.path) == []


def tamper(maker: CacheMaker, content: bytes) -> None:
    """Change a bit of a blob, keeping its name, size and manifest."""
    folder = os.path.join(maker.folder("org/name"), "blobs")
    name = sha256(content) if content == WEIGHTS else git_sha1(content)
    changed = content[:-1] + bytes([content[-1] ^ 1])
    write(os.path.join(folder, name), changed)


def test_without_a_lock_the_bytes_must_be_what_the_hub_announces(
    served: CacheMaker, hub: Hub, cache: CacheMaker
) -> None:
    """The same bytes are refused, as wrong ones; a lock only changes who announces."""
    served.repo("org/name", MODEL)
    tamper(served, WEIGHTS)
    (result,) = apply_pull(plan_pull([TARGET], cache.path, hub), hub)
    assert isinstance(result.error, WrongBytes)
    assert (result.state, main_of(cache)) == ("missing", None)


@pytest.mark.compat
@pytest.mark.parametrize("version", tuple(compat_environments.VERSIONS))
def test_every_hub_version_pulls_as_locked(
    version: str, served: CacheMaker, endpoint: RunningHub, cache: CacheMaker, tmp_path: Path
) -> None:
    """Bytes that are not the locked ones are refused, another blob is replaced, main is led to."""
    commit = served.repo("org/name", MODEL)
    served.repo("org/name", NEWER)
    tamper(served, WEIGHTS)
    write_lock(lock_of(commit, MODEL)._replace(path=str(tmp_path / "swarmcache.lock")))

    def pull() -> tuple[str, str | None, str | None]:
        script = os.path.join(os.path.dirname(__file__), "locked_pull.py")
        done = subprocess.run(
            [
                str(compat_environments.python_of(version)),
                script,
                endpoint.url,
                cache.path,
                tmp_path,
            ],
            env={"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": SOURCE},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["version"] == version
        return answer["state"], answer["error"], answer["main"]

    assert pull() == ("missing", "LockMismatch", None)
    served.repo("org/name", MODEL)
    cache.repo("org/name", NEWER, commit=commit, refs=())
    assert pull() == ("complete", None, commit)
    assert pull() == ("complete", None, commit)
