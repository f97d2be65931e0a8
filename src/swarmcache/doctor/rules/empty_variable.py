"""SC104: a variable is set and empty, which is not the same as unset.

`HF_HUB_CACHE=""` is the working directory, `HF_HOME=""` is `hub` below it, and `MODEL_NAME=""` is
a model with no name. Nothing but Enter at a prompt does it too, where it was exported before.

What it cannot know: what people type, and code that treats empty as unset before it loads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.locale import t
from swarmcache.project.assignments import assigned, unset
from swarmcache.project.effective.caches import uses
from swarmcache.project.mentions import mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.effective.values import Setting
    from swarmcache.project.sources import Span


def check(case: Case) -> Iterator[Finding]:
    """Find empty variables that decide a cache or a model, each place once."""
    seen: set[tuple[str, Span]] = set()
    for loader in case.project.loaders:
        for name, setting, message in (*_caches(loader, case), *_models(loader, case)):
            span = setting.span or loader.execution.span
            if (name, span) not in seen:
                seen.add((name, span))
                fix = _fix(name, setting, case)
                yield _found(setting, message, span, fix)


def _caches(loader: Loader, case: Case) -> Iterator[tuple[str, Setting, str]]:
    for use in uses(loader.execution, case.node.libraries):
        for place in (use.hub, use.transformers):
            if place is None:
                continue
            setting = use.settings.get(place.decided_by)
            if setting is not None and setting.value == "" and place.decided_by != "HOME":
                message = t(
                    "{name} is set and empty, so that the cache is {path}: a folder that depends on"
                    " where the program is started.",
                    name=place.decided_by,
                    path=place.path,
                )
                yield place.decided_by, setting, message


def _models(loader: Loader, case: Case) -> Iterator[tuple[str, Setting, str]]:
    """Yield variables of `oc.env` that name a model: empty is not the default."""
    for one in case.project.loads_in_configs:
        name = one.load.name.variable if one.load.name is not None else ""
        if not name or one.config.loader is not loader:
            continue
        for setting in loader.execution.variable(name):
            if setting is not None and setting.value == "":
                message = t(
                    "{name} is set and empty where {file} reads it: that is a model with no name,"
                    " not the default.",
                    name=name,
                    file=one.load.span.file,
                )
                yield name, setting, message


def _fix(name: str, setting: Setting, case: Case) -> Fix:
    """Return how it becomes unset: safe where nothing else in the project reads it."""
    description = t("Unset it where it is empty: unset {name}", name=name)
    source = case.project.source(setting.span.file) if setting.span is not None else None
    if setting.way not in {"script", "service"} or setting.span is None:
        return Fix("display", description)
    place = assigned(source, setting.span, name)
    edit = unset(place) if place is not None and place.text in {"", '""', "''"} else None
    if edit is None:
        return Fix("display", description)
    read = any(one.used for one in mentions(case.project, name))
    return Fix("unsafe" if read else "safe", description, (edit,))


def _found(setting: Setting, message: str, span: Span, fix: Fix) -> Finding:
    if setting.way == "prompt":
        message += " " + t("It was exported before, and Enter at the prompt empties it.")
    return RULE.finding(t("a variable that is set and empty"), message, span, fix=fix)


RULE = Rule("SC104", "empty-variable", "error", "high", check)
