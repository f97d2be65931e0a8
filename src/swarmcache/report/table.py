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
    lines = [list(columns), *([visible(str(cell)) for cell in row] for row in rows)]
    in_columns = list(zip(*lines, strict=True))
    widths = [max(map(display_width, column)) for column in in_columns]
    if width is not None:
        before = sum(widths[:-1]) + len(_GAP) * (len(columns) - 1)
        widths[-1] = min(widths[-1], max(_NARROWEST, width - before))
    padded = [
        [_padded(cell, wide, to_right=right) for cell in column]
        for column, wide in zip(in_columns, widths, strict=True)
        for right in (_is_numeric(column[1:]),)
    ]
    return [_GAP.join(cells).rstrip() for cells in zip(*padded, strict=True)]


def _is_numeric(cells: Sequence[str]) -> bool:
    return any(cells) and all(map(_NUMBER.fullmatch, cells))


def _padded(cell: str, width: int, *, to_right: bool) -> str:
    if cell.isascii() and len(cell) <= width:
        return cell.rjust(width) if to_right else cell.ljust(width)
    text = shorten(cell, width)
    blanks = " " * (width - display_width(text))
    return blanks + text if to_right else text + blanks
