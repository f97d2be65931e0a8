"""The sections of doctor's report as Markdown; in Chinese those of the original report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.usage import physical_bytes
from swarmcache.locale import t, tn
from swarmcache.report.status_text import state_word, who_decided
from swarmcache.units import human_bytes, human_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.doctor.assessment import Assessment, SeenCache, StartCost
    from swarmcache.doctor.finding import Finding

MARKS = {"error": "❌", "warning": "⚠️", "info": "ℹ️"}


def markdown_lines(found: Assessment) -> Iterator[str]:
    """Yield the whole report."""
    title = t("Model cache report for {project}", project=found.project)
    yield f"# {title}"
    for title, lines in sections(found):
        yield from ("", f"## {title}", "", *lines)


def sections(found: Assessment) -> Iterator[tuple[str, list[str]]]:
    """Yield each section's title and its lines of Markdown."""
    yield t("State of the model caches"), list(_state(found))
    yield t("What was found"), list(_findings(found.findings))
    yield t("Advice"), list(_advice(found.findings))
    yield t("Steps"), list(_steps(found.findings))
    yield t("What a start costs"), list(_costs(found))
    yield t("Cautions"), list(_cautions(found))
    yield t("Conclusion"), [conclusion(found)]


def conclusion(found: Assessment) -> str:
    """Return the last paragraph: how bad it is, and what to do first."""
    errors = sum(finding.severity == "error" for finding in found.findings)
    warnings = sum(finding.severity == "warning" for finding in found.findings)
    if errors:
        return tn(
            "{n} finding loses, mixes up or spoils models: mend it first.",
            "{n} findings lose, mix up or spoil models: mend them first.",
            errors,
        )
    if warnings:
        return tn(
            "Models are safe; {n} finding costs downloads, disk or time.",
            "Models are safe; {n} findings cost downloads, disk or time.",
            warnings,
        )
    return t("The model cache is in order.")


def _state(found: Assessment) -> Iterator[str]:
    for cache in found.caches:
        yield from _cache(cache)
    total = human_bytes(found.total_bytes)
    told = t("Total size of the caches: {size}", size=total)
    yield f"- {told}"


def _cache(cache: SeenCache) -> Iterator[str]:
    who = who_decided(cache.decided_by)
    where = t("Cache: {path} (decided by {who})", path=f"`{cache.path}`", who=who)
    yield f"- {where}"
    if cache.usage is None:
        nothing = t("This folder does not exist yet.")
        yield f"  - {nothing}"
        return
    for repo in cache.usage.repos:
        state = state_word(repo.state)
        yield f"  - `{repo.name.id}`: {human_bytes(repo.size)}, {state}"
    disk = human_bytes(physical_bytes([cache.usage]))
    free = human_bytes(cache.usage.free)
    told = t("On disk {size}; free on its disk {free}", size=disk, free=free)
    yield f"  - {told}"


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        nothing = t("Nothing found.")
        yield f"- ✅ {nothing}"
    for number, finding in enumerate(findings, 1):
        place = f" `{finding.span.file}:{finding.span.line}`" if finding.span else ""
        yield f"{number}. {MARKS[finding.severity]} **{finding.rule} {finding.title}**{place}  "
        yield f"   {finding.message}"
        for one in finding.evidence:
            yield f"   - `{one.span.file}:{one.span.line}` {one.note}"


def advice(findings: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    """Return each rule's code with what would mend its findings, each once."""
    return tuple(dict.fromkeys((one.rule, one.fix.description) for one in findings if one.fix))


def steps(findings: Sequence[Finding]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return two phases: what can be done by one command now, and what wants a look."""
    kinds = [finding.fix.applicability for finding in findings if finding.fix]
    safe, unsafe, shown = (kinds.count(kind) for kind in ("safe", "unsafe", "display"))
    first, second = ["swarmcache pull", "swarmcache run -- …"], []
    if safe:
        many = tn("{n} fix", "{n} fixes", safe)
        first.insert(0, f"swarmcache doctor --fix ({many})")
    if unsafe:
        many = tn("{n} fix", "{n} fixes", unsafe)
        second.append(f"swarmcache doctor --fix --unsafe-fixes ({many})")
    if shown:
        second.append(tn("{n} change by hand", "{n} changes by hand", shown))
    second.append("swarmcache dedupe --all-known; swarmcache clean")
    phases = (t("Phase 1: what is safe now"), t("Phase 2: what wants a look"))
    return (phases[0], tuple(first)), (phases[1], tuple(second))


def _advice(findings: Sequence[Finding]) -> Iterator[str]:
    nothing = t("None is needed.")
    for rule, text in advice(findings):
        if "\n" in text:  # A piece of a file.
            yield from (f"- {rule}:", "", "  ```", *(f"  {x}" for x in text.splitlines()), "  ```")
        else:
            yield f"- {rule}: {text}"
    if not advice(findings):
        yield nothing


def _steps(findings: Sequence[Finding]) -> Iterator[str]:
    for phase, lines in steps(findings):
        yield f"- {phase}"
        yield from (f"  - {line}" for line in lines)


def cost_rows(found: Assessment) -> tuple[tuple[str, str, str], ...]:
    """Return a table: what is counted, today, and after; its head first."""
    today, after = found.today, found.after
    again = t("bytes fetched again")
    if today.containers:
        again = t("bytes fetched again by each new container")
    return (
        (t("per start"), t("today"), t("after")),
        (again, _bytes(today), _bytes(after)),
        (t("seconds for that at 100 Mbit/s"), _seconds(today.seconds), _seconds(after.seconds)),
        (t("requests with everything cached"), str(today.requests), str(after.requests)),
    )


def after_line() -> str:
    """Return what the column `after` stands for."""
    return t("After: swarmcache run, with complete models and offline.")


def _costs(found: Assessment) -> Iterator[str]:
    head, *rows = cost_rows(found)
    yield from (f"| {what} | {now} | {then} |" for what, now, then in [head])
    yield "|---|---|---|"
    yield from (f"| {what} | {now} | {then} |" for what, now, then in rows)
    yield from ("", after_line())


def _bytes(cost: StartCost) -> str:
    if cost.bytes is None:
        return t("unknown")
    if cost.guessed:
        return t("about {size}, told from the names", size=human_bytes(cost.bytes))
    return human_bytes(cost.bytes)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return t("unknown")
    return human_seconds(seconds) if seconds else "0"


def _cautions(found: Assessment) -> Iterator[str]:
    for line in (*found.cautions, *found.skipped):
        yield f"- {line}"
