"""A recorded table as an objective: what would this configuration have given, had we trained it?

Between recorded learning rates the curve is interpolated, in the logarithm of the rate, between neighbours of the same
cell (all other hyperparameters equal) and the same seed; in the other hyperparameters the nearest recorded cell stands
for what lies between. What this cannot tell is shown, not hidden: `leave_one_out` is the error of the interpolation,
`touched` the number of recorded configurations behind so many trials, `noise_from` says where repeats differ.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from hpt_lessons.recorded.cells import Cell, CellIndex, config_key, seeds_of
from hpt_lessons.recorded.curves import ACCURACY, LOSS, SCOPES, TRAIN_LOSS, Curve, check_budget, told
from hpt_lessons.recorded.noise import Noise
from hpt_lessons.recorded.table import load
from hpt_lessons.search import domains
from hpt_lessons.search.space import Space
from hpt_lessons.trials import Result, Trial, Trials, expect_trials, one_of

NOISE_TABLE = "cifar-lenet-seeds"
NOISE_CONDITION = "10,000 training pictures, not augmented"
RESCORED = 8  # fresh draws of the noise whose mean is a score, where no recorded seed is unseen
METRICS = {"loss": LOSS, "accuracy": ACCURACY}


class LeaveOneOut(NamedTuple):
    """What a searcher would be told of recorded trials, and what the neighbours of each would say; shape (trials,).

    `names` are those of the trials. Of `unjudged` more trials this says nothing: those at the end of a sweep, diverged
    or dead, or beside such a one. A neighbour is twice as far away as in use, and the values are noisy themselves.
    """

    names: list[str]
    recorded: np.ndarray
    interpolated: np.ndarray
    unjudged: int

    @property
    def errors(self) -> np.ndarray:
        """Interpolated minus recorded."""
        return self.interpolated - self.recorded

    @property
    def median(self) -> float:
        """Median absolute error; NaN where nothing could be left out."""
        return float(np.median(np.abs(self.errors))) if self.names else math.nan

    @property
    def worst(self) -> float:
        """Largest absolute error; NaN where nothing could be left out."""
        return float(np.abs(self.errors).max()) if self.names else math.nan


class Recorded:
    """The objective of a recorded table.

    `metric` ("loss" or "accuracy") and `scope` ("last" epoch, or the best of "all" up to now) say what a searcher is
    told and what a score is. `noise` is "measured" (the repeated seeds of this table, and of the shipped table
    `cifar-lenet-seeds` where that is of the same data, which augmented pictures are not), a table of repeated
    trainings, or None. `seconds` replaces the recorded seconds of an epoch.

    Which hyperparameters there are, and their ranges, is what the table holds: `space`, with the learning rate `lr` as
    `loguniform` and a `choice` of levels of each other. A table may be ragged: what was not recorded in this
    combination is answered by the nearest cell (distance: the sum over the axes of the steps in the logarithm, each as
    a share of the axis), a rate beyond the ends of a cell's own sweep by its end. A rate beyond all sweeps, an unknown
    or missing name, and a category that was not recorded are a ValueError. All curves are cut to the length of the
    shortest that was trained to its end, `max_epochs`; filter the table first if longer ones are to count.
    """

    def __init__(
        self,
        trials: Trials,
        metric: str = "loss",
        *,
        scope: str = "last",
        noise: Trials | str | None = "measured",
        seconds: float | None = None,
    ):
        expect_trials("Recorded", trials)
        if not len(trials):
            raise ValueError("Recorded: the table has no trials; give one such as recorded.load('cifar-lenet').")
        for name, value, known in (("metric", metric, tuple(METRICS)), ("scope", scope, SCOPES)):
            if value not in known:
                raise ValueError(f"Recorded: {name}={value!r} is not known; choose {' or '.join(map(repr, known))}.")
        self.trials, self.metric, self.scope = trials, metric, scope
        self.data = f"{trials.data or 'not named'}, recorded trials"
        self.names = names_of(trials)
        self.max_epochs = common_length(trials)
        self._curves = {trial.name: curve_of(trial, self.max_epochs, seconds) for trial in trials}
        self.index = CellIndex(self.names, [trial.config for trial in trials])
        self.cells = self._fill_cells()
        self._by_key = {cell.key: cell for cell in self.cells}
        self.space = self._space()
        self.noise_from, self._noise = self._measured(noise)
        self._orders: dict[Any, dict] = {}

    # -- the table -------------------------------------------------------------------------------------------------
    def _fill_cells(self) -> list[Cell]:
        members: dict[tuple, list[Trial]] = defaultdict(list)
        for trial in self.trials:
            members[self.index.key(trial.config)].append(trial)
        return [Cell(key, group, self._curves) for key, group in members.items()]

    def _space(self) -> Space:
        """The learning rate first: a grid that cannot afford all ticks takes those of the first axes."""
        space: dict[str, Any] = {}
        for name in sorted(self.names, key=lambda name: name != "lr"):
            levels = self.index.levels[name]
            if len(levels) == 1:
                space[name] = levels[0]
            elif name == "lr":
                space[name] = domains.loguniform(levels[0], levels[-1])
            else:
                space[name] = domains.choice(levels)
        return Space(space)

    def _measured(self, noise: Trials | str | None) -> tuple[str, Noise | None]:
        """Where the noise comes from, in words, and the noise itself."""
        if isinstance(noise, Trials):
            return "the table that was given", Noise(_pairs(noise, self.max_epochs), self.max_epochs)
        if noise not in ("measured", None):
            raise ValueError(f"Recorded: noise={noise!r} is not known; give 'measured', a table of trials, or None.")
        shipped = f"{NOISE_TABLE} ({NOISE_CONDITION})"
        sources = {} if noise is None else {"repeated seeds of the table": self.trials, shipped: _shipped(self)}
        pairs: dict[tuple, tuple] = {}
        for trials in sources.values():
            pairs |= {
                (config_key(trial.config), seeds_of(trial)): pair
                for trial, pair in zip(trials, _pairs(trials, self.max_epochs), strict=True)
            }
        try:
            found = Noise(pairs.values(), self.max_epochs)
        except ValueError:
            return "nowhere: where a configuration has one seed, every repeat gives the same number", None
        return " and ".join(name for name, trials in sources.items() if _repeats(trials)), found

    # -- one training ----------------------------------------------------------------------------------------------
    def curve(self, config: Mapping[str, Any], seed: int = 0, draw: int = 0) -> Curve:
        """The whole learning curve of the `draw`-th training of this configuration by the search with this `seed`.

        Where several seeds are recorded the search sees a part of them (half, rounded up), and each draw is one of
        these. Where there is one, the draw is its curve with measured noise, or without noise always the same; the one
        recorded curve then stands for the mean of many, though it is a draw itself.
        """
        cell, rate = self._locate(config)
        seen, unseen = self._split(cell, rate, seed)
        rng = np.random.default_rng([abs(int(seed)), draw, 1])
        curve = cell.curve(seen[rng.integers(len(seen))], rate)
        return curve if unseen or self._noise is None else self._noise.add(curve, rng)

    def evaluate(self, config: Mapping[str, Any], budget: int, seed: int = 0, draw: int = 0) -> Result:
        """The result after so many epochs; see `curve`. The last one of a training that diverged before."""
        return self.curve(config, seed, draw).result(check_budget(budget, self.max_epochs))

    def told(self, results: Sequence[Result]) -> float:
        """What a searcher is told after these epochs."""
        return told(results, self.metric, self.scope)

    def score(
        self, config: Mapping[str, Any], seed: int = 0, *, budget: int | None = None, scope: str | None = None
    ) -> float:
        """How good the final choice of the search with this `seed` is, on seeds that this search has not seen.

        The mean of what would be told after `budget` epochs (all unless given): over the recorded seeds that the search
        did not see; where there is one seed, over fresh draws of the noise around it; without noise it is the number
        that the search saw, and as lucky as that. NaN if a training diverges.
        """
        budget = check_budget(self.max_epochs if budget is None else budget, self.max_epochs)
        scope = one_of("scope", scope or self.scope, SCOPES)
        cell, rate = self._locate(config)
        seen, unseen = self._split(cell, rate, seed)
        curves = [cell.curve(key, rate) for key in unseen or seen]
        if not unseen and self._noise is not None:
            rng = np.random.default_rng([abs(int(seed)), 2])
            curves = [self._noise.add(curves[0], rng) for _ in range(RESCORED)]
        return float(np.mean([self._value(curve, budget, scope) for curve in curves]))

    def _value(self, curve: Curve, budget: int, scope: str) -> float:
        if curve.diverged and len(curve) <= budget:
            return math.nan
        values = curve.values[:budget, METRICS[self.metric]]
        values = 1 - values if self.metric == "accuracy" else values
        return float(values[-1] if scope == "last" else values.min())

    def _locate(self, config: Mapping[str, Any]) -> tuple[Cell, float | None]:
        return self._by_key[self.index.nearest(config)], self.index.rate(config)

    def _split(self, cell: Cell, rate: float | None, seed: int) -> tuple[list, list]:
        """The seeds recorded here that the search sees, and those kept for the score (none if there is but one)."""
        here = cell.seeds_at(rate)
        if len(here) == 1:
            return here, []
        order = self._order(seed)
        ranked = sorted(here, key=order.__getitem__)
        half = (len(ranked) + 1) // 2
        return ranked[:half], ranked[half:]

    def _order(self, seed: int) -> dict[tuple, int]:
        """Which seeds the search sees first, the same in the whole table: seen in one cell, scored with in none.

        A seed that is somewhere the only one comes first. All searches see it there; and where others were added, they
        were because this one did well: a score with it would be too good.
        """
        if seed not in self._orders:
            others = [key for key in self._all_seeds if key not in self._only_seeds]
            shuffled = np.random.default_rng([abs(int(seed)), 3]).permutation(len(others))
            ranked = [*self._only_seeds, *(others[place] for place in shuffled)]
            self._orders[seed] = {key: place for place, key in enumerate(ranked)}
        return self._orders[seed]

    @cached_property
    def _all_seeds(self) -> list[tuple]:
        return sorted({seeds_of(trial) for trial in self.trials})

    @cached_property
    def _only_seeds(self) -> list[tuple]:
        """Seeds that are the only one of some configuration."""
        known: dict[tuple, set[tuple]] = defaultdict(set)
        for trial in self.trials:
            known[config_key(trial.config)].add(seeds_of(trial))
        return sorted({next(iter(seeds)) for seeds in known.values() if len(seeds) == 1})

    def unseen(self, config: Mapping[str, Any], seed: int = 0) -> int:
        """How many recorded seeds of this configuration the search with this `seed` does not see: `score` uses them.

        0 where one was recorded: the score then comes from fresh draws of the noise around what the search saw.
        """
        return len(self._split(*self._locate(config), seed)[1])

    def redrawn(self, seed: int) -> "Recorded":
        """The table as it might have come out: every sound training with measured noise once more on top.

        What a comparison on the one recorded table owes to its luck, comparisons on several of these tell. They are a
        little noisier than tables that are measured. ValueError without noise.
        """
        if self._noise is None:
            raise ValueError("redrawn: there is no measured noise; give a table with repeated seeds as noise=.")
        rng = np.random.default_rng([abs(int(seed)), 7])
        trials = Trials(
            replace(trial, history=_of_curve(trial, self._noise.add(self._curves[trial.name], rng)))
            for trial in self.trials
        )
        other = Recorded(trials, self.metric, scope=self.scope, noise=None)
        other.noise_from, other._noise = self.noise_from, self._noise
        return other

    @property
    def noisy(self) -> bool:
        """Whether repeated trainings of some configuration differ."""
        return self._noise is not None or len(self._all_seeds) > 1

    # -- how far it can be trusted ---------------------------------------------------------------------------------
    def nearest(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The recorded configuration that is nearest to this one."""
        cell, rate = self._locate(config)
        return cell.nearest(rate).config

    def touched(self, trials: Iterable[Trial]) -> int:
        """Behind how many distinct recorded configurations these trials stand.

        Nine draws that stand behind six are six trials: their results are not independent.
        """
        return len({config_key(self.nearest(trial.config)) for trial in trials})

    def leave_one_out(self, epoch: int | None = None) -> LeaveOneOut:
        """How well do its two neighbours foretell what is told of a trial after this epoch (the last unless given)?"""
        epoch = check_budget(self.max_epochs if epoch is None else epoch, self.max_epochs)
        found = [one for cell in self.cells for one in cell.left_out_one_by_one()]
        recorded, interpolated = ([self._value(one[which], epoch, self.scope) for one in found] for which in (1, 2))
        return LeaveOneOut(
            [one[0] for one in found], np.array(recorded), np.array(interpolated), len(self.trials) - len(found)
        )

    @cached_property
    def best(self) -> float:
        """The lowest that a recorded configuration reached, as the mean over its seeds: what regret is measured from.

        It is the smallest of many noisy numbers, and so lower than what that configuration would give again.
        """
        values: dict[tuple, list[float]] = defaultdict(list)
        for trial in self.trials:
            value = self._value(self._curves[trial.name], self.max_epochs, self.scope)
            values[config_key(trial.config)].append(value)
        means = [float(np.mean(group)) for group in values.values()]
        return min((mean for mean in means if not math.isnan(mean)), default=math.nan)

    def __repr__(self) -> str:
        return (
            f"Recorded({len(self.trials)} trials in {len(self.cells)} cells of {self.data}; "
            f"{self.metric}, {self.scope}; noise from {self.noise_from})"
        )


def curve_of(trial: Trial, max_epochs: int, seconds: float | None = None) -> Curve:
    """The curve of a recorded trial; that of a dead network which was not trained to the end is held."""
    rows = [
        (result.loss, result.accuracy, result.seconds if seconds is None else seconds, result.value("train_loss"))
        for result in trial.history[:max_epochs]
    ]
    if trial.diverged and len(rows) == len(trial.history):
        return Curve(np.array(rows, dtype=float), diverged=True)
    # A worker does not know that the network is dead: it trains on, and each epoch has its price.
    held = [rows[-1]] * (max_epochs - len(rows))
    dead = bool(trial.history[-1].extra.get("dead"))
    return Curve(np.array(rows + held, dtype=float), dead=dead, held=len(rows) if held else None)


def _of_curve(trial: Trial, curve: Curve) -> tuple[Result, ...]:
    """The trial's results with the numbers of a curve; what the recorded ones say beside stays."""
    return tuple(
        replace(result, loss=row[LOSS], accuracy=row[ACCURACY], extra={**result.extra, "train_loss": row[TRAIN_LOSS]})
        for result, row in zip(trial.history, curve.rows, strict=False)
    )


def common_length(trials: Trials, who: str = "Recorded") -> int:
    """Epochs of the shortest training that came to its end; those that diverged or died may be shorter."""
    if any(not trial.history for trial in trials):
        empty = next(trial.name for trial in trials if not trial.history)
        raise ValueError(f"{who}: trial {empty!r} has no epochs; filter the table to trials that were trained.")
    whole = [trial.budget for trial in trials if not trial.diverged and not trial.history[-1].extra.get("dead")]
    return min(whole) if whole else max(trial.budget for trial in trials)


def names_of(trials: Trials, who: str = "Recorded") -> list[str]:
    """The hyperparameters of the trials; ValueError where two do not have the same ones."""
    names = list(trials[0].config)
    for trial in trials:
        if set(trial.config) != set(names):
            raise ValueError(
                f"{who}: trial {trial.name!r} has the hyperparameters {', '.join(trial.config)}, and "
                f"the first one {', '.join(names)}. Filter the table to trials with the same ones."
            )
    return names


def _pairs(trials: Iterable[Trial], max_epochs: int) -> list[tuple[Mapping, Curve]]:
    return [(trial.config, curve_of(trial, min(max_epochs, trial.budget))) for trial in trials]


def _repeats(trials: Trials) -> bool:
    configs = [config_key(trial.config) for trial in trials]
    return len(set(configs)) < len(configs)


def _shipped(recorded: Recorded) -> Trials:
    """The shipped table of repeated seeds, as far as it is there and of the same data."""
    try:
        trials = load(NOISE_TABLE, partial=True)
    except ValueError:
        return Trials()
    return trials if trials.data == recorded.trials.data else Trials()
