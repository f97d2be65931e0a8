"""Rows of text as aligned lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from swarmcache.report.width import display_width, shorten, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_GAP = "  "
_NUMBER = re.compile(r"[≤≥~<>+-]?\d[\d.,]*( ?[kMGTP]?B| ?%| ?[a-z]{1,3})?|[-–]?")
_NARROWEST = 8
"""The last column never gets narrower than this, however small the window."""


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str | int]], *, width: int | None = None
) -> list[str]:
    """Return a header line and one line per row, the columns two blanks apart.

    Cells may hold anything: control characters are made visible. A column of nothing but
    numbers, sizes (`954 MB`), durations (`0.4 s`) and dashes is aligned to the right. With
    `width` the last column is cut so that no line is wider; None cuts nothing.
    """
    cells = [[visible(str(cell)) for cell in row] for row in rows]
    right = [_is_numeric([row[i] for row in cells]) for i in range(len(columns))]
    lines = [list(columns), *cells]
    widths = [max(display_width(line[i]) for line in lines) for i in range(len(columns))]
    if width is not None:
        before = sum(widths[:-1]) + len(_GAP) * (len(columns) - 1)
        widths[-1] = min(widths[-1], max(_NARROWEST, width - before))
    return [_line(line, widths, right) for line in lines]


def _is_numeric(cells: Sequence[str]) -> bool:
    return any(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        text = shorten(cell, width)
        blanks = " " * (width - display_width(text))
        padded.append(blanks + text if to_right else text + blanks)
    return _GAP.join(padded).rstrip()
