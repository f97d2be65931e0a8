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
from swarmcache.project.containers.kept import PLACES
from swarmcache.project.effective.caches import uses
from swarmcache.project.effective.served import serves_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.loaders import Loader


_SHOWN = 3


def check(case: Case) -> Iterator[Finding]:
    """Find what loads models from a cache that nobody named: one finding for each such cache."""
    groups: dict[str, dict[str, Loader]] = {}
    for loader in case.project.loaders:
        root = loader.execution.root
        if root.kind == "notebook":
            continue  # Somebody sits before it, on whatever machine.
        if root.in_container:
            continue  # Its user and home are fixed; what counts there is a mount: SC201.
        if _leaves_place(loader, case) and _rests_on_default(loader, case):
            groups.setdefault(_path(loader, case), {}).setdefault(root.name, loader)
    for roots in groups.values():
        yield _found(list(roots.values()), case)


def _leaves_place(loader: Loader, case: Case) -> bool:
    """Tell whether a program may load something from the cache that it is not told."""
    if serves_folder(loader.execution):
        return False
    files = {one.source.file for one in case.project.modules if one.name in loader.modules}
    loads = [load for load in case.project.loads_in_python if load.span.file in files]
    return not loads or any(PLACES.isdisjoint(load.options) for load in loads)


def _path(loader: Loader, case: Case) -> str:
    first = next(uses(loader.execution, case.node.libraries), None)
    return first.hub.path if first is not None and first.hub is not None else ""


def _rests_on_default(loader: Loader, case: Case) -> bool:
    found = list(uses(loader.execution, case.node.libraries))
    return all(use.hub is not None and use.hub.decided_by == DEFAULT for use in found)


def _found(starts: Sequence[Loader], case: Case) -> Finding:
    loader, *others = starts
    loads = (load for load in case.project.loads if load.kind != "ollama")
    bare = [load for load in loads if "cache_dir" not in load.options]
    message = t(
        "{root} starts a program that loads models, and nothing names its cache: it is {path} for"
        " this user, and another folder for another user, under sudo, in a service or a container.",
        root=loader.execution.root.name,
        path=_path(loader, case),
    )
    if others:
        names = [one.execution.root.name for one in others]
        more = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
        message += " " + t("The same holds for {names}.", names=more)
    sites = [Evidence(load.span, t("loads without cache_dir")) for load in bare[:_SHOWN]]
    sites += [Evidence(one.execution.span, t("and so does this")) for one in others[:_SHOWN]]
    fix = Fix("display", t("Run swarmcache init, which writes one cache where it takes effect."))
    title = t("no explicit cache")
    return RULE.finding(title, message, loader.execution.span, evidence=sites, fix=fix)


RULE = Rule("SC101", "default-cache", "warning", "high", check)
