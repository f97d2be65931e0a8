"""Doctor's report as one page: no script, nothing loaded from elsewhere, readable on a phone."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from swarmcache.doctor.engine import counted
from swarmcache.errors import ProjectError
from swarmcache.hubcache.usage import physical_bytes
from swarmcache.locale import language, t
from swarmcache.report.doctor_pages import advice, after_line, conclusion, cost_rows, steps
from swarmcache.report.doctor_text import counted_words, line_of
from swarmcache.report.status_text import state_word, who_decided
from swarmcache.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.doctor.assessment import Assessment, SeenCache
    from swarmcache.doctor.finding import Finding
    from swarmcache.hubcache.usage import CacheUsage
    from swarmcache.project.sources import Span
    from swarmcache.project.study import Project

_COLOURS = ("#3b6fb6", "#c2762c", "#4f9d69", "#a34f7c", "#7a6bb0", "#b5a23d", "#5aa0a8", "#b5534b")
_WIDTH = 1000


def html_page(found: Assessment, project: Project) -> str:
    """Return the page; raises ProjectError where the extra `doctor` is not installed."""
    try:
        import jinja2  # noqa: PLC0415 - for pages only
    except ImportError as error:
        raise ProjectError(
            t("An HTML report needs jinja2, which is not installed."),
            hint="pip install 'swarmcache[doctor]'",
        ) from error
    source = (files("swarmcache.report") / "templates" / "doctor.html").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(
        lang="zh-CN" if language() == "zh_CN" else "en",
        title=t("Model cache report for {project}", project=found.project),
        words=_words(),
        counts=[(one, counted_words(one, n)) for one, n in counted(found.findings) if n],
        conclusion=conclusion(found),
        caches=[_cache(cache) for cache in found.caches],
        findings=[_finding(one, project) for one in found.findings],
        advice=advice(found.findings),
        steps=steps(found.findings),
        costs=cost_rows(found),
        cautions=(*found.cautions, *found.skipped),
    )


def _words() -> dict[str, str]:
    return {
        "state": t("State of the model caches"),
        "findings": t("What was found"),
        "advice": t("Advice"),
        "steps": t("Steps"),
        "none": t("None is needed."),
        "costs": t("What a start costs"),
        "cautions": t("Cautions"),
        "conclusion": t("Conclusion"),
        "nothing": t("Nothing found."),
        "after": after_line(),
    }


def _cache(cache: SeenCache) -> dict[str, object]:
    who = t("decided by {who}", who=who_decided(cache.decided_by))
    if cache.usage is None:
        told = t("This folder does not exist yet.")
        return {"path": cache.path, "who": who, "parts": (), "label": told}
    disk = human_bytes(physical_bytes([cache.usage]))
    label = t(
        "On disk {size}; free on its disk {free}", size=disk, free=human_bytes(cache.usage.free)
    )
    return {"path": cache.path, "who": who, "parts": list(_parts(cache.usage)), "label": label}


def _parts(usage: CacheUsage) -> Iterator[dict[str, object]]:
    """Yield each repo as a piece of a bar, the largest first."""
    rows = sorted(usage.repos, key=lambda repo: -repo.physical)
    whole = max(1, sum(repo.physical for repo in rows))
    at = 0.0
    for number, repo in enumerate(rows):
        width = repo.physical / whole * _WIDTH
        yield {
            "name": repo.name.id,
            "size": human_bytes(repo.physical),
            "state": state_word(repo.state),
            "colour": _COLOURS[number % len(_COLOURS)],
            "x": round(at, 2),
            "width": round(max(width, 1.0), 2),
        }
        at += width


def _finding(finding: Finding, project: Project) -> dict[str, object]:
    places = [] if finding.span is None else [_place(finding.span, "", project)]
    places += [_place(one.span, one.note, project) for one in finding.evidence]
    fix = "" if finding.fix is None else t("Fix: {what}", what=finding.fix.description)
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "title": finding.title,
        "message": finding.message,
        "places": places,
        "fix": fix,
    }


def _place(span: Span, note: str, project: Project) -> dict[str, str]:
    line = line_of(span, project)
    return {"where": f"{span.file}:{span.line}", "note": note, "line": line or ""}
