"""Layouts: where do I put my trials when I choose them all beforehand, and where do I look next?

Grid and random search and the question between them: Bergstra & Bengio, Random search for hyper-parameter optimization
(JMLR 13, 2012). Latin hypercube: McKay, Beckman & Conover (Technometrics 21, 1979). Sobol and Halton points come from
`scipy.stats.qmc`. All layouts are lists of configurations; in the unit cube they are arrays of shape (trials, axes).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hpt_lessons.search import space as spaces
from hpt_lessons.search.domains import Domain, index_range, position_of, to_ray, value_at

Space = Mapping[str, Any]
Config = dict[str, Any]


def grid(
    space: Space, ticks: int | Mapping[str, int] = 3, rule: str = "ends", scale: str | None = None
) -> list[Config]:
    """Every combination of `ticks` values of each axis; the last axis changes fastest.

    `ticks` is one number, or a number for each name ({"lr": 5, "optimizer/momentum": 2}; the others get 3). `rule`
    ("ends", "centres" or "inside") and `scale` are those of `space.grid_points`. Names, switches and `grid_search`
    lists are taken whole; `sample_from` is refused.
    """
    spaces.validate(space, functions=False, searcher="a grid")
    searched = spaces.axes(space)
    chosen = _ticks(searched, ticks)
    points = [spaces.grid_points(axis.domain, chosen[axis.name], rule, scale) for axis in searched]
    paths = [axis.path for axis in searched]
    return [spaces.with_values(space, dict(zip(paths, point, strict=True))) for point in itertools.product(*points)]


def _ticks(searched: list[spaces.Axis], ticks: int | Mapping[str, int]) -> dict[str, int]:
    names = [axis.name for axis in searched]
    if not isinstance(ticks, Mapping):
        return dict.fromkeys(names, ticks)
    unknown = [name for name in ticks if name not in names]
    if unknown:
        raise ValueError(f"ticks for {unknown[0]!r}: the search space has no such axis; it has {', '.join(names)}")
    return {name: ticks.get(name, 3) for name in names}


def random(space: Space, num_samples: int, seed: spaces.Seed = None) -> list[Config]:
    """Random configurations, each drawn by itself: the first five of nine are those of five.

    As in Ray, a `grid_search` is gone through in full for each of the `num_samples` draws.
    """
    spaces.validate(space)
    rng = np.random.default_rng(seed)
    lists = [axis for axis in spaces.axes(space) if axis.domain.kind == "grid_search"]
    configs = []
    for _ in range(num_samples):
        for listed in itertools.product(*(axis.domain.values for axis in lists)):
            fixed = {axis.path: value for axis, value in zip(lists, listed, strict=True)}
            configs.append(spaces.sample(spaces.with_values(space, fixed), rng))
    return configs


def latin_hypercube(space: Space, num_samples: int, seed: spaces.Seed = None) -> list[Config]:
    """One trial in each of `num_samples` equal slices of every axis."""
    return _spread(space, unit_latin_hypercube(num_samples, _dimension(space), seed))


def sobol(space: Space, num_samples: int, seed: spaces.Seed = None) -> list[Config]:
    """Scrambled Sobol points: evenly spread in every corner of the cube, best in powers of two."""
    return _spread(space, unit_sobol(num_samples, _dimension(space), seed))


def halton(space: Space, num_samples: int, seed: spaces.Seed = None) -> list[Config]:
    """Scrambled Halton points: evenly spread at every number of trials, in few dimensions."""
    return _spread(space, unit_halton(num_samples, _dimension(space), seed))


def _dimension(space: Space) -> int:
    spaces.validate(space, grids=False, functions=False, searcher="a layout in the unit cube")
    return len(spaces.axes(space))


def _spread(space: Space, points: np.ndarray) -> list[Config]:
    return [spaces.from_unit(space, point) for point in points]


def unit_grid(ticks: Sequence[int], rule: str = "ends") -> np.ndarray:
    """A grid in the unit cube with ticks[i] values along axis i; shape (product of the ticks, axes)."""
    axis = uniform_axis()
    columns = [spaces.grid_points(axis, count, rule) for count in ticks]
    return np.array(list(itertools.product(*columns)))


def uniform_axis() -> Domain:
    """The unit interval."""
    return Domain("uniform", lower=0.0, upper=1.0)


def unit_random(num_samples: int, dimension: int, seed: spaces.Seed = None) -> np.ndarray:
    """Independent uniform points in the unit cube."""
    return np.random.default_rng(seed).random((num_samples, dimension))


def unit_latin_hypercube(num_samples: int, dimension: int, seed: spaces.Seed = None) -> np.ndarray:
    """A random point in one cell of each slice: along every axis the slices are shuffled anew."""
    rng = np.random.default_rng(seed)
    slices = np.argsort(rng.random((num_samples, dimension)), axis=0)
    return (slices + rng.random((num_samples, dimension))) / max(num_samples, 1)


def unit_sobol(num_samples: int, dimension: int, seed: spaces.Seed = None, scramble: bool = True) -> np.ndarray:
    """The first Sobol points; not scrambled they start at the origin and are the same for every seed.

    SciPy scrambles the binary digits of the places, with a random linear matrix and a random shift (Matousek, On the
    L2-discrepancy for anchored boxes, Journal of Complexity 14, 1998); the nested scrambling of Owen costs more. With
    either, each point is uniform in the cube, and all of them together stay as evenly spread as before.
    """
    from scipy.stats import qmc

    rng = np.random.default_rng(seed)
    sequence = qmc.Sobol(dimension, scramble=scramble, rng=rng)
    power = math.ceil(math.log2(max(num_samples, 1)))  # a whole power of two, cut: SciPy warns of other numbers
    return sequence.random_base2(power)[:num_samples]


def unit_halton(num_samples: int, dimension: int, seed: spaces.Seed = None, scramble: bool = True) -> np.ndarray:
    """The first Halton points."""
    from scipy.stats import qmc

    return qmc.Halton(dimension, scramble=scramble, rng=np.random.default_rng(seed)).random(num_samples)


def zoom(
    space: Space, configs: Sequence[Mapping], losses: Sequence[float], *, width: float = 1 / 3, keep: int = 3
) -> Config:
    """A narrower space around the best configuration: the second stage of 'random first, then a grid'.

    Along each axis the box takes `width` of the old range (of its logarithm for a log scale), with the best in the
    middle; at a border the box is moved inwards, not cut. Names and switches keep the values of the best `keep` trials;
    whole numbers and numbers in a list keep the best and its neighbours at least; a step q stays. NaN loses.
    Domains come back in the form in which they were given, Ray's or ours.
    """
    spaces.validate(space, grids=False, functions=False, searcher="zooming in")
    if not 0 < width <= 1:
        raise ValueError(f"width {width!r}: a share of the range in (0, 1] was expected")
    ranked = _best_first(configs, losses)
    narrowed = {}
    for axis in spaces.axes(space):
        positions = [spaces.position(axis, config) for config in ranked[: max(keep, 1)]]
        domain = _narrow(axis.domain, positions, width)
        given = _given(space, axis.path)
        narrowed[axis.path] = domain if isinstance(given, Domain) else to_ray(domain)
    return spaces.with_values(space, narrowed)


def _best_first(configs: Sequence[Mapping], losses: Sequence[float]) -> list[Mapping]:
    if len(configs) != len(losses):
        raise ValueError(f"{len(configs)} configurations and {len(losses)} losses: one loss for each was expected")
    finite = [index for index, loss in enumerate(losses) if math.isfinite(loss)]
    if not finite:
        raise ValueError("zooming in needs at least one configuration with a finite loss")
    return [configs[index] for index in sorted(finite, key=lambda index: losses[index])]


def _given(space: Mapping, path: tuple[str, ...]) -> Any:
    for key in path:
        space = space[key]
    return space


def _narrow(domain: Domain, positions: list[float], width: float) -> Domain:
    """The domain within a box of `width` around the first position."""
    low = min(max(positions[0] - width / 2, 0.0), 1.0 - width)
    high = low + width
    if domain.normal:
        return replace(domain, mean=value_at(replace(domain, q=None), positions[0]), sd=domain.sd * width)
    if domain.categorical:
        count = len(domain.values)
        kept = {int(u * count) for u in positions}
        if domain.ordered:
            best = int(positions[0] * count)
            kept = {i for i in range(count) if abs(i - best) <= 1 or low <= (i + 0.5) / count <= high}
        return replace(domain, values=tuple(domain.values[i] for i in sorted(kept)))
    if domain.integer:
        return _narrow_integer(domain, positions[0], low, high)
    if domain.q is not None:
        return _narrow_steps(domain, positions[0], low, high)
    return replace(domain, lower=value_at(domain, low), upper=value_at(domain, high))


def _narrow_integer(domain: Domain, best: float, low: float, high: float) -> Domain:
    start, end, step = index_range(domain)
    middle = value_at(domain, best)
    first = max(min(value_at(domain, low), middle - step), start * step)
    last = min(max(value_at(domain, high), middle + step), (end - 1) * step)
    return replace(domain, lower=first, upper=last + 1 if step == 1 else last)


def _narrow_steps(domain: Domain, best: float, low: float, high: float) -> Domain:
    """Ends on multiples of q, at least one step apart."""
    lower, upper = value_at(domain, low), value_at(domain, high)
    if round((upper - lower) / domain.q) < 1:
        upper = lower + domain.q if lower + domain.q <= domain.upper + domain.q / 2 else upper
        lower = lower if upper > lower else lower - domain.q
    exact = [float(f"{value:.12g}") for value in (lower, upper)]
    return replace(domain, lower=exact[0], upper=exact[1])


def at_edge(space: Space, config: Mapping[str, Any], margin: float = 0.05) -> dict[str, str]:
    """The axes on whose border a configuration lies: {'lr': 'upper'}; then the range was chosen too small.

    A real number lies on the border within `margin` of the range, a number of a list or a whole number when it is the
    first or the last of at least three. Names and normal domains have no border.
    """
    spaces.validate(space, functions=False, searcher="the edge check")
    found = {}
    for axis in spaces.axes(space):
        if not axis.domain.ordered or axis.domain.normal:
            continue
        u = spaces.position(axis, config)
        near = _edge_cell(axis.domain, u, margin)
        if u <= near[0] or u >= near[1]:
            found[axis.name] = "lower" if u <= near[0] else "upper"
    return found


def _edge_cell(domain: Domain, u: float, margin: float) -> tuple[float, float]:
    """Positions at or beyond which a value counts as lying on the border."""
    if not (domain.categorical or domain.integer):
        return margin, 1 - margin
    first, last = value_at(domain, 0.0), value_at(domain, 1.0)
    count = len(domain.values) if domain.categorical else np.subtract(*index_range(domain)[1::-1])
    if count < 3:
        return -1.0, 2.0
    return max(margin, position_of(domain, first)), min(1 - margin, position_of(domain, last))
