"""`status` for people: where and why, a table, what is wrong, totals."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from swarmcache.hubcache.usage import physical_bytes
from swarmcache.locale import listed, t, tn
from swarmcache.units import human_age, human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from swarmcache.hubcache.complete.integrity import State
    from swarmcache.hubcache.locate import Location
    from swarmcache.hubcache.problems import Problem
    from swarmcache.hubcache.usage import CacheUsage, RepoUsage
    from swarmcache.report.terminal import Terminal

_PROBLEMS_SHOWN = 8


def status_lines(
    terminal: Terminal, location: Location, usage: CacheUsage, limit: int
) -> Iterator[str]:
    """Yield the lines for one cache; the first `limit` repos, or all when it is 0."""
    yield from _where(terminal, location, usage)
    if usage.repos:
        yield ""
        yield from _table(terminal, usage.repos[: limit or None])
        hidden = len(usage.repos) - limit
        if limit and hidden > 0:
            yield t("… and {n} more; --limit 0 shows all", n=hidden)
        yield ""
    yield from _problem_lines(terminal, usage)
    yield _totals(usage)
    yield from _leftover_line(usage)


def total_line(usages: Sequence[CacheUsage]) -> str:
    """Return the line that adds up several caches; what they share counts once on disk."""
    return t(
        "All caches together: {repos} repos, {size}, on disk {physical}",
        repos=sum(len(usage.repos) for usage in usages),
        size=human_bytes(sum(usage.size for usage in usages)),
        physical=human_bytes(physical_bytes(usages)),
    )


def _where(terminal: Terminal, location: Location, usage: CacheUsage) -> Iterator[str]:
    yield t(
        "Cache: {path} (decided by {who})", path=usage.path, who=who_decided(location.decided_by)
    )
    free = human_bytes(usage.free)
    if usage.writable:
        yield t("Free on its disk: {free}", free=free)
    else:
        yield t("Free on its disk: {free}; this user cannot write here", free=free)
    for candidate in location.lost:
        told = candidate.path or candidate.value
        yield t("Not used: {name} = {path}", name=candidate.name, path=told)
    for warning in location.warnings:
        yield f"{terminal.warn} {warning}"


def who_decided(name: str) -> str:
    """Return who decided where the cache is, in the user's language."""
    return t("the default of huggingface_hub") if name == "default" else name


def _table(terminal: Terminal, repos: Sequence[RepoUsage]) -> list[str]:
    now = time.time()
    columns = (t("MODEL"), t("SIZE"), t("ON DISK"), t("STATE"), t("LAST USED"), t("REFS"))
    return terminal.table(columns, [_row(terminal, repo, now) for repo in repos])


def _row(terminal: Terminal, repo: RepoUsage, now: float) -> tuple[str, ...]:
    state = repo.state
    mark = terminal.ok if state == "complete" else terminal.warn
    refs = [", ".join(rev.refs) or rev.commit[:12] for rev in repo.revisions]
    return (
        repo.name.spelled,
        human_bytes(repo.size),
        human_bytes(repo.physical),
        f"{mark} {state_word(state)}",
        human_age(now - repo.last_used) if repo.last_used else "–",
        ", ".join(refs),
    )


def state_word(state: State) -> str:
    """Return a state as a word in the user's language."""
    if state == "complete":  # Mostly; the table asks for each of its rows.
        return t("complete")
    words = {
        "incomplete": t("incomplete"),
        "damaged": t("damaged"),
        "missing": t("missing"),
        "unknown": t("unknown"),
    }
    return words[state]


def _problem_lines(terminal: Terminal, usage: CacheUsage) -> Iterator[str]:
    problems: list[Problem] = [*usage.problems]
    problems += (problem for repo in usage.repos for problem in repo.problems)
    for problem in islice(problems, _PROBLEMS_SHOWN):
        yield f"{terminal.warn} {problem.message}"
    if len(problems) > _PROBLEMS_SHOWN:
        yield t("… and {n} more problems; --json names all", n=len(problems) - _PROBLEMS_SHOWN)


def _totals(usage: CacheUsage) -> str:
    if not usage.repos:
        return t("Nothing is cached here.")
    return tn(
        "Current cache size: {size} in {n} repo, on disk {physical}",
        "Current cache size: {size} in {n} repos, on disk {physical}",
        len(usage.repos),
        size=human_bytes(usage.size),
        physical=human_bytes(usage.physical),
    )


def _leftover_line(usage: CacheUsage) -> Iterator[str]:
    kinds = (
        (t("partial downloads"), usage.leftover_bytes("partial")),
        (t("crash remains"), usage.leftover_bytes("temporary")),
        (t("blobs that no revision uses"), usage.leftover_bytes("orphan")),
        (t("dead chunk caches of Xet"), usage.leftover_bytes("xet")),
        (t("old transformers files"), usage.leftover_bytes("legacy")),
    )
    parts = [f"{name} {human_bytes(count)}" for name, count in kinds if count]
    if parts:
        yield t("Leftovers: {parts}", parts=listed(parts))
