"""Small pictures as SVG text: they reach the page in a fraction of the time of a figure, and follow the theme.

Colours are those of `style` where they mean something, and JupyterLab's variables for text and lines.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from hpt_lessons.view.look import page
from hpt_lessons.words import short

BLUE, ORANGE = "var(--hpt-blue, #0072b2)", "var(--hpt-orange, #c98600)"


def picture(width: float, height: float, parts: Iterable[str], label: str) -> str:
    """An SVG element with a description for those who cannot see it; it shrinks with the page."""
    inside = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'style="max-width: 100%; height: auto; display: block" role="img" aria-label="{escape(label)}" '
        f'font-family="var(--jp-ui-font-family, sans-serif)">{inside}</svg>'
    )


def element(name: str, **attributes: Any) -> str:
    """One element: `element("circle", cx=3, stroke_width=2)`."""
    words = " ".join(f'{key.replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name} {words}/>"


def _value(value: Any) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else escape(str(value))


def text(x: float, y: float, words: str, anchor: str = "start", size: float = 11, colour: str = page.MUTED) -> str:
    """A line of text; `anchor` is start, middle or end."""
    place = f'x="{_value(float(x))}" y="{_value(float(y))}" text-anchor="{anchor}" font-size="{size}"'
    return f'<text {place} style="fill: {colour}">{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = page.LINE, width: float = 1, **more: Any) -> str:
    """A straight line."""
    ends = {"x1": float(x1), "y1": float(y1), "x2": float(x2), "y2": float(y2)}
    return element("line", **ends, style=f"stroke: {colour}; stroke-width: {width}", **more)


def circle(x: float, y: float, radius: float, style: str) -> str:
    """A dot or a ring."""
    return element("circle", cx=float(x), cy=float(y), r=radius, style=style)


@dataclass(frozen=True)
class Ruler:
    """Numbers along a side of a picture: `ruler(number)` says where it lies, also for an array of them.

    `low` lies at `start` and `high` at `end`; with `log` equal factors are equally far apart.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, number: float | np.ndarray) -> float | np.ndarray:
        low, high = self.low, self.high
        share = np.log(number / low) / math.log(high / low) if self.log else (number - low) / ((high - low) or 1)
        return self.start + (self.end - self.start) * share

    def levels(
        self, ticks: Iterable[float], left: float, right: float, words: Callable[[float], str] = short, gap: float = 8
    ) -> list[str]:
        """Of a ruler that goes up: a line across the picture at each tick, and its number at the left."""
        parts = []
        for tick in ticks:
            y = self(tick)
            parts += [line(left, y, right, y, page.FAINT), text(left - gap, y + 4, words(tick), "end")]
        return parts


def legend(left: float, marks: Iterable[tuple[str, str, float]]) -> list[str]:
    """What marks mean, in the first line of a picture: words, the mark drawn around (0, 0), and the room for it."""
    parts, x = [], float(left)
    for words, mark, room in marks:
        parts.append(f'<g transform="translate({x:g} 12)">{mark}{text(room, 4, words, size=11.5)}</g>')
        x += room + 6.1 * len(words) + 20
    return parts


def bars(heights: Sequence[float], left: float, bottom: float, width: float, height: float, colour: str = BLUE) -> str:
    """Bars side by side, the highest as high as there is room."""
    most = max(heights, default=0) or 1
    step = width / max(len(heights), 1)
    gap = min(1.0, step / 8)
    parts = []
    for index, value in enumerate(heights):
        size = height * value / most
        box = {"x": float(left + index * step), "y": float(bottom - size), "width": float(step - gap)}
        parts.append(element("rect", **box, height=float(size), style=f"fill: {colour}"))
    return "".join(parts)


def curve(
    xs: Sequence[float], ys: Sequence[float], colour: str = BLUE, width: float = 1.5, fill: str = "none", **more: Any
) -> str:
    """A line through points."""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    return element("polyline", points=points, style=f"fill: {fill}; stroke: {colour}; stroke-width: {width}", **more)


def decades(low: float, high: float) -> list[float]:
    """The powers of ten in a range, at most about five of them."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / 5))
    return [10.0**exponent for exponent in range(first, last + 1, step)]
