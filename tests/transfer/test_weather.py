"""Any mixture of faults: a pull ends in time, with right bytes or with none."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from transfer.faulty_hub import FaultyHub, Noise, Repo, faults
from transfer.pulling import holds, published, pull

if TYPE_CHECKING:
    import pathlib

    from transfer.faulty_hub.faults import Fault

pytestmark = pytest.mark.usefixtures("short_pauses")
FILES = {
    **{f"{number}.txt": b"%d" % number * 50 for number in range(25)},
    **{f"{number}.bin": Noise(1_200_000 + number, seed=number) for number in range(6)},
}


def weather(chance: random.Random) -> Fault:
    """Return a fault, often one that a retry gets over."""
    return chance.choice(
        [
            faults.cut(chance.random()),
            faults.cut(chance.random(), reset=True),
            faults.silent(chance.choice([None, 0, 0.5])),
            faults.refused(chance.choice([408, 429, 500, 503])),
            faults.whole_file(),
            faults.headers(etag=f'"{chance.random()}"'),
            faults.no_length(),
            faults.wrong_length(chance.choice([-7, 7])),
            faults.wrong_bytes(chance.random()),
            faults.shifted_range(),
            faults.range_refused(),
            faults.redirect_loop(),
            faults.gzipped(labelled=chance.random() < 0.5),
            faults.page(),
        ]
    )


@pytest.mark.parametrize("seed", range(6))
def test_any_weather_ends_in_right_bytes_or_none(tmp_path: pathlib.Path, seed: int) -> None:
    """And once it is fair, the next pull finishes what the last one began."""
    chance = random.Random(seed)
    repo = Repo("org/name", FILES)
    with FaultyHub(repo, cdn=bool(seed % 2)) as hub, FaultyHub(repo) as mirror:
        for server in (hub, mirror):
            for _ in range(60):
                route = chance.choice(["resolve", "cdn"])
                server.add(weather(chance), route=route, skip=chance.randrange(60), times=1)
        for _ in range(6):
            began = time.monotonic()
            result = pull(tmp_path, hub.url, mirror.url)
            assert time.monotonic() - began < 20
            if result.error is None:
                break
            assert not any("snapshots" in path for path in published(tmp_path))
        hub.mend()
        mirror.mend()
        result = pull(tmp_path, hub.url, mirror.url)
    assert result.error is None
    assert all(holds(tmp_path, repo.main, path, content) for path, content in FILES.items())
    assert len(list((tmp_path / ".locks" / ".swarmcache" / "partial").iterdir())) == 0
