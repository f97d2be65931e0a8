"""SC703: models that the project needs are missing, incomplete or damaged, or checked wrongly.

What is looked at are the caches that its programs use, without the network, as `swarmcache check`
does. A check of its own that a script makes is held against the Hub's layout: a name with one dash
for the slash (`models--org-name`) is found nowhere, another folder than the programs' tells nothing
of theirs, and a folder that exists need not be complete.

What it cannot know: which config is loaded where several differ (then it says nothing), and what
lies in a container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.caches import for_cache, used_caches
from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.needed import needed_states, place_of
from swarmcache.doctor.rule import Rule
from swarmcache.locale import listed, t
from swarmcache.project.commands.homemade import homemade_checks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.doctor.needed import NeededState
    from swarmcache.project.commands.homemade import Homemade


def check(case: Case) -> Iterator[Finding]:
    """Find each damaged and incomplete model, all missing ones as one, then homemade checks."""
    missing = []
    for found in needed_states(case):
        state = found.outcome.state
        if state == "missing":
            missing.append(found)
        elif state in {"damaged", "incomplete"}:
            yield _unsound(found, case)
    if missing:
        yield _missing(missing, case)
    for script in case.project.scripts.values():
        for one in homemade_checks(script, case.project.executions):
            finding = _homemade(one, case)
            if finding is not None:
                yield finding


def _unsound(found: NeededState, case: Case) -> Finding:
    damaged = found.outcome.state == "damaged"
    message = t(
        "{id} in {cache} is not what it should be: {reason} {paths}",
        id=found.model.target.id,
        cache=found.cache,
        reason=found.outcome.reason,
        paths=listed((found.outcome.damaged or found.outcome.missing)[:3]),
    )
    command = "swarmcache verify --repair" if damaged else "swarmcache pull"
    severity: Severity = "error" if damaged else "warning"
    title = t("a needed model is damaged") if damaged else t("a needed model is incomplete")
    place = place_of(case, found.model)
    fix = Fix("display", for_cache(command, found.cache, case))
    return RULE.finding(title, message, place, fix=fix, severity=severity)


def _missing(found: list[NeededState], case: Case) -> Finding:
    message = t(
        "Not in {cache} yet: {models}. The next start downloads what it needs of it.",
        cache=found[0].cache,
        models=listed(one.model.target.id for one in found),
    )
    place = place_of(case, found[0].model)
    fix = Fix("display", for_cache("swarmcache pull", found[0].cache, case))
    return RULE.finding(t("needed models are missing"), message, place, fix=fix, severity="info")


def _homemade(one: Homemade, case: Case) -> Finding | None:
    caches = used_caches(case)
    elsewhere = one.folder is not None and bool(case.project.loaders) and one.folder not in caches
    if one.slug is None and not elsewhere:
        return None
    reasons = []
    if one.slug is not None:
        reasons.append(
            t("It looks for models--org-name, and the Hub's folder is models--org--name.")
        )
    if elsewhere:
        reasons.append(
            t(
                "It looks in {folder}, and the programs use {cache}.",
                folder=one.folder,
                cache=caches[0],
            )
        )
    verdict = t(
        "So a model that is there counts as missing; and a folder tells nothing of its files."
    )
    spans = [Evidence(one.slug, t("one dash for the slash"))] if one.slug is not None else []
    fix = Fix("display", t("Ask swarmcache check MODEL, which answers by its exit code."))
    message = " ".join((*reasons, verdict))
    return RULE.finding(
        t("a check that cannot find a model"), message, one.span, evidence=spans, fix=fix
    )


RULE = Rule("SC703", "unhealthy-model", "warning", "high", check)
