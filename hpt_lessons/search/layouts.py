"""Layouts: where do I put my trials when I choose them all beforehand, and where do I look next?

Grid and random search and the question between them: Bergstra & Bengio, Random search for hyper-parameter optimization
(JMLR 13, 2012). Latin hypercube: McKay, Beckman & Conover (Technometrics 21, 1979). Sobol and Halton points come from
`scipy.stats.qmc`. All layouts are lists of configurations; in the unit cube they are arrays of shape (trials, axes).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hpt_lessons import checks
from hpt_lessons.search.domains import Domain, position_of, to_ray, value_at
from hpt_lessons.search.space import Config, Seed, Space
from hpt_lessons.search.ticks import even_ticks, grid_points, taken_whole


def grid(
    space: Mapping[str, Any], ticks: int | Mapping[str, int] = 3, rule: str = "ends", scale: str | None = None
) -> list[Config]:
    """Every combination of the values that `Space.grid` gives each axis; the last axis changes fastest.

    `ticks` is one number, or a number for each name ({"lr": 5, "optimizer/momentum": 2}; the others get 3). `rule`
    ("ends", "centres" or "inside") and `scale` are those of `ticks.grid_points`. Names, switches and `grid_search`
    lists are taken whole; `sample_from` is refused.
    """
    space = Space.of(space, functions=False, searcher="a grid")
    columns = space.grid(ticks, rule, scale).values()
    paths = [axis.path for axis in space.axes]
    return [space.with_values(dict(zip(paths, point, strict=True))) for point in itertools.product(*columns)]


def even_grid(space: Mapping[str, Any], num_samples: int, rule: str = "ends") -> list[Config]:
    """The most even grid of at most so many trials.

    ValueError where already the names, switches and `grid_search` lists, which are taken whole, make too many.
    """
    checks.whole("num_samples", num_samples)
    space = Space.of(space, functions=False, searcher="a grid")
    domains = [axis.domain for axis in space.axes]
    least = [len(domain.values) if taken_whole(domain) else 1 for domain in domains]
    ticks = even_ticks([domain.size for domain in domains], num_samples, least)
    return grid(space, {axis.name: count for axis, count in zip(space.axes, ticks, strict=True)}, rule)


def random(space: Mapping[str, Any], num_samples: int, seed: Seed = None) -> list[Config]:
    """Random configurations, each drawn by itself: the first five of nine are those of five.

    As in Ray, a `grid_search` is gone through in full for each of the `num_samples` draws.
    """
    space = Space.of(space)
    num_samples = checks.whole("num_samples", num_samples)
    rng = checks.generator(seed)
    lists = [axis for axis in space.axes if axis.domain.kind == "grid_search"]
    paths = [axis.path for axis in lists]
    listed = [dict(zip(paths, values, strict=True)) for values in itertools.product(*(a.domain.values for a in lists))]
    return [space.sample(rng, fixed) for _ in range(num_samples) for fixed in listed]


def latin_hypercube(space: Mapping[str, Any], num_samples: int, seed: Seed = None) -> list[Config]:
    """One trial in each of `num_samples` equal slices of every axis."""
    return _spread(unit_latin_hypercube, space, num_samples, seed)


def sobol(space: Mapping[str, Any], num_samples: int, seed: Seed = None) -> list[Config]:
    """Scrambled Sobol points: evenly spread in every corner of the cube, best in powers of two."""
    return _spread(unit_sobol, space, num_samples, seed)


def halton(space: Mapping[str, Any], num_samples: int, seed: Seed = None) -> list[Config]:
    """Scrambled Halton points: evenly spread at every number of trials, in few dimensions."""
    return _spread(unit_halton, space, num_samples, seed)


def _spread(
    points: Callable[[int, int, Seed], np.ndarray], space: Mapping[str, Any], num_samples: int, seed: Seed
) -> list[Config]:
    space = Space.of(space, grids=False, functions=False, searcher="a layout in the unit cube")
    checks.whole("num_samples", num_samples)
    return [space.at(point) for point in points(num_samples, len(space.axes), seed)]


def unit_grid(ticks: Sequence[int], rule: str = "ends") -> np.ndarray:
    """A grid in the unit cube with ticks[i] values along axis i; shape (product of the ticks, axes)."""
    axis = uniform_axis()
    columns = [grid_points(axis, count, rule) for count in ticks]
    return np.array(list(itertools.product(*columns)))


def uniform_axis() -> Domain:
    """The unit interval."""
    return Domain("uniform", lower=0.0, upper=1.0)


def unit_random(num_samples: int, dimension: int, seed: Seed = None) -> np.ndarray:
    """Independent uniform points in the unit cube."""
    return checks.generator(seed).random((num_samples, dimension))


def unit_latin_hypercube(num_samples: int, dimension: int, seed: Seed = None) -> np.ndarray:
    """A random point in one cell of each slice: along every axis the slices are shuffled anew."""
    rng = checks.generator(seed)
    slices = np.argsort(rng.random((num_samples, dimension)), axis=0)
    return (slices + rng.random((num_samples, dimension))) / max(num_samples, 1)


def unit_sobol(num_samples: int, dimension: int, seed: Seed = None, scramble: bool = True) -> np.ndarray:
    """The first Sobol points; not scrambled they start at the origin and are the same for every seed.

    SciPy scrambles the binary digits of the places, with a random linear matrix and a random shift (Matousek, On the
    L2-discrepancy for anchored boxes, Journal of Complexity 14, 1998); the nested scrambling of Owen costs more. With
    either, each point is uniform in the cube, and all of them together stay as evenly spread as before.
    """
    from scipy.stats import qmc

    rng = checks.generator(seed)
    sequence = qmc.Sobol(dimension, scramble=scramble, rng=rng)
    power = math.ceil(math.log2(max(num_samples, 1)))  # a whole power of two, cut: SciPy warns of other numbers
    points: np.ndarray = sequence.random_base2(power)[:num_samples]
    return points


def unit_halton(num_samples: int, dimension: int, seed: Seed = None, scramble: bool = True) -> np.ndarray:
    """The first Halton points."""
    from scipy.stats import qmc

    sequence = qmc.Halton(dimension, scramble=scramble, rng=checks.generator(seed))
    points: np.ndarray = sequence.random(num_samples)
    return points


def zoom(
    space: Mapping[str, Any],
    configs: Sequence[Mapping[str, Any]],
    losses: Sequence[float],
    *,
    width: float = 1 / 3,
    keep: int = 3,
) -> Config:
    """A narrower space around the best configuration: the second stage of 'random first, then a grid'.

    Along each axis the box takes `width` of the old range (of its logarithm for a log scale), with the best in the
    middle; at a border the box is moved inwards, not cut. Names and switches keep the values of the best `keep` trials;
    whole numbers and numbers in a list keep the best and its neighbours at least; a step q stays. NaN loses.
    Domains come back in the form in which they were given, Ray's or ours.
    """
    space = Space.of(space, grids=False, functions=False, searcher="zooming in")
    checks.share("width", width)
    best = _best_first(configs, losses)[: max(keep, 1)]
    narrowed = {}
    for axis in space.axes:
        domain = _narrow(axis.domain, [axis.position(config) for config in best], width)
        narrowed[axis.path] = domain if isinstance(axis.given, Domain) else to_ray(domain)
    return space.with_values(narrowed)


def _best_first(configs: Sequence[Mapping[str, Any]], losses: Sequence[float]) -> list[Mapping[str, Any]]:
    if len(configs) != len(losses):
        raise ValueError(f"{len(configs)} configurations and {len(losses)} losses: one loss for each was expected")
    finite = [index for index, loss in enumerate(losses) if math.isfinite(loss)]
    if not finite:
        raise ValueError("zooming in needs at least one configuration with a finite loss")
    return [configs[index] for index in sorted(finite, key=lambda index: losses[index])]


def _narrow(domain: Domain, best: Sequence[float], width: float) -> Domain:
    """The domain within a box of `width` around the first of the best positions."""
    low = min(max(best[0] - width / 2, 0.0), 1.0 - width)
    if domain.categorical:
        return replace(domain, values=_kept_values(domain, best, low, low + width))
    if domain.normal:
        return replace(domain, mean=value_at(replace(domain, q=None), best[0]), sd=domain.sd * width)
    lower, upper = value_at(domain, low), value_at(domain, low + width)
    if domain.integer:
        lower, upper = _with_neighbours(domain, value_at(domain, best[0]), lower, upper)
    elif domain.q is not None:
        lower, upper = _a_step_apart(domain, lower, upper)
    return replace(domain, lower=lower, upper=upper)


def _kept_values(domain: Domain, best: Sequence[float], low: float, high: float) -> tuple[Any, ...]:
    """Of numbers those in the box and the neighbours of the best, of names those of all the best."""
    count = len(domain.values)
    cells = [int(position * count) for position in best]
    if not domain.ordered:
        return tuple(domain.values[cell] for cell in sorted(set(cells)))
    return tuple(
        value
        for cell, value in enumerate(domain.values)
        if abs(cell - cells[0]) <= 1 or low <= (cell + 0.5) / count <= high
    )


def _with_neighbours(domain: Domain, best: int, lower: int, upper: int) -> tuple[int, int]:
    """Bounds between which the best and its two neighbours lie, as far as the domain has them."""
    start, end, step = domain.indices
    first = max(min(lower, best - step), start * step)
    last = min(max(upper, best + step), (end - 1) * step)
    return first, last + 1 if step == 1 else last


def _a_step_apart(domain: Domain, lower: float, upper: float) -> tuple[float, float]:
    """Ends on multiples of q, at least one step apart."""
    if round((upper - lower) / domain.q) < 1:
        if lower + domain.q <= domain.upper + domain.q / 2:
            upper = lower + domain.q
        else:
            lower -= domain.q
    return float(f"{lower:.12g}"), float(f"{upper:.12g}")


def at_edge(space: Mapping[str, Any], config: Mapping[str, Any], margin: float = 0.05) -> dict[str, str]:
    """The axes on whose border a configuration lies: {'lr': 'upper'}; then the range was chosen too small.

    A real number lies on the border within `margin` of the range, a number of a list or a whole number when it is the
    first or the last of at least three. Names and normal domains have no border.
    """
    found = {}
    for axis in Space.of(space, functions=False, searcher="the edge check").axes:
        if not axis.domain.ordered or axis.domain.normal:
            continue
        u = axis.position(config)
        near = _edge_cell(axis.domain, u, margin)
        if u <= near[0] or u >= near[1]:
            found[axis.name] = "lower" if u <= near[0] else "upper"
    return found


def _edge_cell(domain: Domain, u: float, margin: float) -> tuple[float, float]:
    """Positions at or beyond which a value counts as lying on the border."""
    if not (domain.categorical or domain.integer):
        return margin, 1 - margin
    first, last = value_at(domain, 0.0), value_at(domain, 1.0)
    if domain.size < 3:
        return -1.0, 2.0
    return max(margin, position_of(domain, first)), min(1 - margin, position_of(domain, last))
