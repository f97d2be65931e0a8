"""What a trainer's log tells: findings of SC601, SC602 and SC801, for a project or a log alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmcache.generation.known_lines import (
    CACHE_DROPPED,
    TRAINING_FAILED,
    USE_CACHE_OFF,
    explain,
)
from swarmcache.locale import t
from swarmcache.project.readers.logs import known_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from swarmcache.doctor.finding import Finding
    from swarmcache.generation.known_lines import Explanation, Sighting
    from swarmcache.project.readers.logs import LogLine


def findings_of_log(
    stream: BinaryIO, file: str, transformers: str | None = None
) -> Iterator[Finding]:
    """Yield what a log tells, whatever project it is of; `file` is what it is called.

    `transformers` is the version that wrote it, where the log does not name one itself.
    """
    from swarmcache.doctor.rules import (  # noqa: PLC0415
        broken_generation,
        kv_cache_warning,
        secret_in_file,
    )

    lines = tuple(known_lines(stream, file))
    yield from broken_generation.of_lines(lines, transformers)
    yield from kv_cache_warning.of_lines(lines, transformers)
    yield from secret_in_file.of_lines(lines)


def sightings(
    lines: Sequence[LogLine], transformers: str | None
) -> Iterator[tuple[Sighting, LogLine]]:
    """Yield what is known of these lines, each kind once, with the first line of it."""
    found = explained(lines, transformers)
    for one in found.sightings:
        yield one, lines[one.line - 1]


def explained(lines: Sequence[LogLine], transformers: str | None) -> Explanation:
    """Return what the lines say together; the log's own version comes before the one given."""
    found = explain(line.text for line in lines)
    if found.transformers is None and transformers is not None:
        return explain((line.text for line in lines), transformers)
    return found


def is_broken(one: Sighting) -> bool:
    """Tell whether a line is for SC602: it speaks of wrong tokens, not of a cache alone."""
    return one.key in {CACHE_DROPPED, TRAINING_FAILED} and one.harm != "harmless"


def meaning(one: Sighting) -> str:
    """Return what a line means and how often it stands there, translated."""
    times = "" if one.times == 1 else t("(This line stands there {count} times.)", count=one.times)
    return f"{t(one.meaning)} {times}".rstrip()


__all__ = ["USE_CACHE_OFF", "explained", "findings_of_log", "is_broken", "meaning", "sightings"]
