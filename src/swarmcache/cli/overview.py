"""`swarmcache` alone: this project and its cache in ten lines, and exactly one next step."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.errors import ProjectError
from swarmcache.hubcache.complete.integrity import Missing
from swarmcache.hubcache.complete.pins import check_pinned
from swarmcache.hubcache.folder import cache_exists
from swarmcache.hubcache.usage import free_bytes
from swarmcache.locale import t, tn
from swarmcache.report.check_json import model_entry
from swarmcache.report.check_text import describe
from swarmcache.report.json import document
from swarmcache.report.status_text import who_decided
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.cli.invocation import Invocation
    from swarmcache.hubcache.complete.integrity import Outcome
    from swarmcache.hubcache.layout import Target
    from swarmcache.project.needs.models import Needs

    Pairs = Sequence[tuple[Target, Outcome]]

_LINES = 10
"""What the whole takes at most."""
_WARNINGS_SHOWN = 2


def show_overview(invocation: Invocation) -> None:
    """Say where things stand in the working directory."""
    needs = _needs(invocation)
    cache = invocation.location.path
    here = cache_exists(cache, named=invocation.cache_dir is not None)
    pairs = [(target, _look(invocation, target, here=here)) for target in needs.targets]
    if invocation.json:
        invocation.terminal.out(_document(invocation, pairs, here=here))
    else:
        invocation.terminal.lines(_lines(invocation, pairs))


def _lines(invocation: Invocation, pairs: Pairs) -> Iterator[str]:
    terminal, location = invocation.terminal, invocation.location
    yield _project_line(invocation.project, pairs)
    who = who_decided(location.decided_by)
    yield t("Cache: {path} (decided by {who})", path=location.path, who=who)
    warnings = location.warnings[:_WARNINGS_SHOWN]
    yield from (f"{terminal.warn} {warning}" for warning in warnings)
    yield t("Free on its disk: {free}", free=human_bytes(free_bytes(location.path)))
    room = _LINES - 4 - len(warnings)
    shown = pairs if len(pairs) <= room else pairs[: room - 1]
    yield from (describe(terminal, target, outcome) for target, outcome in shown)
    if len(pairs) > len(shown):
        yield t("… and {n} more", n=len(pairs) - len(shown))
    yield terminal.next_step(_next_step(invocation, pairs))


def _document(invocation: Invocation, pairs: Pairs, *, here: bool) -> str:
    location = invocation.location
    return document(
        "overview",
        project=invocation.project,
        cache={
            "path": location.path,
            "decided_by": location.decided_by,
            "warnings": list(location.warnings),
            "exists": here,
            "free_bytes": free_bytes(location.path),
        },
        models=[model_entry(target, outcome) for target, outcome in pairs],
        next=invocation.terminal.command(_next_step(invocation, pairs)),
    )


def _needs(invocation: Invocation) -> Needs:
    from swarmcache.project.needs.models import Needs, needed_models  # noqa: PLC0415 - may read YAML

    try:
        return needed_models(
            invocation.project, invocation.environment, settings_models=invocation.settings.models
        )
    except ProjectError as error:
        invocation.terminal.say(f"{invocation.terminal.warn} {error.message}")
        return Needs((), (), (), (), certain=True)


def _look(invocation: Invocation, target: Target, *, here: bool) -> Outcome:
    if not here:
        return Missing(reason=t("The cache is still empty."))
    cache, tiers = invocation.location.path, invocation.settings.tiers
    return check_pinned(target, cache, invocation.lock, tiers=tiers)


def _project_line(project: str, pairs: Pairs) -> str:
    if not pairs:
        return t("Project: {folder}; no model is named in its configuration", folder=project)
    size = human_bytes(sum(outcome.size for _, outcome in pairs))
    return tn(
        "Project: {folder}; loads {n} model, {size} of it cached",
        "Project: {folder}; loads {n} models, {size} of them cached",
        len(pairs),
        folder=project,
        size=size,
    )


def _next_step(invocation: Invocation, pairs: Pairs) -> str:
    """Return the one command to type next: what is missing first, then the start."""
    if not pairs:
        return "swarmcache status"
    if any(outcome.state != "complete" for _, outcome in pairs):
        return "swarmcache pull"
    command = invocation.settings.launch_command or _run_script(invocation.project)
    return f"swarmcache run -- {command}" if command else "swarmcache run -- CMD"


def _run_script(project: str) -> str | None:
    """Return the project's start script as one would type it, or None when it has no clear one."""
    return next((f"./{name}" for name in sorted(_scripts(project)) if name.startswith("run")), None)


def _scripts(project: str) -> Iterator[str]:
    names: Sequence[str] = os.listdir(project)
    for name in names:
        if name.endswith(".sh") and os.access(os.path.join(project, name), os.X_OK):
            yield name
