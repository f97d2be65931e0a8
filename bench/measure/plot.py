"""Lines and bars over numbers, as SVG, with nothing but text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 64, 190, 40, 48
COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e6c1f", "#6b4c9a")


def lines(
    title: str,
    across: str,
    up: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    logarithmic: bool = False,
) -> str:
    """Return an SVG document with one line for each series of (x, y), named at its right end."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    at_y = _log_scale(ys) if logarithmic else _scale(min(0.0, *ys), max(ys))
    at_x = _scale(min(xs), max(xs))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + at_x(x) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - at_y(y) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 22, title, size=14),
        _text(LEFT, HEIGHT - 10, across),
        _text(6, TOP - 8, up),
    ]
    for x in sorted(set(xs)) if len(set(xs)) <= 10 else (min(xs), max(xs)):
        left, _ = place(x, ys[0])
        parts.append(_text(left, HEIGHT - BOTTOM + 16, f"{x:g}", anchor="middle"))
    for y in (min(ys), max(ys)):
        _, top = place(xs[0], y)
        parts.append(_text(LEFT - 6, top + 4, f"{y:.3g}", anchor="end"))
        parts.append(f'<path d="M{LEFT} {top:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
    ends = {name: place(*points[-1]) for name, points in series.items()}
    heights = _apart({name: top for name, (_, top) in ends.items()})
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in points)
        line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        parts += [line, _text(ends[name][0] + 6, heights[name] + 4, name, fill=colour)]
    return "\n".join([*parts, "</svg>", ""])


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Return the names' heights, from the lowest up, moved until none covers the one below."""
    placed: dict[str, float] = {}
    below = math.inf
    for name, top in sorted(heights.items(), key=lambda one: -one[1]):
        below = placed[name] = min(top, below - 14)
    return placed


def bars(
    title: str, unit: str, groups: Mapping[str, Mapping[str, tuple[float, str]]], most: float
) -> str:
    """Return an SVG document with a bar for each name in each group: its length, and its label.

    Lengths are cut at `most`; colours follow the order of the names in the first group.
    """
    names = list(next(iter(groups.values())))
    height = TOP + 40 + sum(len(group) * 20 + 26 for group in groups.values())
    width = WIDTH - LEFT - RIGHT
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            'font-family="sans-serif" font-size="12">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(12, 22, f"{title} ({unit})", size=14),
    ]
    top = float(TOP)
    for label, group in groups.items():
        parts.append(_text(12, top + 12, label))
        top += 18
        for name, (value, shown) in group.items():
            colour = COLOURS[names.index(name)]
            length = max(1.0, min(value, most) / most * (width + 80))
            parts.append(
                f'<rect x="{LEFT}" y="{top:.0f}" width="{length:.1f}" height="15" fill="{colour}"/>'
            )
            parts.append(_text(LEFT + length + 6, top + 12, shown, fill=colour))
            top += 20
        top += 8
    for number, name in enumerate(names):
        parts.append(_text(LEFT + number * 240, height - 12, f"■ {name}", fill=COLOURS[number]))
    return "\n".join([*parts, "</svg>", ""])


def _scale(low: float, high: float):  # noqa: ANN202 - a function of one number
    span = (high - low) or 1.0
    return lambda value: (value - low) / span


def _log_scale(values: Sequence[float]):  # noqa: ANN202 - a function of one number
    scale = _scale(math.log(min(values)), math.log(max(values)))
    return lambda value: scale(math.log(value))


def _text(  # noqa: PLR0913 - what a text element has
    x: float, y: float, text: str, *, size: int = 12, anchor: str = "start", fill: str = "#222"
) -> str:
    placed = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"'
    return f"<text {placed}>{escape(text)}</text>"
