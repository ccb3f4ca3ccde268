"""What will be tried? A small picture of how likely the values of a domain are, on the scale on which it is searched.

Nothing is drawn at random where the shares are known; only what a `sample_from` function gives has to be tried out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from hpt_lessons.json_lines import as_python
from hpt_lessons.search.domains import Domain, value_at
from hpt_lessons.search.space import Space
from hpt_lessons.view.look import svg
from hpt_lessons.view.look.page import MUTED

BINS = 24
FEW = 12  # so many different values get a bar each
STEPS = 30  # and so many multiples of a step
WIDTH, HEIGHT = 160, 66
LEFT, RIGHT, BOTTOM, TALL = 4, 156, 50, 40


def function_draws(space: Mapping[str, Any], count: int = 60, seed: int = 0) -> dict[str, list]:
    """What each `sample_from` function gave in so many draws of the whole space: it may look at the other values."""
    space, rng = Space.of(space), np.random.default_rng(seed)
    fixed = {axis.path: axis.domain.values[0] for axis in space.axes if axis.domain.kind == "grid_search"}
    configs = [space.sample(rng, fixed) for _ in range(count)]
    functions = [axis for axis in space.axes if axis.domain.function is not None]
    return {axis.name: [as_python(axis.of(config)) for config in configs] for axis in functions}


def histogram(domain: Domain, values: Sequence | None = None) -> str:
    """The picture of a domain; `values` are the draws of a function, which must be given."""
    if domain.categorical:
        return _of_values(list(domain.values), [1] * len(domain.values))
    if domain.function is not None:
        return _of_draws(list(values))
    low, high = _ends(domain)
    if _count(domain) <= (STEPS if domain.q is not None and not domain.log else FEW):
        edges = _cells(domain, low, high)
        middles = [float(f"{x:.12g}") for x in _rounded(domain, edges)]
        return _of_values(middles, list(np.diff([_below(domain, edge) for edge in edges])))
    return _of_range(domain, low, high)


# -- the shares of a domain ------------------------------------------------------------------------------------------


def _ends(domain: Domain) -> tuple[float, float]:
    """Where the axis begins and ends; a whole number is a cell from itself to the next."""
    if domain.normal:
        return domain.mean - 3.0 * domain.sd, domain.mean + 3.0 * domain.sd
    if domain.integer:
        first, end, step = domain.indices
        return float(first * step), float(end * step)
    return float(domain.lower), float(domain.upper)


def _below(domain: Domain, x: float) -> float:
    """The share of the values below x."""
    low, high = _ends(domain)
    if domain.normal:
        return NormalDist(domain.mean, domain.sd).cdf(x)
    return _place(x, low, high, domain.log)


def _place(x: float, low: float, high: float, log: bool) -> float:
    """Where x lies on the axis, 0 to 1."""
    if log:
        return (math.log(x) - math.log(low)) / (math.log(high) - math.log(low))
    return (x - low) / (high - low)


def _count(domain: Domain) -> float:
    """How many different values there are."""
    if domain.integer:
        first, end, _ = domain.indices
        return end - first
    low, high = _ends(domain)
    return math.inf if domain.q is None else (high - low) / domain.q + 1


def _cells(domain: Domain, low: float, high: float) -> np.ndarray:
    """The edges of the cells of all values: whole numbers, or where numbers are rounded to a multiple of the step."""
    if domain.integer:
        first, end, step = domain.indices
        return step * np.arange(first, end + 1)
    inside = domain.q * (np.arange(math.floor(low / domain.q), math.ceil(high / domain.q) + 1) + 0.5)
    return np.array([low, *inside[(inside > low) & (inside < high)], high])


def _rounded(domain: Domain, edges: np.ndarray) -> np.ndarray:
    """The value of each cell."""
    return edges[:-1] if domain.integer else np.round((edges[:-1] / 2 + edges[1:] / 2) / domain.q) * domain.q


def _edges(domain: Domain, low: float, high: float) -> np.ndarray:
    """Edges of bars of about the same width, each with whole cells: else some would hold more values by accident."""
    if domain.log:
        edges = np.exp(np.linspace(math.log(low), math.log(high), BINS + 1))[1:-1]
    else:
        edges = np.linspace(low, high, BINS + 1)[1:-1]
    if domain.integer:
        edges = np.round(edges / domain.indices[2]) * domain.indices[2]
    elif domain.q is not None:
        edges = (np.floor(edges / domain.q) + 0.5) * domain.q
    return np.array([low, *np.unique(edges[(edges > low) & (edges < high)]), high])


# -- the pictures ----------------------------------------------------------------------------------------------------


def _of_range(domain: Domain, low: float, high: float) -> str:
    """Bars as high as their share is for their width."""
    edges = _edges(domain, low, high)
    places = [_place(edge, low, high, domain.log) for edge in edges]
    shares = np.diff([_below(domain, edge) for edge in edges])
    if domain.normal:
        first, last, middle = low, high, [float(domain.mean)]
    else:
        first, last = value_at(domain, 0.0), value_at(domain, 1.0)
        middle = [mark for mark in svg.decades(low, high) if low < mark < high] if domain.log else []
    marks = [(0.0, first), (1.0, last), *((_place(mark, low, high, domain.log), mark) for mark in middle)]
    scale = "a logarithmic" if domain.log else "a linear"
    label = f"how likely the values from {svg.short(first)} to {svg.short(last)} are, on {scale} scale"
    return _drawn(places, list(shares / np.diff(places)), marks, label)


def _of_draws(values: list) -> str:
    """What a function gave: a bar for each value if they are few or no numbers, else for parts of their range."""
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)]
    counted = Counter(map(repr, values))
    if len(numbers) < len(values) or len(counted) <= FEW:
        shown = list({repr(value): value for value in _in_order(values)}.values())[:40]
        return _of_values(shown, [counted[repr(value)] for value in shown])
    low, high = float(min(numbers)), float(max(numbers))
    log = low > 0 and high / low > 30
    places = [_place(number, low, high, log) for number in numbers]
    heights, edges = np.histogram(places, bins=BINS, range=(0, 1))
    label = f"{len(numbers)} draws between {svg.short(low)} and {svg.short(high)}"
    return _drawn(list(edges), list(heights), [(0.0, min(numbers)), (1.0, max(numbers))], label)


def _in_order(values: list) -> list:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=repr)


def _of_values(values: list, shares: list) -> str:
    """A bar for each value of a list, its name below where there is room."""
    step = (RIGHT - LEFT) / len(values)
    parts = [svg.bars(shares, LEFT, BOTTOM, RIGHT - LEFT, TALL)]
    names = [_name(v) if type(v) in (int, float) else str(v) for v in values]
    room = max(2, int(step / 6))
    every = 1 if max(map(len, names)) <= room else max(1, len(values) - 1)
    for index in range(0, len(values), every):
        name = names[index] if len(names[index]) <= max(room, 11) else names[index][: max(room, 11) - 1] + "…"
        end = "start" if every > 1 and index == 0 else "end" if every > 1 else "middle"
        x = LEFT + step * index if end == "start" else RIGHT if end == "end" else LEFT + step * (index + 0.5)
        parts.append(svg.text(x, BOTTOM + 13, name, end, 10))
    return svg.picture(WIDTH, HEIGHT, parts, f"{len(values)} values: {', '.join(names[:12])}")


def _drawn(places: list[float], heights: list[float], marks: list[tuple[float, float]], label: str) -> str:
    """Bars between places of the axis, and marks: the first two are its ends, the others are named where they fit."""
    width, most = RIGHT - LEFT, max(heights)
    parts = []
    for start, end, height in zip(places, places[1:], heights, strict=False):
        bar, size = (end - start) * width, TALL * height / most
        box = {"x": float(LEFT + start * width), "y": float(BOTTOM - size), "width": float(bar - min(1, bar / 8))}
        parts.append(svg.element("rect", **box, height=float(size), style=f"fill: {svg.BLUE}"))
    parts.append(svg.line(LEFT, BOTTOM, RIGHT, BOTTOM, MUTED))
    parts += [svg.line(LEFT + at * width, BOTTOM, LEFT + at * width, BOTTOM + 3, MUTED) for at, _ in sorted(marks)]
    taken: list[tuple[float, float]] = []
    for place, value in marks:
        x, name = LEFT + place * width, _name(value)
        anchor = "start" if place == 0 else "end" if place == 1 else "middle"
        room = 6 * len(name) + 4
        start = x - {"start": 0, "middle": room / 2, "end": room}[anchor]
        if all(start >= end or start + room <= begin for begin, end in taken):
            taken.append((start, start + room))
            parts.append(svg.text(x, BOTTOM + 13, name, anchor, 10))
    return svg.picture(WIDTH, HEIGHT, parts, label)


def _name(value: float) -> str:
    return svg.short(int(value) if float(value).is_integer() and abs(value) < 1e5 else float(value))
