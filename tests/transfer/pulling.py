"""Pulls in this process, with bounds so small that nothing waits long."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from swarmcache.environment import Environment
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.pull import apply_pull, plan_pull
from swarmcache.plans.pull.wishes import Wishes
from swarmcache.transfer.bounds import Bounds
from swarmcache.transfer.hub import Hub
from transfer.faulty_hub import Noise, Repo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.plans.pull import Pulled
    from transfer.faulty_hub.content import Content

QUICK = Bounds(connect=0.5, answer=0.5, stall=0.5, listing=2.0, attempts=4, others=2.0)
LARGE, SMALL = "large.bin", "small.txt"
"""A file of LFS that is fetched by ranges, and one that git keeps."""
SIZE = 3_000_000
NOISE = Noise(SIZE, seed=1)
OTHER = Noise(SIZE, seed=2)
TEXT = b"one of the small ones\n"


def repo(**traits: object) -> Repo:
    """Return a repo with both; nothing tells what loading it would need."""
    return Repo("org/name", {LARGE: NOISE, SMALL: TEXT}, **traits)  # type: ignore[arg-type]


def pull(  # noqa: PLR0913 - each keyword is one circumstance
    cache: str | os.PathLike[str],
    *endpoints: str,
    target: str = "org/name",
    bounds: Bounds = QUICK,
    tiers: Sequence[str] = (),
    environment: Environment | None = None,
    max_rate: int | None = None,
) -> Pulled:
    """Pull all files of one repo, as the command does, and return how it came out."""
    here = environment or Environment.current()
    with Hub(endpoints, here, bounds=bounds, max_rate=max_rate) as hub:
        wishes = Wishes(all_files=True, refresh=True)
        targets = [parse_target(target)]
        plan = plan_pull(targets, os.fspath(cache), hub, wishes=wishes, tiers=tiers)
        (result,) = apply_pull(plan, hub)
    return result


def told(result: Pulled) -> tuple[str, int]:
    """Return the kind and the exit code of a failure."""
    assert result.error is not None, "it went well"
    return type(result.error).__name__, result.error.exit_code


def holds(cache: str | os.PathLike[str], commit: str, path: str, content: Content | bytes) -> bool:
    """Tell whether the cache shows a file of a commit with this content."""
    expected = content if isinstance(content, bytes) else whole(content)
    try:
        with open(f"{cache}/models--org--name/snapshots/{commit}/{path}", "rb") as file:
            return file.read() == expected
    except FileNotFoundError:
        return False


def whole(content: Content) -> bytes:
    """Return all bytes of a content."""
    return b"".join(bytes(piece) for piece in content.pieces(0, content.size))


def published(cache: str | os.PathLike[str]) -> set[str]:
    """Return everything of repos in a cache: what a client would see, and blobs."""
    found = set()
    for folder, folders, files in os.walk(cache):
        folders[:] = [name for name in folders if name not in {".locks", "trees"}]
        found |= {os.path.relpath(f"{folder}/{name}", cache) for name in files}
    return found


def blob(content: Content | bytes) -> str:
    """Return where the cache keeps a content of LFS."""
    data = content if isinstance(content, bytes) else whole(content)
    return f"models--org--name/blobs/{hashlib.sha256(data).hexdigest()}"
