"""What tests of `clean` share: real caches, plans carried out, and what a cache holds on disk."""

from __future__ import annotations

import os
import pathlib
import pickle
import traceback
from stat import S_ISREG
from typing import TYPE_CHECKING

from cachemaker import tiny_safetensors
from faults.pulling import DYING
from swarmcache.environment import Environment
from swarmcache.hubcache.layout import parse_target
from swarmcache.plans.clean import Named, plan_clean
from swarmcache.plans.clean.applying import apply_clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.plans.clean import Cleaned, CleanPlan, Pin, Wishes

SMALL = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b"{ }",
}


def model(seed: int = 1, **more: bytes) -> dict[str, bytes]:
    """Return the files of a model that loading accepts."""
    return {**SMALL, "model.safetensors": tiny_safetensors(seed), **more}


def named(text: str) -> Named:
    """Return what the command line makes of a model's name."""
    target = parse_target(text)
    return Named(target.name, target.revision if "@" in text else None)


def cleaned(
    cache: str, wishes: Wishes, *, pins: Sequence[Pin] = ()
) -> tuple[CleanPlan, list[Cleaned]]:
    """Plan and carry out."""
    environment = Environment.current()
    plan = plan_clean(cache, environment, wishes, pins=pins)
    return plan, list(apply_clean(plan, environment))


def cleaned_in_child(
    cache: str, wishes: Wishes, *, pins: Sequence[Pin] = (), die_at: int = 0
) -> tuple[CleanPlan, list[Cleaned]] | None:
    """Plan and carry out in a process of its own, for which this one is a stranger.

    It dies before its `die_at`-th change to the disk; then None is returned.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            if die_at:
                os.environ |= {"DIE_AT": str(die_at), "DIE_IN": os.path.dirname(cache)}
                exec(DYING, {"__name__": "dying"})
            try:
                found: object = cleaned(cache, wishes, pins=pins)
            except BaseException:  # noqa: BLE001 - told to the parent
                found = traceback.format_exc()
            with os.fdopen(writing, "wb") as file:
                pickle.dump(found, file)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        told = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert die_at, status
        return None
    result = pickle.loads(told)
    assert not isinstance(result, str), result
    return result  # type: ignore[no-any-return]


def inodes(*folders: str) -> dict[tuple[int, int], int]:
    """Return the allocated bytes of each regular file's inode, our own state and locks left out."""
    found: dict[tuple[int, int], int] = {}
    for folder in folders:
        for path, below, names in os.walk(folder):
            if os.path.basename(path) == ".locks":
                below.clear()
                continue
            for name in names:
                status = os.lstat(os.path.join(path, name))
                if S_ISREG(status.st_mode) and not name.endswith(".lock"):
                    found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return found


def tree(folder: str) -> dict[str, bytes | str]:
    """Return path -> content, or a link's text, of everything but locks and our own state."""
    found: dict[str, bytes | str] = {}
    for path, below, names in os.walk(folder):
        if os.path.basename(path) == ".locks":
            below.clear()
            continue
        for name in [*names, *(one for one in below if os.path.islink(f"{path}/{one}"))]:
            whole = os.path.join(path, name)
            if name.endswith(".lock"):
                continue
            where = os.path.relpath(whole, folder)
            if os.path.islink(whole):
                found[where] = os.readlink(whole)
            else:
                with open(whole, "rb") as file:
                    found[where] = file.read()
    return found


def contents(snapshot: str) -> dict[str, bytes]:
    """Return path -> bytes of a snapshot, as a reader gets them; FileNotFoundError for a gap."""
    found = {}
    for path, _, names in os.walk(snapshot):
        for name in names:
            whole = os.path.join(path, name)
            with open(whole, "rb") as file:
                found[os.path.relpath(whole, snapshot)] = file.read()
    return found


def snapshots(cache: str) -> dict[str, dict[str, bytes]]:
    """Return what a reader gets of each snapshot, by its path."""
    found = pathlib.Path(cache).glob("m*/snapshots/" + "[0-9a-f]" * 40)
    return {str(path): contents(str(path)) for path in found}


def is_below(path: str, root: str) -> bool:
    """Tell whether a path is `root`, its manifest, or in it."""
    return path in {root, f"{root}.refs"} or path.startswith(root + "/")
