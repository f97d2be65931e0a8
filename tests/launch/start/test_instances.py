"""What names an instance, and the GPU that it gets."""

from __future__ import annotations

import pytest

from swarmcache.environment import Environment
from swarmcache.launch.start.instances import Instance, is_instance_name, parse_gpus

UUID = "GPU-8f5c6a4e-0e3c-4a36-9a7a-1f2d3c4b5a69"


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("0", ("0",)),
        ("0-3", ("0", "1", "2", "3")),
        ("0,2, 4-5", ("0", "2", "4", "5")),
        ("3,0-1,1", ("3", "0", "1")),
        (UUID, (UUID,)),
    ],
)
def test_gpus_are_named_by_numbers_ranges_and_ids(text: str, gpus: tuple[str, ...]) -> None:
    """Each once, in the order of the command line."""
    assert parse_gpus(text) == gpus


@pytest.mark.parametrize("text", ["", ",", "3-1", "-1", "a", "0;1", "0-1-2", "0,", "99999"])
def test_anything_else_names_no_gpu(text: str) -> None:
    """A typo must not start a trainer on the wrong card."""
    with pytest.raises(ValueError, match=r".*"):
        parse_gpus(text)


@pytest.mark.parametrize(
    ("name", "fits"),
    [("0", True), ("node-3.a", True), ("", False), ("../x", False), ("-x", False), ("a b", False)],
)
def test_a_name_can_be_a_files_too(name: str, fits: bool) -> None:
    """It stands in the names of its log and of its draws."""
    assert is_instance_name(name) is fits


def test_an_instance_changes_only_its_own_variables() -> None:
    """CUDA then counts as nvidia-smi does, unless the user decided that."""
    outer = Environment({"A": "1"}, "/h", "/w")
    assert Instance().environment(outer) == outer
    assert Instance("a").environment(outer).variables == {"A": "1", "SWARMCACHE_INSTANCE": "a"}
    assert Instance("3", "3").environment(outer).variables == {
        "A": "1",
        "SWARMCACHE_INSTANCE": "3",
        "CUDA_VISIBLE_DEVICES": "3",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
    }
    decided = outer._replace(variables={"CUDA_DEVICE_ORDER": "FASTEST_FIRST"})
    assert Instance("3", "3").environment(decided).get("CUDA_DEVICE_ORDER") == "FASTEST_FIRST"
