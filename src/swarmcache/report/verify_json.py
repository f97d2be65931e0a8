"""`verify` for programs: `swarmcache.verify/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.hubcache.intact.verdicts import Corrupt, Missing, Unverifiable
from swarmcache.report.json import document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmcache.hubcache.intact.verdicts import FileVerdict
    from swarmcache.report.verify_summary import Summary


def verify_document(  # noqa: PLR0913 - one keyword for each thing that a run came to
    summary: Summary,
    cache: str,
    *,
    bytes_hashed: int,
    seconds: float,
    safe: bool,
    more: Mapping[str, object],
) -> str:
    """Return the document that `report/schemas/verify.json` describes; sizes in bytes.

    `safe` tells whether no pickle was found to be otherwise; `more` holds the fields that pickles
    and `--repair` add.
    """
    return document(
        "verify",
        ok=summary.ok and safe,
        cache=cache,
        interrupted=summary.interrupted,
        files=dict(summary.counts),
        bytes_hashed=bytes_hashed,
        seconds=round(seconds, 3),
        problems=[_problem(verdict) for verdict in summary.problems],
        unverifiable=[_unverifiable(verdict) for verdict in summary.unverifiable],
        **more,
    )


def _problem(verdict: FileVerdict) -> dict[str, object]:
    outcome = verdict.outcome
    assert isinstance(outcome, (Corrupt, Missing))  # noqa: S101 - what Summary.problems holds
    corrupt = outcome if isinstance(outcome, Corrupt) else None
    return {
        **_file(verdict),
        "kind": outcome.kind,
        "algorithm": corrupt and corrupt.algorithm,
        "expected": corrupt and corrupt.expected,
        "actual": corrupt and corrupt.actual,
        "remembered": corrupt is not None and corrupt.remembered,
        "reason": outcome.reason if isinstance(outcome, Missing) else "",
    }


def _unverifiable(verdict: FileVerdict) -> dict[str, object]:
    reason = verdict.outcome.reason if isinstance(verdict.outcome, Unverifiable) else ""
    return {**_file(verdict), "reason": reason}


def _file(verdict: FileVerdict) -> dict[str, object]:
    return {
        "repo": verdict.repo.id,
        "type": verdict.repo.type,
        "commit": verdict.commit,
        "path": verdict.path,
        "blob": verdict.blob,
        "size_bytes": verdict.size,
    }
