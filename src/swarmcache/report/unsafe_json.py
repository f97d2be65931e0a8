"""Pickle weights for programs: what `verify` adds to its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from swarmcache.hubcache.pickles.imports import Scan
    from swarmcache.hubcache.pickles.twins import PickleFile


def unsafe_fields(
    pickles: Iterable[PickleFile], scans: Mapping[PickleFile, Scan] | None
) -> dict[str, object]:
    """Return `unsafe`, the pickles that safetensors repeat; with `scans` also `pickles`, all."""
    fields: dict[str, object] = {"unsafe": [_file(one) for one in pickles if one.twin is not None]}
    if scans is not None:
        fields["pickles"] = [{**_file(one), **_scan(scan)} for one, scan in scans.items()]
    return fields


def _file(pickle: PickleFile) -> dict[str, object]:
    return {
        "repo": pickle.repo.id,
        "type": pickle.repo.type,
        "commit": pickle.commit,
        "path": pickle.path,
        "twin": pickle.twin,
    }


def _scan(scan: Scan) -> dict[str, object]:
    return {
        "verdict": scan.verdict,
        "imports": [
            {"module": one.module, "name": one.name, "judgement": one.judgement}
            for one in scan.imports
        ],
        "more_imports": scan.more,
        "reason": scan.doubt,
    }
