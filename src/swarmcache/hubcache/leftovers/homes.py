"""What lies beside a cache folder and belongs to it: Xet's files, flat files of old transformers.

A place belongs to a cache if the cache is `<X>/hub` and the place is below X, or if both are what
this environment's variables lead to. Another cache's places are none of ours.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.locate import home_folder, locate, locate_xet
from swarmcache.hubcache.scan import Leftover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from swarmcache.environment import Environment
    from swarmcache.hubcache.libraries import Libraries
    from swarmcache.hubcache.usage import CacheUsage

_TORCH_FOLDERS = ("transformers", "pytorch_transformers")
"""Where transformers before 4.0 and its forerunner kept their files, below torch's home."""


def with_home(
    usage: CacheUsage, environment: Environment, libraries: Callable[[], Libraries]
) -> CacheUsage:
    """Return a usage with the leftovers of the cache's home; `libraries` are asked if need be."""
    cache = os.path.realpath(usage.path)
    xet, flat = xet_folders(cache, environment), flat_folders(cache, environment)
    if not (xet or flat or any(left.kind == "legacy" for left in usage.leftovers)):
        return usage  # As nearly always: no more is imported.
    from swarmcache.hubcache.leftovers.chunk_caches import chunk_caches  # noqa: PLC0415
    from swarmcache.hubcache.leftovers.flat_files import flat_files, still_read  # noqa: PLC0415

    dead = [one for folder in xet for one in chunk_caches(folder) if one.why_kept is None]
    outside = [Leftover("xet", one.path, one.physical) for one in dead]
    paths = [path for folder in flat for path in flat_files(folder)]
    outside += [Leftover("legacy", path, os.lstat(path).st_blocks * 512) for path in paths]
    is_flat = any(left.kind == "legacy" for left in (*usage.leftovers, *outside))
    read = is_flat and still_read(libraries()) is not None
    return usage._replace(outside=tuple(outside), spared=frozenset({"legacy"} if read else ()))


def xet_folders(cache: str, environment: Environment) -> list[str]:
    """Return where Xet keeps its files for a cache, named by its real path; real folders only."""
    places = _siblings(cache, "xet")
    if _is_effective(cache, environment):
        places.append(locate_xet(environment).path)
    return list(dict.fromkeys(_real(places)))


def flat_folders(cache: str, environment: Environment) -> list[str]:
    """Return where transformers before 4.22 kept its files beside a cache; real folders only."""
    places = _siblings(cache, "transformers")
    if _is_effective(cache, environment):
        places.append(home_folder(environment, "transformers").path)
        places += [f"{_torch_home(environment)}/{name}" for name in _TORCH_FOLDERS]
    return [place for place in dict.fromkeys(_real(places)) if place != cache]


def _siblings(cache: str, name: str) -> list[str]:
    home, last = os.path.split(cache)
    return [f"{home}/{name}"] if last == "hub" else []


def _is_effective(cache: str, environment: Environment) -> bool:
    return os.path.realpath(locate(environment).path) == cache


def _torch_home(environment: Environment) -> str:
    """Return torch's cache, as transformers 4.21 finds it (`file_utils.py`)."""
    named = environment.get("TORCH_HOME")
    if named is None:
        base = environment.get("XDG_CACHE_HOME") or os.path.join(environment.home, ".cache")
        named = os.path.join(base, "torch")
    return environment.absolute(environment.expand_user(named))


def _real(places: Iterable[str]) -> Iterator[str]:
    """Yield the real paths of those that are folders, and no links."""
    for place in places:
        if os.path.isdir(place) and not os.path.islink(place):
            yield os.path.realpath(place)
