"""Points in two dimensions and the shadows that they cast on the axes, as SVG text (figure 1 of Bergstra & Bengio)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hpt_lessons.view.look import svg
from hpt_lessons.view.look.page import MUTED, TEXT

Marks = Sequence[tuple[float, str]]


def shadows(
    xs: Sequence[float], ys: Sequence[float], *, left: float, top: float, size: float, colour: str = svg.BLUE,
    x_name: str = "", y_name: str = "", x_marks: Marks = (), y_marks: Marks = (), ring: int | None = None,
) -> str:  # fmt: skip
    """A square plot of points of the unit square at (left, top): dots, their shadows, names and marks of the axes.

    The point with the index `ring` is emphasised. Around the square 62 units are needed at the left, 54 below.
    """
    right, bottom = left + size, top + size
    parts = [f'<rect x="{left:g}" y="{top:g}" width="{size:g}" height="{size:g}" style="fill: none; stroke: {MUTED}; '
             'stroke-opacity: 0.5"/>']  # fmt: skip
    for x in _once(xs):
        parts.append(svg.line(left + x * size, bottom + 3, left + x * size, bottom + 12, colour, 2))
    for y in _once(ys):
        parts.append(svg.line(left - 12, bottom - y * size, left - 3, bottom - y * size, colour, 2))
    for index, (x, y) in enumerate(zip(xs, ys, strict=True)):
        parts.append(_dot(left + x * size, bottom - y * size, colour, index == ring, len(xs)))
    for place, words in x_marks:
        parts.append(svg.text(left + place * size, bottom + 25, words, "middle", 11))
    for place, words in y_marks:
        parts.append(svg.text(left - 16, bottom - place * size + 4, words, "end", 11))
    parts.append(svg.text((left + right) / 2, bottom + 42, x_name, "middle", 12, TEXT))
    parts.append(svg.text(left - 12, top - 8, y_name, "start", 12, TEXT))
    return "".join(parts)


def _once(values: Iterable[float]) -> np.ndarray:
    return np.unique(np.round(np.asarray(list(values), dtype=float), 6))


def _dot(x: float, y: float, colour: str, ringed: bool, count: int) -> str:
    radius = 4.5 if count <= 100 else 2.5
    dot = svg.circle(x, y, radius, f"fill: {colour}")
    return dot + svg.circle(x, y, 9, f"fill: none; stroke: {TEXT}; stroke-width: 2") if ringed else dot
