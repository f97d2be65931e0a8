"""A baseline: findings that are known and left out, told by what stands at their place.

    {"schema": "swarmcache.doctor-baseline/1", "findings": ["<sha256>", …]}

A finding is known again when its line has moved, and new when its line says something else.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from swarmcache.errors import SettingsError
from swarmcache.hubcache.foreign_json import parse
from swarmcache.hubcache.publishing import write_whole
from swarmcache.locale import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmcache.doctor.finding import Finding
    from swarmcache.project.study import Project

_SCHEMA = "swarmcache.doctor-baseline/1"
_MAX_BYTES = 10_000_000


def without_known(findings: Sequence[Finding], path: str, project: Project) -> tuple[Finding, ...]:
    """Return the findings that a baseline file does not have; raises SettingsError, OSError."""
    with open(path, encoding="utf-8") as file:
        try:
            document: Any = parse(file.read(_MAX_BYTES))
        except ValueError:
            document = None
    known = document.get("findings") if isinstance(document, dict) else None
    if not isinstance(known, list) or document.get("schema") != _SCHEMA:
        raise SettingsError(
            t("{path} is no baseline of swarmcache doctor.", path=path),
            hint=("swarmcache", "doctor", "--write-baseline", path),
        )
    return tuple(one for one in findings if _mark(one, project) not in known)


def write_baseline(findings: Iterable[Finding], path: str, project: Project) -> None:
    """Write a baseline of these findings; raises OSError."""
    marks = sorted({_mark(finding, project) for finding in findings})
    write_whole(path, json.dumps({"schema": _SCHEMA, "findings": marks}, indent=1) + "\n")


def _mark(finding: Finding, project: Project) -> str:
    span = finding.span
    source = None if span is None else project.source(span.file)
    line = b"" if span is None or source is None else source.data.split(b"\n")[span.line - 1]
    where = "" if span is None else span.file
    content = b"\0".join((finding.rule.encode(), where.encode("utf-8", "replace"), line.strip()))
    return hashlib.sha256(content).hexdigest()
