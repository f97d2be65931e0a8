"""SC505: the owner or mode of a whole cache is changed at each start.

`chown -R` walks every file of a cache that may hold hundreds of gigabytes, and takes it away from
whoever shares it: another user, another container with another uid. `chmod -R` opens tokens.

In a container that is so where its cache lies in a mount.

What it cannot know: paths that only running the script tells.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.doctor.caches import known_caches
from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.containers.kept import container_caches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.executions import Execution
    from swarmcache.project.sources import Span


def check(case: Case) -> Iterator[Finding]:
    """Find each such command once."""
    seen: set[Span] = set()
    ours = known_caches(case)
    mounted: dict[Span | None, list[str]] = {}
    for cache in container_caches(case.project, case.node.libraries):
        if cache.lasts:
            mounted.setdefault(cache.container.span, []).append(cache.path)
    for execution in case.project.executions:
        root = execution.root
        caches = mounted.get(root.span, ()) if root.in_container else ours
        if execution.span in seen:
            continue
        for path in _changed(execution):
            if any(f"{cache}/".startswith(f"{path.rstrip('/')}/") for cache in caches):
                seen.add(execution.span)
                yield _found(execution, path)
                break


def _changed(execution: Execution) -> Iterator[str]:
    """Yield the folders that a recursive chown or chmod goes through."""
    words = execution.program.words
    if execution.program.name not in {"chown", "chmod", "chgrp"}:
        return
    options = [word or "" for word in words[1:] if (word or "").startswith("-")]
    if not any("R" in one or one == "--recursive" for one in options):
        return
    given = [w for w in execution.words()[1:] if not (w.known and w.known[0].startswith("-"))]
    for path in (path for word in given[1:] for path in word.known):
        if path and (path.startswith("/") or execution.cwd):
            yield os.path.normpath(os.path.join(execution.cwd or "/", path))


def _found(execution: Execution, path: str) -> Finding:
    message = t(
        "{command} goes through all of {path}, where models are kept: slow, and whoever shares"
        " them with another user or uid loses them.",
        command=execution.program.name,
        path=path,
    )
    fix = Fix("display", t("Set owner and group once, with setgid folders, not at each start."))
    return RULE.finding(
        t("changes a whole cache's owner or mode"), message, execution.span, fix=fix
    )


RULE = Rule("SC505", "chown-cache", "warning", "high", check)
