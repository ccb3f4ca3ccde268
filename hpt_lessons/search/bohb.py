"""BOHB: what does the model learn from bad trials, and where should the next one be?

Falkner, Klein & Hutter, BOHB: robust and efficient hyperparameter optimization at scale (ICML 2018), section 4 and
algorithm 2; the split into good and bad points and the constants are those of the authors' HpBandSter. Hyperband
decides who goes on (`hpt_lessons.search.halving`); new configurations come from a model of two densities: where the
good ones lie, and where the bad ones lie. A promising configuration is likely among the good, unlikely among the bad.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from hpt_lessons import checks
from hpt_lessons.search.asktell import Search
from hpt_lessons.search.density import Density
from hpt_lessons.search.domains import value_at
from hpt_lessons.search.halving import Hyperband
from hpt_lessons.search.protocols import Searcher
from hpt_lessons.search.rungs import lost
from hpt_lessons.search.space import Axis, Space

_TINY = 1e-32  # no density counts as less


@dataclass(frozen=True)
class Densities:
    """What the model thinks along one axis: at `positions` of the unit interval, which are these `values`."""

    name: str
    budget: int
    positions: np.ndarray
    values: list[Any]
    good: np.ndarray
    bad: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        """Good over bad: what a proposal maximises."""
        return np.asarray(np.maximum(self.good, _TINY) / np.maximum(self.bad, _TINY))


@dataclass(frozen=True)
class Proposal:
    """A configuration and how it came about.

    `candidates` (draws, axes): the points that the model compared, in its own coordinates (`BOHBSampler.points`), and
    `log_ratio` the logarithm of good over bad at each; None where the proposal is random.
    """

    config: dict[str, Any]
    candidates: np.ndarray | None = None
    log_ratio: np.ndarray | None = None

    @property
    def random(self) -> bool:
        """Whether no model was asked."""
        return self.candidates is None


class BOHBSampler(Searcher):
    """Proposes configurations from the results at the largest budget that has enough of them.

    Of n results the best max(min_points, floor(top_fraction n)) are good, and bad are the next
    max(min_points, floor((1 - top_fraction) n)), or what is left. `min_points` is the number of axes + 1 unless given,
    and a model needs twice as many results. A proposal is random with probability `random_fraction` (so that the
    model's errors do not last), else the best of `num_samples` draws around good points. `choice` is a category:
    numbers with an order belong into `randint`, `lograndint` and their sisters. `sample_from` and `grid_search` are
    refused. The n-th proposal draws from the seed and n alone: a search that was told the same results goes on alike.
    """

    def __init__(
        self,
        space: Mapping[str, Any],
        *,
        seed: int | np.random.Generator | None = None,
        top_fraction: float = 0.15,
        min_points: int | None = None,
        num_samples: int = 64,
        random_fraction: float = 1 / 3,
        bandwidth_factor: float = 3.0,
        min_bandwidth: float = 1e-3,
    ):
        self.space = Space.of(space, grids=False, functions=False, searcher="BOHB")
        self.axes = self.space.axes
        if not self.axes:
            raise ValueError("search space: nothing is searched; give a domain such as tune.uniform(0, 1)")
        self.levels = np.array([len(axis.domain.values) for axis in self.axes])
        self.seed, self.asked = int(checks.generator(seed).integers(2**63)), 0
        self.top_fraction, self.num_samples, self.random_fraction = top_fraction, num_samples, random_fraction
        self.min_points = len(self.axes) + 1 if min_points is None else min_points
        self.bandwidth_factor, self.min_bandwidth = bandwidth_factor, min_bandwidth
        self.points: dict[int, list[np.ndarray]] = {}  # at each budget, and their losses
        self.losses: dict[int, list[float]] = {}
        self._models: dict[int, tuple[int, tuple[Density, Density]]] = {}

    def ask(self) -> dict[str, Any]:
        """The next configuration."""
        proposal = self.proposal()
        self.asked += 1
        return proposal.config

    def proposal(self) -> Proposal:
        """What `ask()` will answer, and why; looking changes nothing."""
        rng = np.random.default_rng([self.seed, self.asked])
        model = self.model()
        if model is None or rng.random() < self.random_fraction:
            return Proposal(self._config(self._random_point(rng)))
        good, bad = model
        points = good.draw(self.num_samples, rng, self.bandwidth_factor)
        least = math.log(_TINY)
        ratio = np.maximum(good.log_pdf(points), least) - np.maximum(bad.log_pdf(points), least)
        return Proposal(self._config(points[np.argmax(ratio)]), points, ratio)

    def tell(self, config: Mapping[str, Any], budget: int, loss: float) -> None:
        """Learn a result; a loss that is NaN or infinite is worse than every other."""
        checks.whole("budget", budget)
        if isinstance(loss, str) or not isinstance(loss, Real | None):
            raise ValueError(f"loss={loss!r:.80}: a number was expected; NaN for a trial that diverged.")
        point = np.array([self._coordinate(axis, config) for axis in self.axes])
        self.points.setdefault(budget, []).append(point)
        self.losses.setdefault(budget, []).append(math.inf if lost(loss) else float(loss))

    def model_budget(self) -> int | None:
        """The largest budget with results for both densities, the good ones of them finite; None when there is none."""
        for budget in sorted(self.losses, reverse=True):
            losses = self.losses[budget]
            good, bad = self._split(len(losses))
            if len(losses) >= 2 * self.min_points and bad > 0 and len(losses) - losses.count(math.inf) >= good:
                return budget
        return None

    def model(self, budget: int | None = None) -> tuple[Density, Density] | None:
        """The good and the bad density of a budget (the one in use unless named), or None while there is none."""
        budget = self.model_budget() if budget is None else budget
        if budget is None:
            return None
        count = len(self.losses[budget])
        if self._models.get(budget, (0, None))[0] != count:
            points = np.array(self.points[budget])
            good, bad = (Density(points[part], self.levels, self.min_bandwidth) for part in self.split(budget))
            self._models[budget] = count, (good, bad)
        return self._models[budget][1]

    def split(self, budget: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Which results at a budget (the one in use unless named) are good and which bad: their places, best first."""
        budget = self.model_budget() if budget is None else budget
        losses = [] if budget is None else self.losses.get(budget, [])
        ranked = np.argsort(losses, kind="stable")
        good, bad = self._split(len(losses)) if losses else (0, 0)
        return ranked[:good], ranked[good : good + bad]

    def _split(self, count: int) -> tuple[int, int]:
        """Numbers of good and of bad points among so many results."""
        good = max(self.min_points, math.floor(self.top_fraction * count + 1e-9))
        bad = max(self.min_points, math.floor((1 - self.top_fraction) * count + 1e-9))
        return good, max(min(bad, count - good), 0)

    def densities(self, name: str, count: int = 200, at: Mapping[str, Any] | None = None) -> Densities | None:
        """The two densities along one axis, for a plot; None while there is no model.

        The others are summed out; with `at`, a configuration, they are held at its values: then the ratio is what a
        proposal maximises on the line through it. A category has one position each.
        """
        names = [axis.name for axis in self.axes]
        if name not in names:
            raise ValueError(f"axis {name!r}: the search space has {', '.join(map(repr, names))}")
        budget, index = self.model_budget(), names.index(name)
        model = self.model(budget)
        if budget is None or model is None:
            return None
        levels, domain = self.levels[index], self.axes[index].domain
        places = np.arange(levels) if levels else np.linspace(0, 1, count)
        if at is None:
            good, bad = (density.along(index, places) for density in model)
        else:
            line = np.tile([self._coordinate(axis, at) for axis in self.axes], (len(places), 1))
            line[:, index] = places
            good, bad = (np.exp(density.log_pdf(line)) for density in model)
        values = list(domain.values) if levels else [value_at(domain, u) for u in places]
        return Densities(name, budget, (places + 0.5) / levels if levels else places, values, good, bad)

    def _random_point(self, rng: np.random.Generator) -> np.ndarray:
        uniform = rng.random(len(self.axes))
        return np.where(self.levels > 0, np.floor(uniform * self.levels), uniform)

    def _coordinate(self, axis: Axis, config: Mapping[str, Any]) -> float:
        """A position in [0, 1], or the index of a category."""
        position = axis.position(config)
        return math.floor(position * len(axis.domain.values)) if axis.domain.categorical else position

    def _config(self, point: np.ndarray) -> dict[str, Any]:
        values = {
            axis.path: axis.domain.values[int(u)] if axis.domain.categorical else value_at(axis.domain, u)
            for axis, u in zip(self.axes, point, strict=True)
        }
        return self.space.with_values(values)


class BOHB(Search):
    """Hyperband whose new trials come from the model; with `random_fraction=1` it is Hyperband itself.

    See `Search` for `ask()` and `tell(trial, budget, loss)`. `num_brackets` or `num_trials` end the search.
    """

    def __init__(
        self,
        space: Mapping[str, Any],
        min_budget: int,
        max_budget: int,
        eta: int = 3,
        seed: int | np.random.Generator | None = None,
        *,
        num_brackets: int | None = None,
        num_trials: int | None = None,
        overlap: bool = True,
        **model: Any,
    ):
        self.sampler = BOHBSampler(space, seed=seed, **model)
        hyperband = Hyperband(min_budget, max_budget, eta, num_brackets=num_brackets, overlap=overlap)
        super().__init__(self.sampler, hyperband, num_trials=num_trials)
