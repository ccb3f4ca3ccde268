"""What will be tried? A small histogram of draws from a domain, on the scale on which it is searched."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpt_lessons.search import space as spaces
from hpt_lessons.search.domains import Domain, index_range, value_at
from hpt_lessons.view import svg
from hpt_lessons.view.page import MUTED

DRAWS = 400
BINS = 24
FEW = 12  # so many different whole numbers get a bar each
STEPS = 30  # and so many multiples of a step
WIDTH, HEIGHT = 160, 66
LEFT, RIGHT, BOTTOM = 4, 156, 50


def draws(domain: Domain, count: int = DRAWS, seed: int = 0) -> list:
    """Random values of one domain, the same for the same seed."""
    return [value_at(domain, u) for u in np.random.default_rng(seed).random(count)]


def function_draws(space: Mapping[str, Any], count: int = 60, seed: int = 0) -> dict[str, list]:
    """What each `sample_from` function gave in so many draws of the whole space: it may look at the other values."""
    rng = np.random.default_rng(seed)
    axes = spaces.axes(space)
    fixed = {axis.path: axis.domain.values[0] for axis in axes if axis.domain.kind == "grid_search"}
    plain = spaces.with_values(space, fixed)
    paths = [axis.path for axis in axes if axis.domain.function is not None]
    configs = [spaces.sample(plain, rng) for _ in range(count)]
    return {"/".join(path): [_at(config, path) for config in configs] for path in paths}


def _at(config: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        config = config[key]
    return config.item() if isinstance(config, np.generic) else config


def histogram(domain: Domain, values: Sequence | None = None) -> str:
    """The picture of a domain's draws; `values` are the draws of a function, which must be given."""
    if domain.categorical:
        return _of_categories(list(domain.values), _category_counts(domain))
    values = draws(domain) if values is None else list(values)
    few = len(set(map(repr, values))) <= (STEPS if domain.q is not None and not domain.log else FEW)
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)]
    separate = domain.kind == "sample_from" or domain.integer or domain.q is not None
    if len(numbers) < len(values) or (few and separate):
        return _of_values(values)
    return _of_numbers(domain, numbers)


def _category_counts(domain: Domain) -> Counter:
    """How often each entry of a list comes: exactly once each if the list is gone through, else by chance."""
    count = len(domain.values)
    if domain.kind == "grid_search":
        return Counter(range(count))
    return Counter((np.random.default_rng(0).random(DRAWS) * count).astype(int).tolist())


def _of_values(values: Sequence) -> str:
    """A bar for each value that came, sorted where they can be."""
    counted = Counter(repr(value) for value in values)
    try:
        order = [repr(value) for value in sorted(set(values))]
    except TypeError:
        order = sorted(counted)
    originals = {repr(value): value for value in values}
    shown = order[:40]
    return _of_categories([originals[key] for key in shown], Counter({i: counted[key] for i, key in enumerate(shown)}))


def _of_categories(values: list, counts: Counter) -> str:
    """A bar for each value of a list, its name below where there is room."""
    step = (RIGHT - LEFT) / len(values)
    parts = [svg.bars([counts[i] for i in range(len(values))], LEFT, BOTTOM, RIGHT - LEFT, 40)]
    names = [svg.short(v) if type(v) in (int, float) else str(v) for v in values]
    room = max(2, int(step / 6))
    every = 1 if max(map(len, names)) <= room else max(1, len(values) - 1)
    for index in range(0, len(values), every):
        name = names[index] if len(names[index]) <= max(room, 11) else names[index][: max(room, 11) - 1] + "…"
        end = "start" if every > 1 and index == 0 else "end" if every > 1 else "middle"
        x = LEFT + step * index if end == "start" else RIGHT if end == "end" else LEFT + step * (index + 0.5)
        parts.append(svg.text(x, BOTTOM + 13, name, end, 10))
    return svg.picture(WIDTH, HEIGHT, parts, f"{len(values)} values: {', '.join(names[:12])}")


def _of_numbers(domain: Domain, numbers: list[float]) -> str:
    low, high, log = _scale(domain, numbers)
    width = RIGHT - LEFT
    place = np.log if log else np.asarray
    bins = _bins(domain, low, high, log)
    heights, _ = np.histogram(place(numbers), bins=bins)
    marks = svg.decades(low, high) if log else []
    marks = marks if len(marks) > 1 else [low, high]
    parts = [svg.bars(list(heights), LEFT, BOTTOM, width, 40), svg.line(LEFT, BOTTOM, RIGHT, BOTTOM, MUTED)]
    for mark in marks:
        share = float((place(mark) - place(low)) / ((place(high) - place(low)) or 1))
        x = LEFT + share * width
        anchor = "start" if share < 0.1 else "end" if share > 0.9 else "middle"
        parts += [svg.line(x, BOTTOM, x, BOTTOM + 3, MUTED), svg.text(x, BOTTOM + 13, _tick(mark), anchor, 10)]
    scale = "a logarithmic" if log else "a linear"
    label = f"{len(numbers)} draws between {svg.short(low)} and {svg.short(high)} on {scale} scale"
    return svg.picture(WIDTH, HEIGHT, parts, label)


def _tick(value: float) -> str:
    return svg.short(int(value) if float(value).is_integer() and abs(value) < 1e5 else float(value))


def _scale(domain: Domain, numbers: list[float]) -> tuple[float, float, bool]:
    """The ends of the axis, and whether it is logarithmic."""
    if domain.lower is not None:
        return domain.lower, domain.upper, domain.log
    low, high = min(numbers), max(numbers)
    if domain.normal:
        return domain.mean - 3 * domain.sd, domain.mean + 3 * domain.sd, False
    log = low > 0 and high / low > 30
    return (low, high, log) if low < high else (low - 0.5, high + 0.5, False)


def _bins(domain: Domain, low: float, high: float, log: bool) -> np.ndarray:
    """Edges of the bars; whole numbers get bars of the same whole width, else some would hold more of them."""
    if log:
        return np.linspace(math.log(low), math.log(high), BINS + 1)
    if domain.integer:
        first, end, step = index_range(domain)
        width = math.ceil((end - first) / BINS)
        return step * (first + width * np.arange(math.ceil((end - first) / width) + 1))
    return np.linspace(low, high, BINS + 1)
