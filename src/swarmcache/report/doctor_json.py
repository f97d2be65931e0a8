"""`doctor --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.doctor.engine import counted
from swarmcache.report.json import document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.doctor.case import Case
    from swarmcache.doctor.finding import Finding


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
    files = case.project.files
    return {
        "files": files.count,
        "skipped": list(files.skipped),
        "python": case.node.libraries.python,
        "transformers": case.node.libraries.transformers,
        "huggingface_hub": case.node.libraries.huggingface_hub,
    }


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
        "evidence": [
            {"file": one.span.file, "line": one.span.line, "column": one.span.column}
            | {"note": one.note}
            for one in finding.evidence
        ],
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
