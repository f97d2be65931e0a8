"""Findings as SARIF 2.1.0, which code hosts show beside the lines (OASIS, sarif-schema-2.1.0)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from swarmcache import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmcache.doctor.finding import Finding, Severity
    from swarmcache.project.sources import Span

_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_document(findings: Sequence[Finding]) -> str:
    """Return one run of one tool."""
    rules = {finding.rule: finding for finding in reversed(findings)}
    driver = {
        "name": "swarmcache",
        "version": __version__,
        "rules": [_rule(rules[code]) for code in sorted(rules)],
    }
    run = {"tool": {"driver": driver}, "results": [_result(one) for one in findings]}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def _rule(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.rule,
        "name": "".join(word.capitalize() for word in finding.name.split("-")),
        "shortDescription": {"text": finding.title},
    }


def _result(finding: Finding) -> dict[str, object]:
    found: dict[str, object] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "properties": {"confidence": finding.confidence},
    }
    if finding.span is not None:
        found["locations"] = [_location(finding.span)]
    if finding.evidence:
        found["relatedLocations"] = [
            {**_location(one.span), "message": {"text": one.note}} for one in finding.evidence
        ]
    return found


def _location(span: Span) -> dict[str, object]:
    region = {
        "startLine": span.line,
        "startColumn": span.column,
        "byteOffset": span.start,
        "byteLength": max(0, span.end - span.start),
    }
    artifact = {"uri": quote(span.file)}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}
