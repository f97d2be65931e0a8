"""A pull as a value: one weights format, what is cached already, whether it fits; then applied."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cachemaker import CacheMaker, git_sha1, sha256, tiny_safetensors, write
from swarmcache.environment import Environment
from swarmcache.errors import DiskFull
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.pull import apply_pull, plan_pull
from swarmcache.plans.pull.values import what_is_left_out
from swarmcache.plans.pull.wishes import Wishes
from swarmcache.serve.running import running
from swarmcache.transfer.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmcache.plans.pull import PlannedPull, Pulled
    from swarmcache.serve.running import RunningHub

WEIGHTS = tiny_safetensors(1)
MODEL = {
    "README.md": b"# read me",
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": b"{}",
    "tokenizer_config.json": b"{}",
}
OTHER_FORMATS = {
    "pytorch_model.bin": b"p" * 5000,
    "tf_model.h5": b"t" * 4000,
    "onnx/model.onnx": b"o" * 3000,
    "original/consolidated.00.pth": b"c" * 2000,
}
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
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


def planned(cache: str, hub: Hub, target: str = "org/name", **options: bool) -> PlannedPull:
    (model,) = plan_pull([parse_target(target)], cache, hub, wishes=Wishes(**options)).models
    return model


def pulled(cache: str, hub: Hub, target: str = "org/name", **options: bool) -> Pulled:
    (result,) = apply_pull(
        plan_pull([parse_target(target)], cache, hub, wishes=Wishes(**options)), hub
    )
    return result


def paths(files: object) -> list[str]:
    return sorted(file.path for file in files)  # type: ignore[attr-defined]


def test_a_plan_writes_nothing(served: CacheMaker, hub: Hub, cache: str) -> None:
    served.repo("org/name", MODEL)
    planned(cache, hub)
    assert not os.path.exists(cache)


def test_one_weights_format_is_fetched_and_the_saving_counted(
    served: CacheMaker, hub: Hub, cache: str
) -> None:
    served.repo("org/name", {**MODEL, **OTHER_FORMATS})
    model = planned(cache, hub)
    assert paths(model.fetch) == sorted(MODEL)
    assert paths(model.left_out) == sorted(OTHER_FORMATS)
    assert model.fetch_bytes == sum(len(content) for content in MODEL.values()) - len(b"{}")
    assert model.left_out_bytes == 14_000


def test_the_saving_is_said_with_names(served: CacheMaker, hub: Hub, cache: str) -> None:
    served.repo("org/name", {**MODEL, "pytorch_model.bin": b"p" * 5000})
    assert what_is_left_out(planned(cache, hub)) == (
        "Leaves out pytorch_model.bin, 5.0 kB: model.safetensors holds the same weights."
    )


def test_all_files_are_fetched_when_asked_for(served: CacheMaker, hub: Hub, cache: str) -> None:
    served.repo("org/name", {**MODEL, **OTHER_FORMATS})
    model = planned(cache, hub, all_files=True)
    assert paths(model.fetch) == sorted({**MODEL, **OTHER_FORMATS})
    assert model.left_out == ()


def test_a_dataset_is_fetched_whole(served: CacheMaker, hub: Hub, cache: str) -> None:
    files = {"train.parquet": b"d" * 100, "data/x.bin": b"x", "data/x.safetensors": WEIGHTS}
    served.repo("org/data", files, repo_type="dataset")
    result = pulled(cache, hub, "datasets/org/data")
    assert (result.files, result.ok, result.state) == (3, True, "complete")


def test_a_pull_makes_the_model_complete_and_points_the_ref_to_it(
    served: CacheMaker, hub: Hub, cache: str, endpoint: RunningHub
) -> None:
    commit = served.repo("org/name", {**MODEL, **OTHER_FORMATS})
    result = pulled(cache, hub)
    assert (result.state, result.commit, result.error) == ("complete", commit, None)
    assert (result.files, result.skipped_bytes, result.source) == (5, 14_000, endpoint.url)
    ref = os.path.join(cache, "models--org--name", "refs", "main")
    with open(ref, "rb") as file:
        assert file.read() == commit.encode()


def test_a_pull_by_commit_writes_no_ref(served: CacheMaker, hub: Hub, cache: str) -> None:
    commit = served.repo("org/name", MODEL)
    assert pulled(cache, hub, f"org/name@{commit}").state == "complete"
    assert not os.path.exists(os.path.join(cache, "models--org--name", "refs"))


def test_a_complete_model_makes_no_request(
    served: CacheMaker, hub: Hub, cache: str, endpoint: RunningHub
) -> None:
    served.repo("org/name", MODEL)
    pulled(cache, hub)
    endpoint.requests.clear()
    result = pulled(cache, hub)
    assert (result.state, result.files, result.source) == ("complete", 0, "")
    assert endpoint.requests == []


def test_a_complete_model_is_refreshed_when_asked_for(
    served: CacheMaker, hub: Hub, cache: str
) -> None:
    served.repo("org/name", MODEL)
    pulled(cache, hub)
    newer = served.repo("org/name", {**MODEL, "README.md": b"# newer"})
    model = planned(cache, hub, refresh=True)
    assert paths(model.fetch) == ["README.md"]
    assert paths(model.link) == sorted(set(MODEL) - {"README.md"})
    result = pulled(cache, hub, refresh=True)
    assert (result.commit, result.files, result.downloaded_bytes) == (newer, 1, len(b"# newer"))


def test_only_what_is_missing_travels(
    served: CacheMaker, hub: Hub, cache: str, endpoint: RunningHub
) -> None:
    served.repo("org/name", MODEL)
    pulled(cache, hub)
    blobs = os.path.join(cache, "models--org--name", "blobs")
    os.unlink(os.path.join(blobs, sha256(WEIGHTS)))
    endpoint.requests.clear()
    result = pulled(cache, hub)
    assert (result.state, result.files, result.downloaded_bytes) == ("complete", 1, len(WEIGHTS))
    bodies = [r.path for r in endpoint.requests if r.method == "GET" and "/resolve/" in r.path]
    assert [path.rpartition("/")[2] for path in bodies] == ["model.safetensors"]


def test_a_truncated_file_is_fetched_again(served: CacheMaker, hub: Hub, cache: str) -> None:
    served.repo("org/name", MODEL)
    pulled(cache, hub)
    blob = os.path.join(cache, "models--org--name", "blobs", sha256(WEIGHTS))
    os.chmod(blob, 0o644)
    os.truncate(blob, 100)
    model = planned(cache, hub)
    assert paths(model.again) == ["model.safetensors"]
    assert pulled(cache, hub).state == "complete"
    with open(blob, "rb") as file:
        assert file.read() == WEIGHTS


def test_a_truncated_blob_without_a_link_is_not_trusted(
    served: CacheMaker, hub: Hub, cache: str
) -> None:
    served.repo("org/name", MODEL)
    write(os.path.join(cache, "models--org--name", "blobs", git_sha1(b"# read me")), b"# re")
    assert paths(planned(cache, hub).again) == ["README.md"]
    assert pulled(cache, hub).state == "complete"


def test_a_plan_that_does_not_fit_writes_nothing(
    served: CacheMaker, hub: Hub, cache: str, endpoint: RunningHub
) -> None:
    served.repo("org/name", MODEL)
    plan = replace(plan_pull([TARGET], cache, hub), free_bytes=1000)
    with pytest.raises(DiskFull, match=r"has 1\.0 kB free, and 1\.3 kB are needed") as raised:
        list(apply_pull(plan, hub))
    assert raised.value.exit_code == 3
    # The plan's own requests are noted a moment after they were answered.
    fetched = [one.path for one in endpoint.requests if "/resolve/" in one.path]
    assert (os.path.exists(cache), fetched) == (False, [])


def test_free_space_is_that_of_the_disk_where_the_cache_will_be(
    served: CacheMaker, hub: Hub, cache: str, tmp_path: Path
) -> None:
    served.repo("org/name", MODEL)
    plan = plan_pull([TARGET], os.path.join(cache, "not", "yet"), hub)
    assert plan.free_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.05)


def test_one_failure_does_not_keep_the_others_from_arriving(
    served: CacheMaker, hub: Hub, cache: str
) -> None:
    served.repo("org/name", MODEL)
    plan = plan_pull([parse_target("org/none"), TARGET], cache, hub)
    first, second = apply_pull(plan, hub)
    assert first.error is not None
    assert first.error.exit_code == 1
    assert second.state == "complete"


def test_a_repo_that_lacks_a_shard_is_named_as_the_endpoints_fault(
    served: CacheMaker, hub: Hub, cache: str
) -> None:
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = json.dumps({"weight_map": dict(zip("ab", shards, strict=True))}).encode()
    files = {k: v for k, v in MODEL.items() if k != "model.safetensors"}
    files |= {"model.safetensors.index.json": index, shards[0]: WEIGHTS}
    served.repo("org/name", files)
    result = pulled(cache, hub)
    assert result.state == "incomplete"
    assert result.error is not None
    assert shards[1] in result.error.message


def test_a_target_named_twice_is_planned_once(served: CacheMaker, hub: Hub, cache: str) -> None:
    served.repo("org/name", MODEL)
    assert len(plan_pull([TARGET, TARGET], cache, hub).models) == 1


def test_progress_ends_at_the_total(served: CacheMaker, hub: Hub, cache: str) -> None:
    heard: list[tuple[str, str, int]] = []

    class Listener:
        def start(self, task: str, total: int) -> None:
            heard.append(("start", task, total))

        def advance(self, task: str, count: int) -> None:
            heard.append(("advance", task, count))

        def finish(self, task: str) -> None:
            heard.append(("finish", task, 0))

    served.repo("org/name", MODEL)
    list(apply_pull(plan_pull([TARGET], cache, hub), hub, Listener()))
    total = sum(len(content) for content in MODEL.values()) - len(b"{}")
    assert heard[0] == ("start", "org/name", total)
    assert sum(count for what, _, count in heard if what == "advance") == total
    assert heard[-1] == ("finish", "org/name", 0)
