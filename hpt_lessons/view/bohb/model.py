"""BOHB, one observation after the other: what does its model think, and where does it go next? No widgets here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from hpt_lessons.search import domains
from hpt_lessons.search.bohb import BOHBSampler, Densities, Proposal
from hpt_lessons.search.space import Axis, Space
from hpt_lessons.view.look import svg

PROBLEMS = {
    "one valley": "one valley",
    "two valleys": "two valleys, the narrow one deeper",
    "measured": "measured: learning rate of the CIFAR network",
    "two dimensions": "a valley in two dimensions",
}
# Does the model help? As measured with the settings of the start: 50 runs of BOHB against 200 of random search.
HINTS = {
    "one valley": "the model helps: good observations lie together and show where to look.",
    "two valleys": "the model helps most runs, but a quarter of them stay in the wide valley, behind random search.",
    "measured": "the model helps: the curve of the learning rate is one valley, a rough one.",
    "two dimensions": "the model helps late: after 20 observations it is behind, for the valley lies across both axes.",
}
NEEDLE = (
    "A bandwidth this small lets two good observations side by side make a needle: draws stay in it, and random wins."
)
OWN_BANDWIDTH = 1e-3  # the least bandwidth of HpBandSter, and of `BOHBSampler`
MOST, REPEATS, OWN = 60, 200, 50  # observations, repeats of random search, repeats of BOHB
QUARTILES = (0.25, 0.5, 0.75)
LINE = np.linspace(0, 1, 301)  # where the problem is drawn, and its best value looked for


@dataclass(frozen=True, eq=False)
class Problem:
    """What is minimised: the space, the value at points (n, axes) of the unit cube, and how they are called."""

    space: dict[str, Any]
    height: Callable[[np.ndarray], np.ndarray]
    value_name: str
    data: str

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the space."""
        return Space.of(self.space).axes

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest value on a fine grid."""
        mesh = np.meshgrid(*[LINE if len(self.axes) == 1 else LINE[::3]] * len(self.axes))
        values = self.height(np.stack([part.ravel() for part in mesh], axis=1))
        return float(values.min()), float(values.max())


def _one_valley(points: np.ndarray) -> np.ndarray:
    return 0.2 + 2.2 * (points[:, 0] - 0.62) ** 2


def _two_valleys(points: np.ndarray) -> np.ndarray:
    x = points[:, 0]
    return 1 - 0.55 * np.exp(-0.5 * ((x - 0.3) / 0.13) ** 2) - 0.8 * np.exp(-0.5 * ((x - 0.78) / 0.045) ** 2)


def _oblique_valley(points: np.ndarray) -> np.ndarray:
    """More momentum wants a smaller rate: the valley lies across."""
    along, across = points[:, 0] - points[:, 1] - 0.1, points[:, 0] + points[:, 1] - 1.1
    return 0.2 + 0.25 * along**2 + 1.6 * across**2


def _measured() -> Problem:
    """The error of the CIFAR network after 9 epochs by its learning rate; ValueError where no table is there."""
    from hpt_lessons import recorded
    from hpt_lessons.recorded.objective import Recorded

    fixed = {"l1": 120, "l2": 84, "batch_size": 16}
    table = recorded.load("cifar-lenet", partial=True)
    table = table.filter(lambda trial: trial.seed == 0 and all(trial.config.get(k) == v for k, v in fixed.items()))
    known = Recorded(table, "accuracy", noise=None)
    errors = [100 * (1 - known.evaluate({**fixed, "lr": domains.value_at(domain, u)}, 9).accuracy)
              for domain in [domains.describe(known.space["lr"])] for u in LINE]  # fmt: skip
    return Problem(
        {"lr": known.space["lr"]},
        lambda points: np.interp(points[:, 0], LINE, errors),
        "validation error after 9 epochs (%)",
        known.data,
    )


@lru_cache(maxsize=len(PROBLEMS))
def problem(name: str) -> Problem:
    """One of `PROBLEMS`."""
    if name == "measured":
        return _measured()
    rate = {"lr": domains.loguniform(1e-5, 1e-1)}
    if name == "two dimensions":
        space = {**rate, "momentum": domains.uniform(0, 0.9)}
        return Problem(space, _oblique_valley, "loss", "a formula")
    heights = {"one valley": _one_valley, "two valleys": _two_valleys}
    if name not in heights:
        raise ValueError(f"problem {name!r} is unknown; choose {', '.join(map(repr, PROBLEMS))}.")
    return Problem(rate, heights[name], "loss", "a formula")


class BOHBModel:
    """The model of BOHB on a problem with one or two hyperparameters, all observations at one budget.

    `gamma` is the share of the observations that count as good, `bandwidth_factor` widens the good density's
    bandwidth where draws come from it, and no bandwidth falls below `min_bandwidth`, a share of the axis. BOHB's own is
    `OWN_BANDWIDTH`: then a few good observations that lie close together make a needle. `random_share` is that of
    proposals without a model; `noise` is the standard deviation of an observation, as a share of the problem's range.
    ValueError for settings that are not possible.

    `positions` (trials, axes) in the unit cube, `values` and `kinds` ("random" or "model") are those of all `trials`
    observations. Every method takes a step k from 0 to `trials`: what is known after k observations.
    """

    def __init__(
        self,
        problem: str = "one valley",
        *,
        gamma: float = 0.15,
        bandwidth_factor: float = 3.0,
        min_bandwidth: float = 0.06,
        random_share: float = 1 / 3,
        noise: float = 0.0,
        trials: int = 40,
        seed: int = 0,
    ) -> None:
        self.problem, self.gamma, self.bandwidth_factor = problem, gamma, bandwidth_factor
        self.min_bandwidth = min_bandwidth
        self.random_share, self.noise, self.trials, self.seed = random_share, noise, trials, seed
        self._known: dict[tuple, list[np.ndarray]] = {}  # the repeats with each setting
        self._run()

    def change(self, **settings: Any) -> None:
        """Other settings, by their names; the search is computed anew. After a ValueError all are as before."""
        before = {name: getattr(self, name) for name in settings}
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            self._run()
        except ValueError:
            for name, value in before.items():
                setattr(self, name, value)
            raise

    def _run(self) -> None:
        for name, low, high in (("gamma", 0, 1), ("random_share", 0, 1), ("noise", 0, 1), ("trials", 1, MOST),
                                ("bandwidth_factor", 1e-3, 100), ("min_bandwidth", 1e-6, 1)):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} {getattr(self, name)!r}: a number from {low} to {high} was expected.")
        self.task = problem(self.problem)
        low, high = self.task.limits
        sampler, proposals = self._search(self.seed, self.trials)
        self.kinds = ["random" if proposal.random else "model" for proposal in proposals]
        self._configs = [proposal.config for proposal in proposals]
        self.positions, self.values = np.array(sampler.points[1]), np.array(sampler.losses[1])
        self._seen: tuple[int, BOHBSampler] | None = None
        self._random: np.ndarray | None = None
        self.range = min(low, self.values.min()), max(high, self.values.max())  # of the problem and of what was seen

    def _search(self, seed: int, trials: int) -> tuple[BOHBSampler, list[Proposal]]:
        """BOHB with these settings and so many observations, and how each of them came about."""
        low, high = self.task.limits
        sampler, proposals = self._sampler(seed), []
        for error in np.random.default_rng([seed, 1]).normal(0, self.noise * (high - low), trials):
            proposals.append(sampler.proposal())
            sampler.asked += 1
            value = self.task.height(self._place(proposals[-1])[None, :])[0] + error
            sampler.tell(proposals[-1].config, 1, float(value))
        return sampler, proposals

    def _sampler(self, seed: int) -> BOHBSampler:
        return BOHBSampler(
            self.task.space,
            seed=seed,
            top_fraction=self.gamma,
            random_fraction=self.random_share,
            bandwidth_factor=self.bandwidth_factor,
            min_bandwidth=self.min_bandwidth,
        )

    def _place(self, proposal: Proposal) -> np.ndarray:
        return np.array([axis.position(proposal.config) for axis in self.task.axes])

    def _named(self, point: np.ndarray) -> dict[tuple[str, ...], float]:
        return {axis.path: domains.value_at(axis.domain, u) for axis, u in zip(self.task.axes, point, strict=True)}

    # -- what is known after k observations ----------------------------------------------------------------------
    def sampler(self, k: int) -> BOHBSampler:
        """BOHB's sampler as it is then; only to be looked at."""
        if self._seen is None or self._seen[0] != k:
            sampler = self._sampler(self.seed)
            for config, value in zip(self._configs[:k], self.values[:k], strict=True):
                sampler.tell(config, 1, value)
            sampler.asked = k
            self._seen = k, sampler
        return self._seen[1]

    def split(self, k: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Which observations are good and which are bad, best first; None before the first model."""
        sampler = self.sampler(k)
        return None if sampler.model_budget() is None else sampler.split()

    def densities(self, k: int, axis: int = 0) -> Densities | None:
        """The two densities along an axis, the other one summed out; None before the first model."""
        return self.sampler(k).densities(self.task.axes[axis].name, len(LINE))

    def log_ratio(self, k: int, points: np.ndarray) -> np.ndarray | None:
        """Good over bad at points (n, axes) of the unit cube, as a power of ten; None before the first model."""
        model = self.sampler(k).model()
        if model is None:
            return None
        good, bad = (np.maximum(density.log_pdf(points), np.log(1e-32)) for density in model)
        return (good - bad) / np.log(10)

    def next(self, k: int) -> tuple[Proposal, np.ndarray]:
        """The proposal that follows, and where in the unit cube it is."""
        proposal = self.sampler(k).proposal()
        return proposal, self._place(proposal)

    def best(self, k: int) -> int | None:
        """The lowest observation so far."""
        return int(np.argmin(self.values[:k])) if k else None

    def regret(self, k: int) -> float | None:
        """How much worse the best observation's place is than the best place, without noise."""
        best = self.best(k)
        if best is None:
            return None
        return float(max(self.task.height(self.positions[[best]])[0] - self.task.limits[0], 0.0))

    def random_regrets(self, k: int) -> tuple[float, float, float] | None:
        """The same of random search with as many observations: the quartiles of 200 repeats."""
        if self._random is None:
            self._random = np.quantile(_random_regrets(self.task, self.noise), QUARTILES, axis=0)
        return tuple(self._random[:, k - 1].tolist()) if k else None

    @property
    def repeats(self) -> list[np.ndarray]:
        """For each repeat of BOHB with these settings its regrets after 1, 2, ... observations."""
        settings = (self.problem, self.gamma, self.bandwidth_factor, self.min_bandwidth, self.random_share, self.noise)
        return self._known.setdefault(settings, [])

    @property
    def repeated(self) -> bool:
        """Whether all repeats are there."""
        return len(self.repeats) >= OWN

    def repeat(self) -> None:
        """One more repeat, with a seed that no other has."""
        sampler, _ = self._search(1000 + len(self.repeats), MOST)
        true = self.task.height(np.array(sampler.points[1]))
        self.repeats.append(_regrets(true[None, :], np.array([sampler.losses[1]]), self.task.limits[0])[0])

    def own_regrets(self, k: int) -> tuple[float, float, float] | None:
        """The quartiles of the regrets of all repeats; None before they are there."""
        if not k or not self.repeated:
            return None
        return tuple(np.quantile([regrets[k - 1] for regrets in self.repeats], QUARTILES).tolist())

    def words(self, point: np.ndarray) -> str:
        """A place as its hyperparameters: 'lr=0.00123'."""
        return ", ".join(f"{path[-1]}={svg.short(value)}" for path, value in self._named(point).items())


def _random_regrets(task: Problem, noise: float) -> np.ndarray:
    """For each of 200 random searches how far the place of the lowest observation is from the best one."""
    low, high = task.limits
    points = np.random.default_rng(7).random((REPEATS * MOST, len(task.axes)))
    true = task.height(points).reshape(REPEATS, MOST)
    seen = true + np.random.default_rng(8).normal(0, noise * (high - low), true.shape)
    return _regrets(true, seen, low)


def _regrets(true: np.ndarray, seen: np.ndarray, low: float) -> np.ndarray:
    """After each observation: by how much the true value at the place of the lowest one is above `low`."""
    first = np.minimum.accumulate(seen, axis=1)
    # the place of the running minimum: the last time that it fell
    places = np.maximum.accumulate(np.where(seen == first, np.arange(seen.shape[1]), 0), axis=1)
    return np.maximum(np.take_along_axis(true, places, axis=1) - low, 0.0)
