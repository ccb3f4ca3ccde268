"""Which hyperparameter matters? Shares of the variance between trials, and what tuning each one alone would gain.

`shares` asks how much of what differs between trials is due to each hyperparameter alone and to each pair beyond both
(fANOVA: Hutter, Hoos & Leyton-Brown, ICML 2014). Where the trials fill a grid, that is computed from the means of its
cells (`anova`), else from regression trees (`forest`). Four things make such shares mislead, and each is met here:

- A few terrible trials make up most of the variance, and the shares tell who is to blame for them: ranks are taken.
- Far from the best other hyperparameters matter than near it: look at the whole and at the `good_region`.
- Shares that are scaled to sum to one hide that two may only matter together: these are shares of the whole variance,
  and what interacts is listed beside.
- Trials that a search chose lie where it liked it: there is a warning (`AdaptiveWarning`).

`gains` asks the other question, how much tuning each one alone improves on a default (`tunability`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from hpt_lessons.analysis.comparisons import covers, percentiles
from hpt_lessons.analysis.importance.adaptive import AdaptiveWarning, adaptively_chosen, warn_if_adaptive
from hpt_lessons.analysis.importance.anova import Subset, decompose
from hpt_lessons.analysis.importance.columns import Column, Setting, columns_of, complete_part, setting
from hpt_lessons.analysis.importance.forest import decompose_scattered
from hpt_lessons.analysis.importance.gains import Gain, gains
from hpt_lessons.analysis.importance.outcomes import OF, by_setting, checked_names, outcomes, scored
from hpt_lessons.trials import Trials, one_of

__all__ = ["AdaptiveWarning", "Gain", "Importance", "Share", "adaptively_chosen", "gains", "good_region", "shares"]

# The outcomes of the settings, shape (settings,), to the variance of each effect and that of the whole.
Split = Callable[[np.ndarray], tuple[dict[Subset, float], float]]


class Share(NamedTuple):
    """A share of the whole variance (not scaled to sum to one), and its interval, NaN where there is one seed only."""

    share: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Importance:
    """Shares of the variance between trials, by hyperparameter and by pair; see `shares`.

    `shares[("lr",)]` is due to lr alone, `shares[("lr", "l1")]` to both together beyond each alone, `rest` to more than
    two together. `total` is the variance itself, `noise` the share of it that one would see if all configurations were
    equal and only the seeds differed (NaN with one seed; it hides in the interactions). `left_out` counts
    configurations that did not fit the grid.
    """

    shares: dict[tuple[str, ...], Share]
    total: float
    noise: float
    method: str
    of: str
    configurations: int
    left_out: int
    seeds: int
    covers: str

    @property
    def rest(self) -> float:
        """What no listed hyperparameter or combination explains."""
        return max(0.0, 1.0 - sum(share.share for share in self.shares.values())) if self.total else 0.0

    def rows(self) -> dict[str, Share]:
        """The shares under a label each, "lr" or "lr x l1", the largest first: what a plot needs."""
        labelled = {" x ".join(names): share for names, share in self.shares.items()}
        return dict(sorted(labelled.items(), key=lambda row: -row[1].share))


def shares(
    trials: Trials,
    names: Sequence[str] | None = None,
    *,
    metric: str = "loss",
    scope: str = "last",
    of: str = "rank",
    good: float = 0.1,
    scales: Mapping[str, str] | None = None,
    method: str | None = None,
    adaptive: bool | None = None,
    order: int = 2,
    resamples: int = 200,
    confidence: float = 0.95,
    trees: int = 16,
    seed: int = 0,
) -> Importance:
    """Shares of the variance between configurations, for each hyperparameter and each combination of up to `order`.

    What is decomposed is by `of` the trials' "rank", the "value" of the metric itself, or whether a trial is among the
    best ("good": the best share `good` of the trials; that is the question of PED-ANOVA, Watanabe et al., IJCAI 2023,
    whose divergence times good^2 is this variance). A score is the last epoch's or with `scope="all"` the best one's; a
    trial that diverged counts as the worst, one without a result not at all.

    `names` defaults to whatever varies; over other hyperparameters the mean is taken. `method` is "grid" (exact; levels
    that lack combinations are left out) or "forest" (any trials); left out, the grid if that keeps half of the
    configurations. On which scale numbers count is guessed and can be said (`scales`, see `columns.columns_of`).

    Trained with several seeds that all configurations share, each share gets a bootstrap interval over these seeds. It
    covers the noise of training, not the choice of configurations. It is too narrow for few seeds: in simulated grids
    intervals of 95 % held the true share 87 to 90 times in a hundred with eight seeds, 67 to 87 times with four.

    A table does not say who chose its trials. `adaptive=True` says a search did, False that none did; left out, it is
    judged from the order of the trials (`adaptively_chosen`). If so, there is an `AdaptiveWarning`.
    """
    _check(of, good, method)
    trials = scored(trials, metric, scope)
    names = checked_names(trials, names)
    grid = _grid_part(trials, names, method)
    warn_if_adaptive(trials, names, adaptive, grid is not None, metric=metric, scope=scope)
    used = trials if grid is None else grid
    columns = columns_of(used, names, scales)
    settings, values = by_setting(used, names, outcomes(used, metric, scope, of, good))
    split = _by_trees(columns, settings, order, trees, seed) if grid is None else _by_cells(columns, settings, order)
    found = _importance(names, values, split, of, resamples, confidence, seed)
    left_out = len({setting(trial, names) for trial in trials}) - len(settings)
    return replace(found, method="forest" if grid is None else "grid", left_out=left_out)


def good_region(
    trials: Trials,
    share: float = 0.25,
    names: Sequence[str] | None = None,
    *,
    metric: str = "loss",
    scope: str = "last",
    scales: Mapping[str, str] | None = None,
) -> Trials:
    """The trials in the smallest box that holds the best share of the configurations: where one would search next.

    For numbers with a width the box reaches from the smallest to the largest good value, of choices it holds those seen
    among the good ones. Bad trials inside stay: what matters there is asked of all of them.
    """
    if not 0 < share <= 1:
        raise ValueError(f"good_region: share={share} is not possible; it lies between 0 and 1, for example 0.25.")
    trials = scored(trials, metric, scope)
    names = checked_names(trials, names)
    settings, values = by_setting(trials, names, outcomes(trials, metric, scope))
    best = np.argsort(values.mean(axis=1), kind="stable")[: max(1, math.ceil(share * len(settings)))]
    columns = columns_of(trials, names, scales)
    box = [_side(column, [settings[row][at] for row in best]) for at, column in enumerate(columns)]
    return trials.filter(lambda trial: all(at in side for at, side in zip(setting(trial, names), box, strict=True)))


def _side(column: Column, good: Sequence[Any]) -> set[Any]:
    """The levels of one column that lie in the box of the good ones."""
    if column.scale == "choice":
        return set(good)
    return {level for level in column.levels if min(good) <= level <= max(good)}


# -- from outcomes to shares ---------------------------------------------------------------------------------------


def _grid_part(trials: Trials, names: Sequence[str], method: str | None) -> Trials | None:
    """The trials of a full grid, None if trees are to be used."""
    if method == "forest":
        return None
    grid = complete_part(trials, names, 0.0 if method == "grid" else 0.5)
    if method == "grid" and grid is None:
        raise ValueError(f"shares: no levels of {', '.join(names)} form a full grid; give fewer names, or no method.")
    return grid


def _by_cells(columns: Sequence[Column], settings: Sequence[Setting], order: int) -> Split:
    """Exactly, from a table with a cell for each setting and a column for each hyperparameter."""
    places = [tuple(column.levels.index(at) for column, at in zip(columns, found, strict=True)) for found in settings]
    shape = [len(column.levels) for column in columns]

    def split(means: np.ndarray) -> tuple[dict[Subset, float], float]:
        cells = np.full(shape, math.nan)
        cells[tuple(np.transpose(places))] = means
        return decompose(cells, [column.weights() for column in columns], order)

    return split


def _by_trees(columns: Sequence[Column], settings: Sequence[Setting], order: int, trees: int, seed: int) -> Split:
    """By regression trees, from the place of each setting in the unit cube."""
    places = np.stack([column.places(found[at] for found in settings) for at, column in enumerate(columns)], axis=1)
    return lambda means: decompose_scattered(places, means, order=order, trees=trees, seed=seed)


def _importance(
    names: Sequence[str], values: np.ndarray, split: Split, of: str, resamples: int, confidence: float, seed: int
) -> Importance:
    """Shares of outcomes, shape (settings, seeds), with intervals over the seeds if there are several."""
    parts, total = split(values.mean(axis=1))
    keys = [tuple(names[at] for at in subset) for subset in parts]
    found = np.clip(np.array(list(parts.values())) / (total or 1.0), 0, 1)  # rounding may step out by a hair
    shares, noise = [Share(float(share)) for share in found], math.nan
    seeds, said = values.shape[1], "nothing: there is one seed, or not the same ones everywhere"
    if seeds > 1 and total:
        ends = _recentred(found, _bootstrap(values, split, resamples, seed), confidence)
        shares = [Share(*map(float, (share, *pair))) for share, pair in zip(found, ends, strict=True)]
        noise, said = float(values.var(axis=1, ddof=1).mean() / seeds / total), covers("training")
    return Importance(dict(zip(keys, shares, strict=True)), total, noise, "", of, len(values), 0, seeds, said)


def _bootstrap(values: np.ndarray, split: Split, resamples: int, seed: int) -> np.ndarray:
    """Shares of so many resampled tables, shape (resamples, shares): all settings get the same drawn seeds."""
    generator, count = np.random.default_rng(seed), values.shape[1]
    drawn = []
    for _ in range(resamples):
        parts, total = split(values[:, generator.integers(count, size=count)].mean(axis=1))
        drawn.append(np.array(list(parts.values())) / (total or 1.0))
    return np.array(drawn)


def _recentred(found: np.ndarray, drawn: np.ndarray, confidence: float) -> np.ndarray:
    """Ends for each share, shape (shares, 2), in 0..1.

    Drawing seeds twice adds noise, which moves all drawn shares the same way: only how far they scatter is taken.
    """
    low, high = percentiles(drawn - drawn.mean(axis=0), confidence)
    ends = np.stack([found + np.minimum(low, 0), found + np.maximum(high, 0)], axis=1)
    return np.asarray(np.clip(ends, 0, 1))


def _check(of: str, good: float, method: str | None) -> None:
    one_of("of", of, OF)
    one_of("method", method, (None, "grid", "forest"))
    if not 0 < good < 1:
        raise ValueError(f"good={good!r} is not possible; it is a share between 0 and 1, for example 0.1.")
