"""Pickle weights for people: that safetensors would do, and what a pickle would import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.locale import listed, t, tn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from swarmcache.hubcache.pickles.imports import Import, Scan
    from swarmcache.hubcache.pickles.twins import PickleFile
    from swarmcache.report.terminal import Terminal

_USUAL = 12
"""Imports that are printed of a file; those that are not dangerous may be many."""


def twin_lines(terminal: Terminal, pickles: Iterable[PickleFile]) -> list[str]:
    """Return a line for each set of safetensors whose weights are also cached as pickles."""
    counts: dict[tuple[str, str], int] = {}
    for pickle in pickles:
        if pickle.twin is not None:
            key = (_revision(pickle), pickle.twin)
            counts[key] = counts.get(key, 0) + 1
    return [
        f"{terminal.warn} "
        + tn(
            "{revision}: {n} pickle repeats the weights of {twin};"
            " loading a pickle can run any code.",
            "{revision}: {n} pickles repeat the weights of {twin};"
            " loading a pickle can run any code.",
            count,
            revision=revision,
            twin=twin,
        )
        for (revision, twin), count in counts.items()
    ]


def scan_lines(terminal: Terminal, pickle: PickleFile, scan: Scan) -> list[str]:
    """Return what is known of a pickle: a line that judges it, and one for each import."""
    mark, words = {
        "harmless": (terminal.ok, t("loading it imports only what every checkpoint needs")),
        "unusual": (terminal.warn, t("loading it imports what a checkpoint rarely needs")),
        "dangerous": (terminal.bad, t("loading it can run any code")),
        "unknown": (terminal.bad, t("what loading it would run is not known")),
    }[scan.verdict]
    name = f"{_revision(pickle)} {pickle.path}"
    lines = [f"{mark} " + t("{name}: {reason}", name=name, reason=words)]
    lines += [f"    {_import(one)}" for one in scan.imports[:_USUAL]]
    hidden = len(scan.imports[_USUAL:]) + scan.more
    if hidden:
        lines.append("    " + tn("and {n} more import", "and {n} more imports", hidden))
    if scan.doubt:
        lines.append(f"    {scan.doubt}")
    return lines


def total_line(terminal: Terminal, scans: Mapping[PickleFile, Scan]) -> str:
    """Return the last line: how many pickles there are, and how many are not safe."""
    unsafe = sum(not scan.safe for scan in scans.values())
    if not scans:
        return f"{terminal.ok} " + t("There are no pickles.")
    parts = [tn("{n} pickle was looked into", "{n} pickles were looked into", len(scans))]
    if unsafe:
        parts.append(tn("{n} is not safe to load", "{n} are not safe to load", unsafe))
    mark = terminal.bad if unsafe else terminal.ok
    return f"{mark} " + t("{findings}.", findings=listed(parts))


def _import(found: Import) -> str:
    name = f"{found.module}.{found.name}"
    if found.judgement == "dangerous":
        return t("{name} (dangerous)", name=name)
    return t("{name} (unusual)", name=name) if found.judgement == "unusual" else name


def _revision(pickle: PickleFile) -> str:
    folder = "" if pickle.repo.type == "model" else f"{pickle.repo.type}s/"
    return f"{folder}{pickle.repo.id}@{pickle.commit[:12]}"
