"""How much of the variance is due to each axis of a full table, and to each combination of axes? Exactly.

A table with a number for every combination of settings is a sum of effects: the mean, an effect of each axis alone, of
each pair beyond both alone, and so on (functional ANOVA; Hooker 2007, "Generalized functional ANOVA diagnostics";
Hutter, Hoos & Leyton-Brown, ICML 2014, section 3). Effects of different axes are uncorrelated, so their variances add
up to the variance of the table. No model is fitted: everything is a mean over cells.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

Subset = tuple[int, ...]


def decompose(
    cells: np.ndarray, weights: Sequence[np.ndarray] | None = None, order: int = 2
) -> tuple[dict[Subset, float], float]:
    """Variance of each effect of up to `order` axes, and the variance of the whole table.

    `cells` has one axis a hyperparameter, shape (levels of the first, levels of the second, ...); `weights` says for
    each axis how much each level counts (any scale; default: all the same). Keys are axes: (0,) for the first alone,
    (0, 1) for what the first two do together beyond each alone.

    Pure addition has no interaction; in an exclusive or there is nothing else:

    >>> decompose(np.array([[0.0, 1.0], [1.0, 2.0]]))
    ({(0,): 0.25, (1,): 0.25, (0, 1): 0.0}, 0.5)
    >>> decompose(np.array([[0.0, 1.0], [1.0, 0.0]]))
    ({(0,): 0.0, (1,): 0.0, (0, 1): 0.25}, 0.25)
    """
    shares = _weights(cells, weights)
    effects: dict[Subset, np.ndarray] = {(): _mean_except((), cells, shares)}
    variances = {}
    for axes in subsets(cells.ndim, order):
        # What is left of the mean at these settings once the smaller effects are taken away.
        smaller = sum(effects[inner] for size in range(len(axes)) for inner in combinations(axes, size))
        effects[axes] = _mean_except(axes, cells, shares) - smaller
        variances[axes] = float(_mean_except((), effects[axes] ** 2, shares).item())
    total = float(_mean_except((), (cells - effects[()]) ** 2, shares).item())
    return variances, total


def subsets(axes: int, order: int) -> Iterator[Subset]:
    """Each combination of one up to `order` axes, the small ones first."""
    for size in range(1, min(order, axes) + 1):
        yield from combinations(range(axes), size)


def _mean_except(keep: Subset, cells: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
    """Weighted mean over all axes but those to keep; the others stay, with length 1, so that results can be added."""
    for axis in set(range(cells.ndim)) - set(keep):
        if cells.shape[axis] > 1:
            along = weights[axis].reshape([-1 if other == axis else 1 for other in range(cells.ndim)])
            cells = (cells * along).sum(axis=axis, keepdims=True)
    return cells


def _weights(cells: np.ndarray, weights: Sequence[np.ndarray] | None) -> list[np.ndarray]:
    if not np.isfinite(cells).all():
        raise ValueError("decompose: the table has empty cells; leave out levels until every combination was tried.")
    weights = [np.ones(levels) for levels in cells.shape] if weights is None else [np.array(w, float) for w in weights]
    for axis, (weight, levels) in enumerate(zip(weights, cells.shape, strict=True)):
        if weight.shape != (levels,) or not (weight >= 0).all() or not weight.sum() > 0:
            raise ValueError(f"decompose: axis {axis} has {levels} levels; give each a weight of at least 0.")
    return [weight / weight.sum() for weight in weights]
