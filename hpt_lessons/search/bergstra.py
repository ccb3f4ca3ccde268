"""Grid against random: why does random search beat a grid, and when does it not?

Bergstra & Bengio, Random search for hyper-parameter optimization (JMLR 13, 2012): figure 1 (nine trials, and one axis
that matters) and figure 8 (how often do N trials of each layout hit a target of 1 % of the volume?). The paper does not
say where the ticks of its grids stand; three answers are here, and they differ greatly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from hpt_lessons import checks
from hpt_lessons.search import layouts
from hpt_lessons.search.ticks import even_ticks

VOLUME = 0.01  # of every target of figure 8


def distinct_values(points: np.ndarray) -> list[int]:
    """How many different values each axis is tried at: the shadows of figure 1."""
    return [len(np.unique(column)) for column in points.T]


def figure_1(points: np.ndarray, peaks: np.ndarray, width: float = 0.05, weight: float = 0.1) -> np.ndarray:
    """The best value that a layout finds on a function of which one axis matters and one hardly does.

    f(x, y) = g(x) + weight * g(y), where g is a bell of this width and height 1. `peaks` (repeats, 2) says where the
    two bells stand; the answer has one value for each repeat. The paper draws the idea, no numbers: the bells are ours.
    """
    distance = (points[None, :, :] - peaks[:, None, :]) / width
    bells = np.exp(-0.5 * distance**2)
    best: np.ndarray = (bells[:, :, 0] + weight * bells[:, :, 1]).max(axis=1)
    return best


def narrow_peak_hits(points: np.ndarray, width: float, seed: int, targets: int = 20_000) -> float:
    """How often a layout tries a value in an interval of this width along the first axis, the only one that matters.

    The interval lies anywhere in [0, 1]: the idea of figure 1 with a yes-or-no answer.
    """
    low = checks.generator(seed).random(targets) * (1 - width)
    values = np.sort(np.unique(points[:, 0]))
    following = np.searchsorted(values, low)
    padded = np.append(values, np.inf)
    return float(np.mean(padded[following] <= low + width))


def at_least_one_hit(share: float, trials: int) -> float:
    """Probability that random trials find a region with this share of the volume: 1 - (1 - share)^trials."""
    checks.share("share", share)
    checks.whole("trials", trials)
    if share == 1:
        return 1.0
    return -math.expm1(trials * math.log1p(-share))


def trials_needed(share: float, probability: float = 0.95) -> int:
    """Random trials that find a region with this share of the volume with this probability.

    >>> trials_needed(0.05), trials_needed(0.01)
    (59, 299)
    """
    checks.share("share", share, whole_too=False)
    checks.share("probability", probability, whole_too=False)
    return math.ceil(math.log1p(-probability) / math.log1p(-share))


def targets(dimension: int, shape: str, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corners of targets of figure 8, each an array (count, dimension).

    Every target has 1 % of the volume and lies inside of the unit cube: a "cube", or a "box" whose sides are drawn
    uniformly and scaled to that volume (drawn again when one exceeds 1).
    """
    if shape not in ("cube", "box"):
        raise ValueError(f"shape {shape!r}: 'cube' or 'box' was expected")
    rng = checks.generator(seed)
    if shape == "cube":
        sides = np.full((count, dimension), VOLUME ** (1 / dimension))
    else:
        sides = np.array([_box(dimension, rng) for _ in range(count)])
    low = rng.random((count, dimension)) * (1 - sides)
    return low, low + sides


def _box(dimension: int, rng: np.random.Generator) -> np.ndarray:
    while True:
        sides = rng.random(dimension)
        sides *= (VOLUME / sides.prod()) ** (1 / dimension)
        if sides.max() <= 1:
            return sides


def hit_rate(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Share of the targets that hold at least one of the points."""
    hit = np.zeros(len(low), dtype=bool)
    for point in points:
        hit |= ((low <= point) & (point <= high)).all(axis=1)
    return float(hit.mean())


def figure_8(
    layout: str, dimension: int, shape: str, trials: int, *, repeats: int = 12, count: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Mean hit rate of a layout over repeats with new targets (and new points), and its standard error.

    `layout`: "random", "latin_hypercube", "sobol", "halton", "sobol_raw" (not scrambled), "grid_centres", "grid_ends",
    "grid_inside" (the most even grid that is affordable; `best_grid_hit_rate` looks through all the others).
    """
    rates = []
    for repeat in range(repeats):
        low, high = targets(dimension, shape, count, seed + 2 * repeat)
        rates.append(hit_rate(_points(layout, trials, dimension, seed + 2 * repeat + 1), low, high))
    return float(np.mean(rates)), float(np.std(rates, ddof=1) / math.sqrt(repeats))


def _points(layout: str, trials: int, dimension: int, seed: int) -> np.ndarray:
    if layout in ("grid_centres", "grid_ends", "grid_inside"):
        return layouts.unit_grid(even_ticks([math.inf] * dimension, trials), layout.removeprefix("grid_"))
    if layout == "sobol_raw":
        return layouts.unit_sobol(trials, dimension, scramble=False)
    points: np.ndarray = getattr(layouts, f"unit_{layout}")(trials, dimension, seed)
    return points


def monotone_grids(dimension: int, trials: int) -> Iterator[tuple[int, ...]]:
    """The grids that figure 8 compares: ticks per axis that never increase, and no tick more affordable.

    Every such grid has at most `trials` points, and one more tick on any axis would be too many (or break the order).
    Targets are as likely on any axis, so an order says nothing: 8 x 4 x 2 stands for 2 x 8 x 4 too.
    """

    def extend(ticks: tuple[int, ...], room: int) -> Iterator[tuple[int, ...]]:
        if len(ticks) == dimension:
            yield ticks
            return
        for count in range(min(room, ticks[-1] if ticks else room), 0, -1):
            yield from extend((*ticks, count), room // count)

    for ticks in extend((), trials):
        grown = ((*ticks[:i], ticks[i] + 1, *ticks[i + 1 :]) for i in range(dimension))
        if all(math.prod(more) > trials for more in grown if list(more) == sorted(more, reverse=True)):
            yield ticks


def best_grid_hit_rate(trials: int, low: np.ndarray, high: np.ndarray, rule: str) -> tuple[float, tuple[int, ...]]:
    """The best hit rate of all monotone grids, and its ticks: the strongest opponent for random search."""
    rates = {ticks: grid_hit_rate(ticks, low, high, rule) for ticks in monotone_grids(low.shape[1], trials)}
    best = max(rates, key=rates.__getitem__)
    return rates[best], best


def grid_hit_rate(ticks: Sequence[int], low: np.ndarray, high: np.ndarray, rule: str) -> float:
    """The hit rate of a grid, axis by axis: a target is hit when a tick lies inside of it on every axis.

    Since targets lie wholly inside of the cube, no rule hits more of them than ticks at i / (k + 1), the "inside": k
    ticks cover k * w of the 1 - w places where an interval of width w may begin, or all of them, and more cannot be.
    """
    hit = np.ones(len(low), dtype=bool)
    for axis, count in enumerate(ticks):
        values = layouts.unit_grid([count], rule)[:, 0]
        following = np.append(values, np.inf)[np.searchsorted(values, low[:, axis])]
        hit &= following <= high[:, axis]
    return float(hit.mean())
