"""The methods that lessons and findings compare, on a pool of recorded trials.

Each is a function of the pool, a seed, the epochs of a full training and the budget in epochs, and gives a searcher and
a scheduler; `recorded.methods` has those for all other objectives. With the same seed all that draw at random try the
same configurations in the same order.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from hpt_lessons.recorded.methods import ETA
from hpt_lessons.recorded.pool import Pool
from hpt_lessons.search.asha import PromotionASHA, StoppingASHA
from hpt_lessons.search.bohb import BOHBSampler, Proposal
from hpt_lessons.search.halving import Hyperband, NoStopping, SuccessiveHalving
from hpt_lessons.search.protocols import Searcher
from hpt_lessons.search.searchers import RandomThenGrid
from hpt_lessons.search.space import Config


def random_order(pool: Pool, seed: int) -> np.ndarray:
    """The places of the pool's configurations as random search with this seed tries them."""
    return np.random.default_rng([seed, 8]).permutation(len(pool))


class FromPool(Searcher):
    """Random search on a pool: its configurations in a random order, each once."""

    def __init__(self, pool: Pool, seed: int):
        self.configs, self.num_trials = pool.configs, len(pool)
        self._order = iter(random_order(pool, seed))

    def ask(self) -> Config | None:
        place = next(self._order, None)
        return None if place is None else dict(self.configs[place])

    def tell(self, config: Mapping[str, Any], budget: int, loss: float) -> None:
        """Nothing is learned from results."""


class ModelOfPool(BOHBSampler):
    """BOHB's model on a pool: it draws around good points as ever, and compares what is left nearest to these draws.

    To compare all that is left would send it to where it knows nothing: far from every point both densities vanish, and
    their ratio says no more. A random proposal is what random search with this seed would try next: the two differ by
    the model and by nothing else.
    """

    def __init__(self, pool: Pool, seed: int, **model: Any):
        super().__init__(pool.space, seed=seed, **model)
        self.configs, self.num_trials, self.left = pool.configs, len(pool), list(random_order(pool, seed))
        self.positions = np.array([[self._coordinate(axis, config) for axis in self.axes] for config in pool.configs])

    def ask(self) -> Config | None:
        """The next configuration; None when all have been tried."""
        if not self.left:
            return None
        config = super().ask()
        self.left = [place for place in self.left if self.configs[place] is not config]
        return dict(config)

    def proposal(self) -> Proposal:
        """What `ask()` will answer, and why; looking changes nothing."""
        rng = np.random.default_rng([self.seed, self.asked])
        model = self.model()
        if model is None or rng.random() < self.random_fraction:
            return Proposal(self.configs[self.left[0]])
        good, bad = model
        places = self._nearest(good.draw(self.num_samples, rng, self.bandwidth_factor))
        points = self.positions[places]
        ratio = good.log_pdf(points) - bad.log_pdf(points)
        return Proposal(self.configs[places[np.argmax(ratio)]], points, ratio)

    def _nearest(self, points: np.ndarray) -> np.ndarray:
        """Places of what is left nearest to the points; another category is as far away as the ends of an axis."""
        apart = self.positions[self.left] - points[:, None]
        apart[..., self.levels > 0] = apart[..., self.levels > 0] != 0
        return np.array(self.left)[np.argmin((apart**2).sum(axis=2), axis=1)]


class NearestOfPool(Searcher):
    """Any other searcher on a pool: whatever it proposes, the nearest configuration that is left is trained for it.

    Near means near in the unit cube of `Pool.space`; of categories, another one is as far away as the ends of an axis.
    """

    def __init__(self, pool: Pool, searcher: Searcher):
        self.searcher, self.pool, self.left = searcher, pool, list(range(len(pool)))
        self.num_trials, self.barriers = searcher.num_trials, searcher.barriers
        self.positions = np.array([self._spread(config) for config in pool.configs])

    def ask(self) -> Config | None:
        wished = self.searcher.ask() if self.left else None
        if wished is None:
            return None
        distances = ((self.positions[self.left] - self._spread(wished)) ** 2).sum(axis=1)
        return dict(self.pool.configs[self.left.pop(int(np.argmin(distances)))])

    def tell(self, config: Mapping[str, Any], budget: int, loss: float) -> None:
        self.searcher.tell(config, budget, loss)

    def _spread(self, config: Mapping[str, Any]) -> np.ndarray:
        """The position of each number, and for a category a coordinate for each of its values."""
        parts = []
        for axis in self.pool.space.axes:
            if axis.domain.categorical:
                parts.append([math.sqrt(0.5) * (axis.of(config) == value) for value in axis.domain.values])
            else:
                parts.append([axis.position(config)])
        return np.concatenate(parts)


def one_epoch(pool: Pool, seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """One epoch for a third of the budget, then the best of them to the end (Egele et al. 2023, "1-Epoch").

    What is spent on first epochs is what ASHA spends there; the number of configurations is the same.
    """
    count = min(max(budget // 3, 2), len(pool))
    places = max((budget - count) // max(max_epochs - 1, 1), 1)
    return FromPool(pool, seed), SuccessiveHalving([(count, 1), (min(places, count), max_epochs)])


def model(pool: Pool, seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """BOHB's model on full trainings: nobody is stopped. A multivariate tree of Parzen estimators, after all."""
    return ModelOfPool(pool, seed), NoStopping(max_epochs)


def random_then_grid(pool: Pool, seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    """Random trials, then those that are nearest to a grid around the best of them."""
    return NearestOfPool(pool, RandomThenGrid(pool.space, budget // max_epochs, seed)), NoStopping(max_epochs)


def _drawn(make: Callable[[int], Any], pool: Pool, seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    return FromPool(pool, seed), make(max_epochs)


def _modelled(make: Callable[[int], Any], pool: Pool, seed: int, max_epochs: int, budget: int) -> tuple[Any, Any]:
    return ModelOfPool(pool, seed), make(max_epochs)


METHODS: dict[str, Callable[[Pool, int, int, int], tuple[Any, Any]]] = {
    "random": partial(_drawn, NoStopping),
    "random-then-grid": random_then_grid,
    "one-epoch": one_epoch,
    "asha": partial(_drawn, lambda epochs: StoppingASHA(1, epochs, ETA)),
    "asha-from-3": partial(_drawn, lambda epochs: StoppingASHA(3, epochs, ETA)),
    "asha-from-9": partial(_drawn, lambda epochs: StoppingASHA(9, epochs, ETA)),
    "asha-promotion": partial(_drawn, lambda epochs: PromotionASHA(1, epochs, ETA)),
    "asha-promotion-from-3": partial(_drawn, lambda epochs: PromotionASHA(3, epochs, ETA)),
    "asha-promotion-from-9": partial(_drawn, lambda epochs: PromotionASHA(9, epochs, ETA)),
    "hyperband": partial(_drawn, lambda epochs: Hyperband(1, epochs, ETA)),
    "hyperband-from-3": partial(_drawn, lambda epochs: Hyperband(3, epochs, ETA)),
    "bohb": partial(_modelled, lambda epochs: Hyperband(1, epochs, ETA)),
    "model": model,
}
