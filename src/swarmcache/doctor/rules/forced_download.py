"""SC308: everything is downloaded again on purpose, or into a fresh folder at each run.

What it cannot know: whether a fresh folder is wanted, as for a benchmark or on a scratch disk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.doctor.finding import Fix
from swarmcache.doctor.rule import Rule
from swarmcache.hubcache.locate import HUB_VARIABLES
from swarmcache.locale import t
from swarmcache.project.edits import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.loads.values import Load
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_FRESH = re.compile(
    rb"\bmktemp\b|\$\$|\$\{?RANDOM\b|\$\(date\b|`date\b|\buuidgen\b"
    rb"|\$\{?(?:SLURM_JOB_?ID|SLURM_ARRAY_(?:JOB|TASK)_ID|PBS_JOBID|LSB_JOBID|FLUX_JOB_ID)\b"
)
_MOVED = (*HUB_VARIABLES[:3], "TRANSFORMERS_CACHE")


def check(case: Case) -> Iterator[Finding]:
    """Find switches that force a download, then cache folders with a new name at each run."""
    for load in case.project.loads:
        forced = load.options.get("force_download")
        if forced is not None and forced.value is True and not load.in_tests:
            yield _forced(load, forced.span, case.project)
    seen: set[Span] = set()
    for loader in case.project.loaders:
        for name in _MOVED:
            for setting in loader.execution.variable(name):
                span = setting.span if setting is not None and setting.value is None else None
                if span is not None and span not in seen and _is_fresh(span, case.project):
                    seen.add(span)
                    yield _fresh(name, span)


def _forced(load: Load, span: Span, project: Project) -> Finding:
    message = t(
        "{callee} is told to download even what is cached: at each start, all bytes again.",
        callee=load.callee,
    )
    fix = _fix(load, span, project)
    return RULE.finding(t("a download that is forced"), message, span, fix=fix)


def _fix(load: Load, span: Span, project: Project) -> Fix:
    description = t("Download only what is missing.")
    source = project.source(span.file)
    text = source.data[span.start : span.end] if source is not None else b""
    if load.way == "command":
        blank = source is not None and source.data[span.start - 1 : span.start] == b" "
        edit = Edit(span.file, span.start - 1, span.end, "")
        return Fix("safe", description, (edit,)) if blank else Fix("display", description)
    other = {b"True": "False", b"true": "false"}.get(text)
    if other is None:
        return Fix("display", description)
    return Fix("safe", description, (Edit(span.file, span.start, span.end, other),))


def _is_fresh(span: Span, project: Project) -> bool:
    source = project.source(span.file)
    return source is not None and bool(_FRESH.search(source.data[span.start : span.end]))


def _fresh(name: str, span: Span) -> Finding:
    message = t(
        "{name} is another folder at each run: what one run downloads is not found by the next.",
        name=name,
    )
    fix = Fix("display", t("Name a folder that stays: export {name}=…", name=name))
    title = t("a fresh cache at each run")
    return RULE.finding(title, message, span, fix=fix, confidence="medium")


RULE = Rule("SC308", "forced-download", "warning", "high", check)
