"""The methods that the lessons compare, ready to be replayed with any seed.

Each is a small function of the search space, a seed, the epochs of a full training and the budget in epochs; it gives a
searcher and a scheduler. With the same seed random search, ASHA and Hyperband try the same configurations in the same
order, so that their differences can be taken in pairs.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hpt_lessons.search import layouts
from hpt_lessons.search.asha import PromotionASHA, StoppingASHA
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.search.halving import Hyperband, NoStopping
from hpt_lessons.search.searchers import Listed, RandomSearch, RandomThenGrid
from hpt_lessons.search.space import Config, Space
from hpt_lessons.search.ticks import even_ticks

Method = Callable[[Mapping[str, Any], int, int, int], tuple[Any, Any]]
ETA = 3


def shifted_grid(space: Mapping[str, Any], trials: int, seed: int) -> list[Config]:
    """A grid of at most so many trials, moved by a random offset and run in a random order.

    The lattice with n ticks on an axis is moved by up to one spacing and wraps around at the ends, all of it by the
    same offset: it stands at (k + u) / n with one u an axis. So the spacing stays equal, which is what makes it a grid,
    and over the repeats every value is tried equally often. (Each point moved within its own cell would be another
    layout, with nine different values on an axis instead of three.) A tick on a list of values is the value under it.
    """
    space = Space.of(space, functions=False, searcher="a grid")
    axes = space.axes
    if not axes:
        raise ValueError("search space: nothing is searched; a grid needs a domain such as tune.uniform(0, 1).")
    ticks = even_ticks([axis.domain.size for axis in axes], trials)
    rng = np.random.default_rng([seed, 4])
    offsets = rng.random(len(axes))
    columns = [(np.arange(count) + offset) / count for count, offset in zip(ticks, offsets, strict=True)]
    points = np.stack(np.meshgrid(*columns, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return [space.at(point) for point in rng.permutation(points)]


def random(space: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """Random search: as many trials as the budget pays for to their end."""
    return Listed(layouts.random(space, max(budget // max_epochs, 1), seed)), NoStopping(max_epochs)


def grid(space: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """The most even grid that the budget pays for, shifted at random; what it leaves of the budget is not used."""
    return Listed(shifted_grid(space, max(budget // max_epochs, 1), seed)), NoStopping(max_epochs)


def random_then_grid(space: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """Random trials, then a grid around the best of them."""
    return RandomThenGrid(space, budget // max_epochs, seed), NoStopping(max_epochs)


def hyperband(space: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """Random configurations in the brackets of Hyperband."""
    return RandomSearch(space, seed), Hyperband(1, max_epochs, ETA)


def asha(space: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """Random configurations, stopped by the rule of Ray's ASHA."""
    return RandomSearch(space, seed), StoppingASHA(1, max_epochs, ETA)


def asha_promotion(space: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """Random configurations, promoted by the rule of the paper's ASHA."""
    return RandomSearch(space, seed), PromotionASHA(1, max_epochs, ETA)


def bohb(space: Mapping[str, Any], seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """Configurations from the model of BOHB in the brackets of Hyperband."""
    return BOHBSampler(space, seed=seed), Hyperband(1, max_epochs, ETA)


METHODS: dict[str, Method] = {
    "random": random,
    "grid": grid,
    "random-then-grid": random_then_grid,
    "hyperband": hyperband,
    "asha": asha,
    "asha-promotion": asha_promotion,
    "bohb": bohb,
}
