"""How much of the variance is due to each axis when trials are scattered, as those of a random search are?

Then there is no table with a number in every cell. A regression tree makes one: it cuts the space into boxes, in each
of which it says one number, and means over boxes are as exact as means over cells. Several trees, each grown on trials
drawn with replacement, even out the chance in where a tree cuts. This is fANOVA as Hutter, Hoos & Leyton-Brown (ICML
2014) have it, section 3. Cuts along single axes see too little of interactions: about 0.20 of a true 0.32 in 300
trials, for a ridge across two axes.
"""

from typing import NamedTuple

import numpy as np

from hpt_lessons.analysis.importance.anova import Subset, subsets


class Boxes(NamedTuple):
    """What a tree says: `values[i]` between `low[i]` and `high[i]`; shapes (leaves,), (leaves, axes), (leaves, axes).

    The boxes fill the unit cube without overlap.
    """

    low: np.ndarray
    high: np.ndarray
    values: np.ndarray


def grow(x: np.ndarray, y: np.ndarray, min_leaf: int = 2) -> Boxes:
    """Regression tree (Breiman et al. 1984, CART) for points x in the unit cube, shape (n, axes), and values y, (n,).

    A box is cut where that leaves the smallest squared error, until it has one value or fewer than 2 * min_leaf points.
    """
    leaves = []
    todo = [(np.zeros(x.shape[1]), np.ones(x.shape[1]), np.arange(len(x)))]
    while todo:
        low, high, points = todo.pop()
        cut = _best_cut(x[points], y[points], min_leaf)
        if cut is None:
            leaves.append((low, high, y[points].mean()))
            continue
        axis, place = cut
        end_of_left, begin_of_right = high.copy(), low.copy()
        end_of_left[axis] = begin_of_right[axis] = place
        left = x[points, axis] <= place
        todo += [(low, end_of_left, points[left]), (begin_of_right, high, points[~left])]
    return Boxes(*map(np.array, zip(*leaves, strict=True)))


def _best_cut(x: np.ndarray, y: np.ndarray, min_leaf: int) -> tuple[int, float] | None:
    """Axis and place of the cut after which the two means explain the values best; None if there is none."""
    count = len(y)
    if count < 2 * min_leaf or np.ptp(y) == 0:
        return None
    order = np.argsort(x, axis=0, kind="stable")
    sorted_x = np.take_along_axis(x, order, axis=0)
    below = np.cumsum((y - y.mean())[order], axis=0)[:-1]
    left = np.arange(1, count)[:, None]
    # The sum above is minus the sum below: what a cut explains is sum^2 / n of both sides.
    explained = below**2 * (1 / left + 1 / (count - left))
    allowed = (sorted_x[1:] > sorted_x[:-1]) & (left >= min_leaf) & (count - left >= min_leaf)
    if not allowed.any():
        return None
    row, axis = np.unravel_index(np.where(allowed, explained, -1).argmax(), explained.shape)
    return int(axis), float((sorted_x[row, axis] + sorted_x[row + 1, axis]) / 2)


def decompose_boxes(boxes: Boxes, order: int = 2) -> tuple[dict[Subset, float], float]:
    """Variance of each effect of up to `order` axes over the unit cube, and of the whole, as `anova.decompose` has it.

    Exact: at some settings of a few axes, the mean over the others is a sum over the boxes that these settings cross,
    each with its extent along the others. Squared and averaged, that is a sum over pairs of boxes.
    """
    extent = boxes.high - boxes.low
    mean = float(boxes.values @ extent.prod(axis=1))
    variances: dict[Subset, float] = {}
    for axes in subsets(extent.shape[1], order):
        share = boxes.values * np.delete(extent, axes, axis=1).prod(axis=1)
        together = np.ones((len(share), len(share)))
        for axis in axes:
            low, high = boxes.low[:, axis], boxes.high[:, axis]
            together *= np.maximum(np.minimum.outer(high, high) - np.maximum.outer(low, low), 0)
        smaller = sum(variance for inner, variance in variances.items() if set(inner) < set(axes))
        # Rounding may leave a hair below 0.
        variances[axes] = max(0.0, float(share @ together @ share) - mean**2 - smaller)
    total = float(boxes.values**2 @ extent.prod(axis=1)) - mean**2
    return variances, max(total, 0.0)


def decompose_scattered(
    x: np.ndarray, y: np.ndarray, *, order: int = 2, trees: int = 16, min_leaf: int = 2, seed: int = 0
) -> tuple[dict[Subset, float], float]:
    """The same for scattered points: x of shape (n, axes) in the unit cube, values y; means over the trees."""
    generator = np.random.default_rng(seed)
    parts: dict[Subset, float] = dict.fromkeys(subsets(x.shape[1], order), 0.0)
    whole = 0.0
    for _ in range(trees):
        drawn = generator.integers(len(y), size=len(y))
        variances, total = decompose_boxes(grow(x[drawn], y[drawn] - y.mean(), min_leaf), order)
        parts = {axes: part + variances[axes] / trees for axes, part in parts.items()}
        whole += total / trees
    return parts, whole
