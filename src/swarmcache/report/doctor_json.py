"""`doctor --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.engine import counted
from swarmcache.project.effective.caches import uses
from swarmcache.report.json import document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding
    from swarmcache.project.effective.loaders import Loader
    from swarmcache.project.loads.values import Load
    from swarmcache.project.sources import Span


def doctor_document(case: Case, findings: Sequence[Finding]) -> str:
    """Return the document `swarmcache.doctor/1`."""
    return document(
        "doctor",
        project=case.project.folder,
        facts=_facts(case),
        findings=[_entry(finding) for finding in findings],
        summary=dict(counted(findings)),
    )


def _facts(case: Case) -> dict[str, object]:
    files, libraries = case.project.files, case.node.libraries
    return {
        "files": files.count,
        "skipped": list(files.skipped),
        "python": libraries.python,
        "transformers": libraries.transformers,
        "huggingface_hub": libraries.huggingface_hub,
        "programs": [_program(loader, case) for loader in case.project.loaders],
        "loads": [_load(load) for load in case.project.loads],
    }


def _program(loader: Loader, case: Case) -> dict[str, object]:
    """Return a program that loads models: who starts it, and the caches that it may use."""
    found = list(uses(loader.execution, case.node.libraries))
    places = [place for use in found for place in (use.hub, use.transformers)]
    return {
        "program": loader.entry,
        "started_by": {"kind": loader.execution.root.kind, "name": loader.execution.root.name},
        **_place(loader.execution.span),
        "caches": sorted({place.path for place in places if place is not None}),
        "cache_known": None not in places,
    }


def _load(load: Load) -> dict[str, object]:
    return {"kind": load.kind, "callee": load.callee, "names": load.repos, **_place(load.span)}


def _place(span: Span) -> dict[str, object]:
    return {"file": span.file, "line": span.line, "column": span.column}


def _entry(finding: Finding) -> dict[str, object]:
    span, fix = finding.span, finding.fix
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "title": finding.title,
        "message": finding.message,
        "file": span.file if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "evidence": [{**_place(one.span), "note": one.note} for one in finding.evidence],
        "fix": None
        if fix is None
        else {
            "applicability": fix.applicability,
            "description": fix.description,
            "edits": [
                {"file": one.file, "start": one.start, "end": one.end, "text": one.text}
                for one in fix.edits
            ],
        },
        "docs": finding.docs,
    }
