"""What does tuning one hyperparameter alone give from a start, how sure is that, and at which rate does training break?

The gains are those of `analysis.gains`; here each gets an interval. Where a start and the value chosen for it were
trained with several seeds, it is Student's over these. Elsewhere one seed must do, and what another seed would change
is taken from the configurations that were repeated. No widgets here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hpt_lessons.analysis.curse import score
from hpt_lessons.analysis.importance.shares import Gain, gains
from hpt_lessons.trials import Trial, Trials

NAMES = ("lr", "batch_size", "l1", "l2")
TOGETHER = "together"
METRIC = "accuracy"
SCOPES = ("all", "last")
PAIRS = 3  # so many seeds in common give a gain its own interval
SEEDS = 5  # so many show how far the seeds of a configuration lie apart; fewer say next to nothing about that
DRAWS = 1000

Key = tuple[Any, ...]


class Observation(NamedTuple):
    """One recorded training: the value of what is tuned (None for several), its accuracy, and whether it broke down."""

    value: Any
    score: float
    broke: bool


@dataclass(frozen=True)
class Alone:
    """What tuning one hyperparameter gives, accuracies in 0..1: a row of the picture.

    `seen` is the gain as one seed shows it, `gain` what to expect of other seeds, with its interval; `basis` says where
    that comes from: "seeds", "noise" (measured elsewhere), "one seed" (no interval) or "" where nothing was recorded.
    """

    name: str
    runs: tuple[Observation, ...]
    value: Any = None
    seen: float = math.nan
    gain: float = math.nan
    low: float = math.nan
    high: float = math.nan
    basis: str = ""
    seeds: int = 1

    @property
    def recorded(self) -> bool:
        """Whether any other value than the start's was trained."""
        return len(self.runs) > 1


class Edge(NamedTuple):
    """The highest learning rate that trained and the next one, from which on all break down; NaN where there is none"""

    sound: float
    broken: float


def key(config: Mapping[str, Any]) -> Key:
    """What is tuned, in the order of `NAMES`."""
    return tuple(config.get(name) for name in NAMES)


def broke(trial: Trial) -> bool:
    """Whether a training diverged, or unlearned everything: its last epoch is no better than guessing."""
    return trial.diverged or bool(trial.history and trial.history[-1].extra.get("dead"))


def along(trials: Trials, start: Mapping[str, Any], free: Sequence[str]) -> Trials:
    """The trials that differ from the start in nothing but the hyperparameters in `free`."""
    return trials.filter(lambda trial: all(trial.config.get(name) == start[name] for name in NAMES if name not in free))


def edge(sweep: Trials) -> Edge:
    """Where the learning rate becomes too high, for trials that differ in it alone."""
    ordered = sorted(sweep, key=lambda trial: trial.config["lr"])
    sound = [trial.config["lr"] for trial in ordered if not broke(trial)]
    last = max(sound, default=math.nan)
    above = [trial.config["lr"] for trial in ordered if not trial.config["lr"] <= last]
    return Edge(last, min(above, default=math.nan))


def gain_with_noise(
    scores: Sequence[float], start: int, spread: Sequence[float], seed: int = 0
) -> tuple[float, float, float]:
    """Mean and 95 % interval of the gain over `scores[start]`, if another seed moves each score by its `spread`.

    The scores of one seed stand for the truth, normal noise is added twice: once to choose the best value, once to
    score it. The luck that chose a value does not come again, so the mean is below the gain that one seed shows.
    """
    rng = np.random.default_rng(seed)
    truth, noise = np.asarray(scores, float), np.asarray(spread, float)
    chosen = (truth + noise * rng.standard_normal((DRAWS, len(truth)))).argmax(axis=1)
    again = truth + noise * rng.standard_normal((DRAWS, len(truth)))
    turns = again[np.arange(DRAWS), chosen] - again[:, start]
    low, high = np.sort(turns)[[round(0.025 * DRAWS), round(0.975 * DRAWS) - 1]]
    return float(turns.mean()), float(low), float(high)


class Evidence:
    """Recorded trials of one seed, and all repeats of them: answers what tuning alone gives from any start in them.

    `trials` is the table, `repeats` another one with more seeds. Accuracies are those of the best epoch (`scope` "all")
    or of the last one ("last"); a trial that diverged counts as the worst sound one.
    """

    def __init__(self, trials: Trials, repeats: Trials | None = None) -> None:
        known = [trial for trial in (*trials, *(repeats or ())) if trial.history]
        seeds = [trial.seed for trial in trials]
        self.seed = max(set(seeds), key=lambda seed: (seeds.count(seed), -(seed or 0)), default=None)
        self.trials = trials.filter(lambda trial: trial.seed == self.seed and bool(trial.history))
        if len({key(trial.config) for trial in self.trials}) < len(self.trials):
            raise ValueError(
                "a table with each configuration once for each seed was expected, but some came again: "
                "choose those of one study."
            )
        self.data = self.trials.data
        self._seeds: dict[Key, dict[Any, Trial]] = defaultdict(dict)
        for trial in known:
            self._seeds[key(trial.config)].setdefault(trial.seed, trial)
        # Each trial with the epoch that counts and no other: a start is answered in a blink.
        self._short = {scope: Trials(_shortened(trial, scope) for trial in self.trials) for scope in SCOPES}
        self._scores = {scope: self._all_scores(scope) for scope in SCOPES}
        self._noise = {scope: self._measure(scope) for scope in SCOPES}

    def score(self, trial: Trial, scope: str) -> float:
        """The accuracy that counts; that of the worst sound trial for one that diverged."""
        return self._scores[scope][key(trial.config), trial.seed]

    def seeds(self, config: Mapping[str, Any]) -> dict[Any, Trial]:
        """All trainings of a configuration, by their seed."""
        return dict(self._seeds[key(config)])

    def spread(self, trial: Trial, scope: str) -> float:
        """The standard deviation between seeds: measured here, or where the mean score is nearest; NaN if nowhere."""
        own = self._noise[scope].get(key(trial.config))
        if own:
            return own[1]
        here = self.score(trial, scope)
        nearest = min(self._noise[scope].values(), key=lambda found: abs(found[0] - here), default=(0, math.nan))
        return nearest[1]

    @property
    def measured(self) -> tuple[int, int]:
        """How many configurations have enough seeds to measure the noise, and how many seeds the most repeated has."""
        found = self._noise["last"]
        return len(found), max((len(self._seeds[place]) for place in found), default=0)

    def answer(self, start: Mapping[str, Any], scope: str) -> list[Alone]:
        """A row for each hyperparameter tuned alone, then one for all of them together.

        ValueError if the start was not recorded with the common seed.
        """
        varying = [name for name in NAMES if len({trial.config.get(name) for trial in self.trials}) > 1]
        found = {gain.name: gain for gain in gains(self._short[scope], start, varying, metric=METRIC)}
        rows = [self._row(name, [name], found.get(name), start, scope) for name in NAMES]
        together = [gain for name, gain in found.items() if name not in NAMES]
        return [*rows, self._row(TOGETHER, varying, together[0] if together else None, start, scope)]

    def _row(self, name: str, free: Sequence[str], gain: Gain | None, start: Mapping[str, Any], scope: str) -> Alone:
        line = along(self.trials, start, free)
        runs = tuple(Observation(trial.config.get(name), self.score(trial, scope), broke(trial)) for trial in line)
        row = Alone(name, runs)
        if gain is None or len(line) < 2:
            return row
        row = replace(row, value=gain.value, seen=gain.gain, gain=gain.gain, basis="one seed")
        by_key = {key(trial.config): place for place, trial in enumerate(line)}
        best = max(line, key=lambda trial: self.score(trial, scope))
        repeated = self._repeated(start, best.config, free, scope)
        if repeated is not None:
            return replace(
                row, gain=repeated.gain, low=repeated.low, high=repeated.high, basis="seeds", seeds=repeated.seeds
            )
        spread = [self.spread(trial, scope) for trial in line]
        if np.isnan(spread).any():
            return row
        mean, low, high = gain_with_noise([run.score for run in runs], by_key[key(start)], spread)
        return replace(row, gain=mean, low=low, high=high, basis="noise")

    def _repeated(
        self, start: Mapping[str, Any], best: Mapping[str, Any], free: Sequence[str], scope: str
    ) -> Gain | None:
        """The gain over the seeds that start and best value share; None if they are the same, or share too few."""
        shared = set(self._seeds[key(start)]) & set(self._seeds[key(best)])
        if key(start) == key(best) or len(shared) < PAIRS:
            return None
        line = along(self.trials, start, free)
        rows = [self._seeds[key(trial.config)] for trial in line]
        known = [
            replace(_shortened(row[seed], scope), name=f"{place}-{seed}")
            for place, row in enumerate(rows)
            if shared <= set(row)
            for seed in shared
        ]
        names = [name for name in free if len({trial.config[name] for trial in known}) > 1]
        return gains(Trials(known), start, names, metric=METRIC)[-1]

    def _all_scores(self, scope: str) -> dict[tuple[Key, Any], float]:
        """The score of every training, by configuration and seed."""
        found = {
            (place, seed): math.nan if trial.diverged else score(trial, METRIC, scope)
            for place, row in self._seeds.items()
            for seed, trial in row.items()
        }
        worst = min((value for value in found.values() if math.isfinite(value)), default=math.nan)
        return {place: value if math.isfinite(value) else worst for place, value in found.items()}

    def _measure(self, scope: str) -> dict[Key, tuple[float, float]]:
        """Mean and standard deviation over the seeds, where there are enough."""
        found = {}
        for place, trials in self._seeds.items():
            if len(trials) >= SEEDS:
                values = [self.score(trial, scope) for trial in trials.values()]
                found[place] = float(np.mean(values)), float(np.std(values, ddof=1))
        return found


def _shortened(trial: Trial, scope: str) -> Trial:
    """The trial with the one epoch that counts: its best by accuracy, or its last; whole if it diverged."""
    if trial.diverged:
        return trial
    which = trial.history[-1] if scope == "last" else max(trial.history, key=lambda result: result.accuracy)
    return replace(trial, history=(which,))
