"""SC101: no explicit cache, so everything rests on a default.

The default depends on the user, on HOME and on the container, so that another user, `sudo`, a
service or an image finds another cache, and nobody reading the project can tell which. Containers
have a user and a home of their own: there it is SC201 that tells.

What it cannot know: variables that people set in their shell's profile, unless they are set where
`swarmcache doctor` is run; and settings that a program makes itself before it loads anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.locate import DEFAULT
from swarmcache.locale import t
from swarmcache.project.effective.caches import uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.loaders import Loader


def check(case: Case) -> Iterator[Finding]:
    """Find the first program of each root that loads models from a cache that nobody named."""
    seen: set[str] = set()
    for loader in case.project.loaders:
        root = loader.execution.root.name
        if loader.execution.root.in_container:
            continue  # Its user and home are fixed; what counts there is a mount: SC201.
        if root in seen or not _rests_on_default(loader, case):
            continue
        seen.add(root)
        yield _found(loader, case)


def _rests_on_default(loader: Loader, case: Case) -> bool:
    found = list(uses(loader.execution, case.node.libraries))
    return all(use.hub is not None and use.hub.decided_by == DEFAULT for use in found)


def _found(loader: Loader, case: Case) -> Finding:
    (first, *_) = uses(loader.execution, case.node.libraries)
    path = first.hub.path if first.hub is not None else ""
    loads = (load for load in case.project.loads if load.kind != "ollama")
    bare = [load for load in loads if "cache_dir" not in load.options]
    message = t(
        "{root} starts a program that loads models, and nothing names its cache: it is {path} for"
        " this user, and another folder for another user, under sudo, in a service or a container.",
        root=loader.execution.root.name,
        path=path,
    )
    sites = (Evidence(load.span, t("loads without cache_dir")) for load in bare[:3])
    fix = Fix("display", t("Run swarmcache init, which writes one cache where it takes effect."))
    title = t("no explicit cache")
    return RULE.finding(title, message, loader.execution.span, evidence=sites, fix=fix)


RULE = Rule("SC101", "default-cache", "warning", "high", check)
