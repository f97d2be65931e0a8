"""`status` for programs: `swarmcache.status/1`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.usage import physical_bytes
from swarmcache.report.json import document, utc
from swarmcache.report.users_json import users_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmcache.hubcache.locate import Location
    from swarmcache.hubcache.problems import Problem
    from swarmcache.hubcache.usage import CacheUsage, RepoUsage
    from swarmcache.hubcache.use.users import Users


def status_document(
    locations: Sequence[Location],
    usages: Sequence[CacheUsage],
    stale_locks: Sequence[int],
    users: Sequence[Users],
) -> str:
    """Return the document of one cache, or of several under `caches` with common totals.

    `stale_locks` tells of each cache how many locks dead processes have left; `users` who uses it,
    or is empty where nobody asked.
    """
    caches = [_cache(*each) for each in zip(locations, usages, stale_locks, strict=True)]
    for cache, found in zip(caches, users, strict=False):
        cache["users"] = users_field(found)
    if len(caches) == 1:
        return document("status", **caches[0])
    totals = {
        "repos": sum(len(usage.repos) for usage in usages),
        "size_bytes": sum(usage.size for usage in usages),
        "physical_bytes": physical_bytes(usages),
    }
    return document("status", caches=caches, totals=totals)


def _cache(location: Location, usage: CacheUsage, stale_locks: int) -> dict[str, object]:
    return {
        "cache": {
            "path": usage.path,
            "decided_by": location.decided_by,
            "lost": [{"name": c.name, "path": c.path} for c in location.lost],
            "warnings": list(location.warnings),
            "exists": os.path.isdir(usage.path),
            "writable": usage.writable,
            "free_bytes": usage.free,
        },
        "repos": [_repo(repo) for repo in usage.repos],
        "leftovers": {
            "partial_bytes": usage.leftover_bytes("partial"),
            "temporary_bytes": usage.leftover_bytes("temporary"),
            "orphan_bytes": usage.leftover_bytes("orphan"),
            "stale_locks": stale_locks,
            "xet_bytes": usage.leftover_bytes("xet"),
            "legacy_bytes": usage.leftover_bytes("legacy"),
        },
        "problems": _problems(usage.problems),
        "totals": {
            "repos": len(usage.repos),
            "size_bytes": usage.size,
            "physical_bytes": usage.physical,
        },
    }


def _repo(repo: RepoUsage) -> dict[str, object]:
    return {
        "id": repo.name.id,
        "type": repo.name.type,
        "state": repo.state,
        "size_bytes": repo.size,
        "physical_bytes": repo.physical,
        "last_used": utc(repo.last_used or None),
        "revisions": [
            {
                "commit": revision.commit,
                "refs": list(revision.refs),
                "files": revision.files,
                "size_bytes": revision.size,
                "state": revision.outcome.state,
            }
            for revision in repo.revisions
        ],
        "problems": _problems(repo.problems),
    }


def _problems(problems: Iterable[Problem]) -> list[dict[str, str]]:
    return [{"kind": p.kind, "path": p.path, "message": p.message} for p in problems]
