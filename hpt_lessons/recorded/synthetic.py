"""Searches on formulas, for what recorded tables are too coarse to show: the optimum is known, and so is every cause.

The final loss is a bowl over the unit cube of which few or many axes are important. How far the first epochs can be
trusted is a parameter: the rank correlation between the loss after one epoch and the final one.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpt_lessons import checks
from hpt_lessons.recorded.curves import SCOPES, Curve, check_budget, told
from hpt_lessons.search import domains
from hpt_lessons.search.space import Space
from hpt_lessons.trials import Result, one_of

LOWEST, START = 1.0, 2.3  # loss of the best configuration, and what every training begins near to, in nats
_SAMPLE = 1 << 14  # points from which the distribution of the bowl's heights is taken


class Synthetic:
    """A family of objectives with the interface of `Recorded`.

    `dimension` axes x1, x2, ... in [0, 1], the first `important` of which carry the final loss; the others together add
    `rest`, as a share of it (0: nothing at all). One axis more, `pace`, only says how fast a training is: the final
    loss does not depend on it, the first epochs do, so that curves cross. `correlation` is Spearman's rank correlation
    between the losses after one epoch and after `max_epochs` for random configurations: 1 lets no curves cross, 0 makes
    the first epoch worthless, below 0 it misleads; in between it rises with the logarithm of the epoch. `noise` is the
    standard deviation of a loss over seeds; half of the variance is one number for the whole curve, the other half is
    drawn anew for every epoch. `seed` places the optimum. Every epoch takes `seconds`.

    `optimum` is the best configuration (its pace is any), `best` its loss.
    """

    metric = "loss"

    @property
    def noisy(self) -> bool:
        """Whether repeated trainings of a configuration differ."""
        return self.noise > 0

    def __init__(
        self,
        dimension: int = 4,
        important: int = 1,
        *,
        correlation: float = 0.7,
        noise: float = 0.0,
        rest: float = 0.05,
        max_epochs: int = 27,
        scope: str = "last",
        seconds: float = 1.0,
        seed: int = 0,
    ):
        checks.whole("dimension", dimension)
        checks.whole("max_epochs", max_epochs)
        self._check(dimension, important, correlation, noise, max_epochs, scope)
        self.dimension, self.important, self.correlation, self.noise = dimension, important, correlation, noise
        self.max_epochs, self.scope, self.epoch_seconds = max_epochs, scope, seconds
        self.names = [f"x{axis}" for axis in range(1, dimension + 1)]
        self.space = Space({name: domains.uniform(0.0, 1.0) for name in [*self.names, "pace"]})
        self.data = "synthetic curves"
        rng = np.random.default_rng([seed, 5])
        self._centre = 0.1 + 0.8 * rng.random(dimension)
        others = dimension - important
        self.weights = np.array([1 / important] * important + [rest / others if others else 0.0] * others)
        highest = float(4 * np.maximum(self._centre, 1 - self._centre) ** 2 @ self.weights)
        self._heights = np.sort([0.0, *self._height(rng.random((_SAMPLE - 2, dimension))), highest])
        self.optimum = {**dict(zip(self.names, self._centre.tolist(), strict=True)), "pace": 0.5}
        self.best = LOWEST

    @staticmethod
    def _check(dimension: int, important: int, correlation: float, noise: float, max_epochs: int, scope: str) -> None:
        checks = {
            "dimension": (dimension, dimension >= 1, "at least 1"),
            "important": (important, 1 <= important <= dimension, f"1 to {dimension}, the dimension,"),
            "correlation": (correlation, -1 <= correlation <= 1, "-1 to 1"),
            "noise": (noise, noise >= 0, "0 or more"),
            "max_epochs": (max_epochs, max_epochs >= 2, "at least 2"),
            "scope": (scope, scope in SCOPES, "'last' or 'all'"),
        }
        for name, (value, good, expected) in checks.items():
            if name in ("dimension", "important", "max_epochs") and not isinstance(value, int | np.integer):
                raise ValueError(f"Synthetic: {name}={value!r} is not possible; a whole number was expected.")
            if not good:
                raise ValueError(f"Synthetic: {name}={value!r} is not possible; {expected} was expected.")

    def _height(self, points: np.ndarray) -> np.ndarray:
        """The bowl: 0 at the optimum, 1 where all important axes are half of the range away."""
        return (4 * (points - self._centre) ** 2) @ self.weights

    def true(self, config: Mapping[str, Any]) -> float:
        """The final loss without noise."""
        return LOWEST + float(self._height(self._point(config)))

    def _point(self, config: Mapping[str, Any]) -> np.ndarray:
        if config.keys() != self.space.keys():
            raise ValueError(
                f"configuration: {', '.join(config) or 'nothing'} was given, but this objective has "
                f"{', '.join(self.space)}. Give a value for each and nothing else."
            )
        return self.space.position(config)[:-1]

    def rank_correlation(self, epoch: int) -> float:
        """Spearman's correlation between the losses after this epoch and the final ones, over random configurations."""
        share = math.log(epoch) / math.log(self.max_epochs)
        return self.correlation + (1 - self.correlation) * share

    def curve(self, config: Mapping[str, Any], seed: int = 0, draw: int = 0) -> Curve:
        """The whole learning curve of the `draw`-th training of this configuration by the search with this `seed`."""
        losses = self._mean_losses(config)
        if self.noise:
            rng = np.random.default_rng([abs(int(seed)), draw, 6])
            losses += self.noise * math.sqrt(0.5) * (rng.standard_normal() + rng.standard_normal(len(losses)))
        accuracy = np.clip(np.exp(-losses), 0, 1)  # a network that is always as sure as it should be
        seconds = np.full(len(losses), self.epoch_seconds)
        return Curve(np.stack([losses, accuracy, seconds, np.full(len(losses), np.nan)], axis=1))

    def _mean_losses(self, config: Mapping[str, Any]) -> np.ndarray:
        """The losses after each epoch without noise."""
        height = float(self._height(self._point(config)))
        learned = np.log(np.arange(1, self.max_epochs + 1)) / math.log(self.max_epochs)
        return LOWEST + self._seeming_heights(height, float(config["pace"])) + (START - LOWEST) * (1 - learned)

    def _seeming_heights(self, height: float, pace: float) -> np.ndarray:
        """How good the configuration looks after each epoch; at the end, how good it is.

        Ranks are mixed as normal numbers: the rank of the height and that of the pace with the weights r and
        sqrt(1 - r^2). The normal numbers of a rank correlation s have the correlation r = 2 sin(pi s / 6).
        """
        from scipy.special import ndtr, ndtri

        places = np.arange(_SAMPLE)
        rank = (float(np.interp(height, self._heights, places)) + 0.5) / _SAMPLE
        good, fast = ndtri(rank), ndtri(min(max(pace, 1e-6), 1 - 1e-6))
        spearman = np.array([self.rank_correlation(epoch) for epoch in range(1, self.max_epochs)])
        weight = 2 * np.sin(math.pi * spearman / 6)
        mixed = weight * good - np.sqrt(np.maximum(1 - weight**2, 0)) * fast
        return np.append(np.interp(ndtr(mixed) * _SAMPLE - 0.5, places, self._heights), height)

    def evaluate(self, config: Mapping[str, Any], budget: int, seed: int = 0, draw: int = 0) -> Result:
        """The result after so many epochs."""
        return self.curve(config, seed, draw).result(check_budget(budget, self.max_epochs))

    def told(self, results: Sequence[Result]) -> float:
        """What a searcher is told after these epochs."""
        return told(results, self.metric, self.scope)

    def score(
        self, config: Mapping[str, Any], seed: int = 0, *, budget: int | None = None, scope: str | None = None
    ) -> float:
        """The loss without noise after `budget` epochs (all unless given): the mean over all seeds that there could be.

        Minus `best` it is the regret.
        """
        epochs = check_budget(self.max_epochs if budget is None else budget, self.max_epochs)
        losses = self._mean_losses(config)[:epochs]
        return float(losses[-1] if one_of("scope", scope or self.scope, SCOPES) == "last" else losses.min())

    def __repr__(self) -> str:
        return (
            f"Synthetic({self.dimension} axes, {self.important} important, and the pace; rank correlation of the "
            "first epoch "
            f"{self.correlation:g}, noise {self.noise:g})"
        )
