"""Job scripts of clusters: what their header says, and the storage that goes with a job.

SLURM (`#SBATCH`), Flux (`#FLUX:` and `# flux:`), PBS (`#PBS`) and LSF (`#BSUB`); what a header says
is read down to the first command, as the schedulers do it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarmcache.project.sources import Source, Span

LOCAL = frozenset(
    {"SLURM_TMPDIR", "LOCAL_SCRATCH", "TMPDIR", "PBS_JOBFS", "SNIC_TMP", "JOB_TMPDIR"}
)
"""Variables that name a disk of the node, emptied when the job ends; each site has its own."""
_PLACE = "/job-local/"
_HEADER = re.compile(
    rb"^#[ \t]?(?:SBATCH|FLUX:|flux:|PBS|BSUB)[ \t]+(?P<options>[^\r\n]*)", re.MULTILINE
)
_LINES = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\r?\n)*")
_ARRAY = re.compile(
    rb"(?<!\S)(?:--array[= ]|-a[= ]?|-J[ \t]+(?=\d))(?P<tasks>[\d,\-:%]+)(?!\S)"
    rb"|(?<!\S)-J[ \t]*\S*\[(?P<lsf>[\d,\-:%]+)\]"
)
_EXPORT = re.compile(rb"--export[= ](?P<what>\S+)")
_RANGE = re.compile(rb"(\d+)(?:-(\d+)(?::(\d+))?)?")
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """What a job's header says."""

    tasks: int
    """How many tasks its array has; 1 without one."""
    alone: bool
    """Whether it gets nothing of the environment that it is submitted from."""
    span: Span
    """The header's first line."""


def read_job(source: Source) -> Job | None:
    """Return a script's header; None where the script is no job."""
    end = _LINES.match(source.data)
    head = source.data[: end.end() if end else 0]
    found = list(_HEADER.finditer(head))
    if not found:
        return None
    options = b" ".join(match["options"].partition(b" #")[0] for match in found)
    array, export = _ARRAY.search(options), _EXPORT.search(options)
    span = source.span(found[0].start(), found[0].end())
    return Job(
        1 if array is None else _tasks(array["tasks"] or array["lsf"]),
        export is not None and export["what"].upper() in {b"NONE", b"NIL"},
        span,
    )


def _tasks(text: bytes) -> int:
    count = 0
    for match in _RANGE.finditer(text.partition(b"%")[0]):
        first, last, step = (int(part[:9]) if part else None for part in match.groups())
        count += 1 if last is None or first is None else (last - first) // (step or 1) + 1
    return max(1, min(count, _MOST))


def local_place(variable: str) -> str:
    """Return what stands for the folder that such a variable names."""
    return f"{_PLACE}{variable}"


def is_local(path: str) -> bool:
    """Tell whether a path lies on a disk that goes with its job."""
    return path.startswith(_PLACE)
