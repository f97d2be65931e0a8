"""What may make room for another model: commits that swarmcache itself brought, once agreed to.

    .locks/.swarmcache/ledger/fetched/<repo folder>     one commit a line
                             /evicting                  the budget agreed to, in bytes

What others have put into the cache is theirs to remove. Without these files nothing is evicted.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmcache.hubcache.belonging import opened
from swarmcache.hubcache.layout import folder_name, is_commit, parse_folder_name
from swarmcache.hubcache.publishing import write_whole
from swarmcache.hubcache.state import file_mode, state_folder

if TYPE_CHECKING:
    from collections.abc import Collection

    from swarmcache.environment import Environment
    from swarmcache.hubcache.layout import RepoName

FOLDER = "ledger/fetched"
_AGREED = "ledger/evicting"


def note_fetched(cache: str, environment: Environment, repo: RepoName, commit: str) -> None:
    """Record that swarmcache brings this commit; never raises: without, it is not evicted."""
    state = state_folder(cache, environment)
    if not state.writable:
        return
    with suppress(OSError):
        state.folder("ledger")
        path = f"{state.folder(FOLDER)}/{folder_name(repo)}"
        if commit in _commits(path):
            return
        handle = opened(path, os.O_WRONLY | os.O_APPEND)
        try:
            with suppress(OSError):
                os.fchmod(handle, file_mode(state.mode))
            os.write(handle, f"{commit}\n".encode("ascii"))
        finally:
            os.close(handle)


def fetched_commits(cache: str, environment: Environment) -> dict[RepoName, frozenset[str]]:
    """Return the commits of each repo that swarmcache brought, cached or not."""
    found: dict[RepoName, frozenset[str]] = {}
    for folder in state_folder(cache, environment).sources(FOLDER):
        with suppress(OSError):
            for name in os.listdir(folder):
                repo = parse_folder_name(name)
                if repo is not None:
                    found[repo] = found.get(repo, frozenset()) | _commits(f"{folder}/{name}")
    return found


def forget_fetched(
    cache: str, environment: Environment, repo: RepoName, commits: Collection[str] | None = None
) -> None:
    """Forget commits that are removed, or all of a repo; never raises.

    Whoever brings them again, they are no longer ours.
    """
    state = state_folder(cache, environment)
    for folder in state.sources(FOLDER):
        path = f"{folder}/{folder_name(repo)}"
        known = _commits(path)
        left = frozenset[str]() if commits is None else known.difference(commits)
        with suppress(OSError):
            if known and not left:
                os.unlink(path)
            elif left != known:
                text = "".join(f"{commit}\n" for commit in sorted(left))
                write_whole(path, text, mode=file_mode(state.mode))


def agree(cache: str, environment: Environment, budget: int) -> None:
    """Record that models may be evicted to keep this budget, in bytes; never raises."""
    state = state_folder(cache, environment)
    if state.writable:
        with suppress(OSError):
            state.folder("ledger")
            path = f"{state.path}/{_AGREED}"
            write_whole(path, f"{budget}\n", mode=file_mode(state.mode))


def is_agreed(cache: str, environment: Environment, budget: int) -> bool:
    """Tell whether somebody has agreed to evictions for this budget, or for a smaller one."""
    for path in state_folder(cache, environment).sources(_AGREED):
        with suppress(OSError, ValueError), open(path, encoding="ascii") as file:
            return int(file.read(32)) <= budget
    return False


def _commits(path: str) -> frozenset[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return frozenset(line for line in file.read().splitlines() if is_commit(line))
    except OSError:
        return frozenset()
