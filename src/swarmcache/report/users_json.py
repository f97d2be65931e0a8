"""Who uses a cache now, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.report.json import utc

if TYPE_CHECKING:
    from swarmcache.hubcache.use.users import User, Users


def users_field(found: Users) -> dict[str, object]:
    """Return the field `users` of a cache in `swarmcache.status/1`."""
    return {
        "processes": [_process(user) for user in found.users],
        "uninspected_processes": found.uninspected,
        "open_files_visible": found.visible,
    }


def _process(user: User) -> dict[str, object]:
    return {
        "pid": user.pid,
        "command": " ".join(user.command),
        "user": user.account or None,
        "near": user.near,
        "host": user.host or None,
        "leased_since": utc(user.since),
        "repos": [
            {"id": repo.id, "type": repo.type, "files": list(files)}
            for repo, files in user.repos.items()
        ],
    }
