"""`verify` for people: one line for each problem, and a summary that a cron mail can carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.errors import os_reason
from swarmcache.hubcache.intact.verdicts import Corrupt, Missing, Unverifiable
from swarmcache.locale import listed, t, tn
from swarmcache.units import human_bytes, human_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmcache.hubcache.intact.verdicts import FileVerdict, ProblemKind
    from swarmcache.hubcache.layout import Target
    from swarmcache.report.terminal import Terminal
    from swarmcache.report.verify_summary import Summary

_NAMED = 5
"""Repos named in the next step; of more, the whole cache is repaired."""
_MEANINGS: dict[ProblemKind, Callable[[], str]] = {
    "wrong-hash": lambda: t("the bytes are not the ones that their name stands for"),
    "wrong-size": lambda: t("it is larger than it must be"),
    "truncated": lambda: t("it is cut off"),
    "empty": lambda: t("it is empty"),
    "bad-header": lambda: t("its header does not fit its content"),
    "bad-index": lambda: t("the index does not fit its shards"),
    "bad-json": lambda: t("it is no JSON"),
    "wrong-file": lambda: t("another file's content stands here"),
    "changed-while-reading": lambda: t("it changed while it was read"),
    "broken-link": lambda: t("the link leads nowhere"),
    "outside-link": lambda: t("the link leads out of the cache"),
    "missing-blob": lambda: t("the blob is gone"),
    "missing-shard": lambda: t("a shard that the index names is not cached"),
    "missing-file": lambda: t("a file that loading needs is not cached"),
    "missing-revision": lambda: t("nothing is cached under this name"),
    "not-a-file": lambda: t("no file, but something else stands here"),
    "dangling-ref": lambda: t("the ref names a commit that is not cached"),
    "bad-ref": lambda: t("the ref cannot be read"),
    "unreadable": lambda: t("it cannot be read"),
}


def problem_line(terminal: Terminal, verdict: FileVerdict) -> str:
    """Return the line for a corrupt or missing file: mark, where, what."""
    outcome = verdict.outcome
    assert isinstance(outcome, (Corrupt, Missing))  # noqa: S101 - nothing else is a problem
    mark = terminal.bad if isinstance(outcome, Corrupt) else terminal.warn
    line = t(
        "{place}: {meaning} ({kind})",
        place=_place(verdict),
        meaning=_MEANINGS[outcome.kind](),
        kind=outcome.kind,
    )
    return f"{mark} {line}"


def detail_lines(verdict: FileVerdict) -> list[str]:
    """Return what proves the problem: the blob, what was expected and what was found."""
    outcome = verdict.outcome
    lines = [verdict.blob] if verdict.blob else []
    if isinstance(outcome, Corrupt) and outcome.expected:
        expected, actual = outcome.expected, outcome.actual
        if outcome.algorithm is None:
            lines.append(
                t("expected {expected} bytes, found {actual}", expected=expected, actual=actual)
            )
        else:
            algorithm = outcome.algorithm
            lines.append(
                t(
                    "{algorithm}: expected {expected}, found {actual}",
                    algorithm=algorithm,
                    expected=expected,
                    actual=actual,
                )
            )
    if isinstance(outcome, Missing) and outcome.reason:
        lines.append(outcome.reason)
    return lines


def unverifiable_lines(summary: Summary) -> list[str]:
    """Return a line for each file of which nothing trustworthy tells what it must be."""
    return [
        t("{name}: {reason}", name=_place(verdict), reason=verdict.outcome.reason)
        for verdict in summary.unverifiable
        if isinstance(verdict.outcome, Unverifiable)
    ]


def forgetful_line(terminal: Terminal, error: OSError) -> str:
    """Return the warning that the next run has to hash everything again, and why."""
    reason = os_reason(error)
    path = error.filename or "?"
    message = t(
        "What was verified cannot be remembered: {path}: {reason}.", path=path, reason=reason
    )
    return f"{terminal.warn} {message}"


def next_step(summary: Summary, targets: Sequence[Target] | None) -> str:
    """Return the command that puts the problems right; empty when there are none.

    `targets` are what was verified, by the names that its user has for them.
    """
    absent = {"missing-revision", "missing-file"}
    wrong = [verdict for verdict in summary.problems if _kind(verdict) not in absent]
    concerned = wrong or summary.problems
    if targets is None:  # A repo's name alone would mean its main.
        names = list(dict.fromkeys(one.repo.at(one.commit) for one in concerned))
    else:
        repos = {verdict.repo for verdict in concerned}
        names = [target.spelled for target in targets if target.name in repos]
    if not names:
        return ""
    if not wrong:
        return f"swarmcache pull {' '.join(names)}"
    return f"swarmcache verify --repair {' '.join(names) if len(names) <= _NAMED else '--all'}"


def _kind(verdict: FileVerdict) -> str:
    return verdict.outcome.kind if isinstance(verdict.outcome, (Corrupt, Missing)) else ""


def _place(verdict: FileVerdict) -> str:
    return f"{verdict.repo.at(verdict.commit)} {verdict.path}".rstrip()


def summary_lines(
    terminal: Terminal, summary: Summary, *, bytes_hashed: int, seconds: float
) -> list[str]:
    """Return the last lines of a run: what was found, what it cost."""
    counts = summary.counts
    good = counts["verified"] + counts["remembered"]
    mark = terminal.ok if summary.ok else terminal.bad if counts["corrupt"] else terminal.warn
    parts = [tn("{n} file is intact", "{n} files are intact", good)]
    if counts["remembered"]:
        parts[0] += t(" ({n} remembered)", n=counts["remembered"])
    if counts["corrupt"]:
        parts.append(tn("{n} is corrupt", "{n} are corrupt", counts["corrupt"]))
    if counts["missing"]:
        parts.append(tn("{n} is missing", "{n} are missing", counts["missing"]))
    if counts["unverifiable"]:
        parts.append(tn("{n} cannot be verified", "{n} cannot be verified", counts["unverifiable"]))
    lines = [f"{mark} " + t("{findings}.", findings=listed(parts))]
    if bytes_hashed:
        size, time = human_bytes(bytes_hashed), human_seconds(seconds)
        rate = human_bytes(int(bytes_hashed / max(seconds, 1e-9)))
        lines.append(t("Hashed {size} in {time} ({rate}/s).", size=size, time=time, rate=rate))
    return lines
