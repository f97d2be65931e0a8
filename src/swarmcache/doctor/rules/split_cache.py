"""SC102: tools or libraries of one project use different folders, so that models are stored twice.

Before 5.0 transformers reads TRANSFORMERS_CACHE (and two older names) before the Hub's variables,
everything else never did: what one downloads the other does not find.

What it cannot know: which library loads, where a program is not the project's own code; and the
version of transformers, where the trainer's interpreter is not in sight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Evidence, Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.locate import TRANSFORMERS_VARIABLES
from swarmcache.locale import t
from swarmcache.project.effective.caches import uses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.caches import Use
    from swarmcache.project.sources import Span


def check(case: Case) -> Iterator[Finding]:
    """Find programs in which transformers and huggingface_hub have a cache each."""
    seen: set[Span] = set()
    for loader in case.project.loaders:
        for use in uses(loader.execution, case.node.libraries):
            finding = _split(use, case)
            if finding is not None and finding.span is not None and finding.span not in seen:
                seen.add(finding.span)
                yield finding


def _split(use: Use, case: Case) -> Finding | None:
    if use.hub is None or use.transformers is None or use.hub.path == use.transformers.path:
        return None
    name = use.transformers.decided_by
    setting = use.settings.get(name)
    if name not in TRANSFORMERS_VARIABLES or setting is None or setting.span is None:
        return None
    other = use.settings.get(use.hub.decided_by)
    places = [other.span] if other is not None and other.span is not None else []
    message = t(
        "transformers {version} puts models into {one} ({name}), and huggingface_hub, hf and vLLM"
        " use {two} ({other}): what is downloaded by one is downloaded again by the other.",
        version=case.node.libraries.transformers or "< 5",
        one=use.transformers.path,
        name=name,
        two=use.hub.path,
        other=use.hub.decided_by,
    )
    fix = Fix("display", t("Take {name} away, and keep {other}.", name=name, other="HF_HUB_CACHE"))
    return RULE.finding(
        t("two caches in one project"),
        message,
        setting.span,
        evidence=[Evidence(span, t("the Hub's own cache is set here")) for span in places],
        fix=fix,
    )


RULE = Rule("SC102", "split-cache", "error", "high", check)
