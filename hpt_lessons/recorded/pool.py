"""A pool of recorded trials as an objective: what would a search have found, were these all configurations there are?

The configurations of a pool were drawn at random and trained once, and nothing is known of what lies between them. So a
search draws from the pool without replacement, and a model asks for the best of what is left. After every epoch two
sets of pictures were looked at: a search chooses by the one and is scored on the other, where its luck does not help.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from hpt_lessons.recorded.cells import config_key
from hpt_lessons.recorded.curves import SCOPES, Curve, told
from hpt_lessons.recorded.objective import METRICS, common_length, curve_of, names_of
from hpt_lessons.search.domains import choice, lograndint, loguniform, uniform
from hpt_lessons.search.space import Space
from hpt_lessons.trials import Result, Trial, Trials, expect_trials, one_of

SPREAD = 10  # a float whose largest value is more than so many times its smallest is searched on a logarithmic scale


class Pool:
    """The objective of a pool.

    `trials`: a table with one trial for each configuration and a score half, such as `recorded.load("pool-plain")`.
    `scope`: a trial is told and scored by its "last" epoch, or by the best of "all"; then its score is that of the
    epoch that was best on the pictures it was chosen by. `space` is what a model is told of the axes: numbers as
    numbers, batch size and width too, and an axis that follows from an earlier one (`l2` from `l1`) left out.
    ValueError for a table without a score half, with a configuration twice, or with nothing in it.
    """

    def __init__(self, trials: Trials, metric: str = "loss", *, scope: str = "last"):
        expect_trials("Pool", trials)
        if not len(trials):
            raise ValueError("Pool: the table has no trials; give one such as recorded.load('pool-plain').")
        self.metric, self.scope = one_of("metric", metric, tuple(METRICS)), one_of("scope", scope, SCOPES)
        if any(f"score_{metric}" not in result.extra for trial in trials for result in trial.history):
            raise ValueError(
                f"Pool: the table of {len(trials)} trials has no score_{metric} for each epoch, the result on pictures "
                "that nobody chose by. Give a table that has them, or take Recorded(...)."
            )
        names_of(trials, "Pool")
        self.trials, self.data, self.noisy = trials, f"{trials.data or 'not named'}, recorded trials", False
        self.max_epochs = common_length(trials, "Pool")
        self.configs = [dict(trial.config) for trial in trials]
        self._places = {config_key(config): place for place, config in enumerate(self.configs)}
        if len(self._places) < len(self.configs):
            raise ValueError(f"Pool: {len(trials)} trials have only {len(self._places)} configurations; give each one.")
        self._curves = [curve_of(trial, self.max_epochs) for trial in trials]
        self.space = _space(self.configs)

    def __len__(self) -> int:
        return len(self.configs)

    def curve(self, config: Mapping[str, Any], seed: int = 0, draw: int = 0) -> Curve:
        """The one training of this configuration; ValueError for one that the pool does not hold."""
        return self._curves[self.place(config)]

    def told(self, results: Sequence[Result]) -> float:
        """What a searcher is told after these epochs: small is good, NaN after divergence."""
        return told(results, self.metric, self.scope)

    def score(self, config: Mapping[str, Any], seed: int = 0) -> float:
        """What this configuration, trained to its end, gives on the score half; NaN if it diverges."""
        return float(self.scores[self.place(config)])

    def place(self, config: Mapping[str, Any]) -> int:
        """Which trial of the table this is, the first 0."""
        found = self._places.get(config_key(config)) if isinstance(config, Mapping) else None
        if found is None:
            raise ValueError(
                f"configuration {config!r:.200} is not in the pool; one of its {len(self)} was expected (see configs)."
            )
        return found

    @cached_property
    def ends(self) -> np.ndarray:
        """What each trial is told after its last epoch, NaN where it diverged; shape (trials,)."""
        return np.array([self.told(_kept(trial, self.max_epochs)) for trial in self.trials])

    @cached_property
    def scores(self) -> np.ndarray:
        """What each trial scores, NaN where it diverged; shape (trials,)."""
        return np.array([self._scored(_kept(trial, self.max_epochs)) for trial in self.trials])

    def _scored(self, results: Sequence[Result]) -> float:
        if results[-1].diverged:
            return math.nan
        if self.scope == "all":
            results = [min(results, key=lambda result: told([result], self.metric, "last"))]
        value = float(results[-1].extra[f"score_{self.metric}"])
        return 1 - value if self.metric == "accuracy" else value

    @cached_property
    def best(self) -> float:
        """The score of the trial that a search through the whole pool would choose: what regret is measured from."""
        return float(self.scores[np.nanargmin(self.ends)])

    def __repr__(self) -> str:
        return f"Pool({len(self)} configurations of {self.data}; {self.metric}, {self.scope})"


def _kept(trial: Trial, max_epochs: int) -> Sequence[Result]:
    return trial.history[:max_epochs]


def _space(configs: Sequence[Mapping[str, Any]]) -> Space:
    """A domain for each axis, from the values that there are; constants and what follows from others are left out."""
    columns = {name: [config[name] for config in configs] for name in configs[0]}
    kept: dict[str, list[Any]] = {}
    for name, column in columns.items():
        count = len(set(column))
        follows = any(len(set(zip(column, other, strict=True))) == count for other in kept.values())
        if count > 1 and not (follows and count < len(configs)):
            kept[name] = column
    return Space({name: _domain(column) for name, column in kept.items()})


def _domain(column: Sequence[Any]) -> Any:
    """Whole numbers are widths and batch sizes: what doubles them matters, not what adds one."""
    if any(isinstance(value, str | bool) or not isinstance(value, int | float) for value in column):
        return choice(sorted(set(column), key=str))
    low, high = min(column), max(column)
    if all(isinstance(value, int) for value in column):
        return lograndint(low, high + 1)
    return loguniform(low, high) if low > 0 and high > SPREAD * low else uniform(low, high)
