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
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from hpt_lessons.analysis.anova import Subset, decompose
from hpt_lessons.analysis.axes import Axis, Setting, axes_of, complete_part, setting, varying
from hpt_lessons.analysis.comparisons import covers, percentiles
from hpt_lessons.analysis.curse import score
from hpt_lessons.analysis.forest import decompose_scattered
from hpt_lessons.analysis.tunability import Gain, gains
from hpt_lessons.trials import Trial, Trials

__all__ = ["AdaptiveWarning", "Gain", "Importance", "Share", "adaptively_chosen", "gains", "good_region", "shares"]

OF = ("rank", "value", "good")


class AdaptiveWarning(UserWarning):
    """The trials seem to have been chosen by what earlier ones showed, and shares of variance are then distorted."""


class Share(NamedTuple):
    """A share of the whole variance, and its interval, NaN where there is one seed only."""

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

    def rows(self) -> list[tuple[str, float, float, float]]:
        """(label, share, low, high) of each, the largest first: what a plot needs."""
        rows = [(" x ".join(names), *share) for names, share in self.shares.items()]
        return sorted(rows, key=lambda row: -row[1])


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
    configurations. On which scale numbers count is guessed and can be said (`scales`, see `axes.axes_of`).

    Trained with several seeds that all configurations share, each share gets a bootstrap interval over these seeds. It
    covers the noise of training, not the choice of configurations; with fewer than eight seeds it is too narrow.

    A table does not say who chose its trials. `adaptive=True` says a search did, False that none did; left out, it is
    judged from the order of the trials (`adaptively_chosen`). If so, there is an `AdaptiveWarning`.
    """
    for name, value, allowed in (("of", of, OF), ("method", method, (None, "grid", "forest"))):
        if value not in allowed:
            raise ValueError(f"{name}={value!r} is not possible; choose {', '.join(map(repr, allowed))}.")
    trials = _scored(trials, metric, scope)
    names = _names(trials, names)
    grid = None if method == "forest" else complete_part(trials, names, 0.0 if method == "grid" else 0.5)
    _warn(trials, names, metric, scope, adaptive, grid is not None)
    used = trials if grid is None else grid
    axes = axes_of(used, names, scales)
    settings, values = _table(used, names, _outcomes(used, metric, scope, of, good))

    def split(means: np.ndarray) -> tuple[dict[Subset, float], float]:
        if grid is not None:
            return decompose(_cells(axes, settings, means), [axis.weights() for axis in axes], order)
        places = np.stack([axis.places(s[at] for s in settings) for at, axis in enumerate(axes)], axis=1)
        return decompose_scattered(places, means, order=order, trees=trees, seed=seed)

    parts, total = split(values.mean(axis=1))
    found = {tuple(names[at] for at in subset): Share(part / total if total else 0.0) for subset, part in parts.items()}
    left_out = len({setting(trial, names) for trial in trials}) - len(settings)
    seeds = values.shape[1]
    result = Importance(found, total, math.nan, "forest" if grid is None else "grid", of, len(settings), left_out,
                        seeds, "nothing: there is one seed, or not the same ones everywhere")  # fmt: skip
    if seeds < 2 or not total:
        return result
    drawn = _bootstrap(values, split, resamples, seed)
    ends = _recentred(np.array([share.share for share in found.values()]), drawn, confidence)
    found = {key: Share(found[key].share, *ends[at]) for at, key in enumerate(found)}
    noise = float(values.var(axis=1, ddof=1).mean() / seeds / total)
    return replace(result, shares=found, noise=noise, covers=covers("training"))


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
    scored = _scored(trials, metric, scope)
    names = _names(scored, names)
    settings, values = _table(scored, names, _outcomes(scored, metric, scope, "rank", 0.1))
    best = np.argsort(values.mean(axis=1), kind="stable")[: max(1, math.ceil(share * len(settings)))]
    box = [_side(axis, [settings[row][at] for row in best])
           for at, axis in enumerate(axes_of(scored, names, scales))]  # fmt: skip
    return scored.filter(lambda trial: all(at in side for at, side in zip(setting(trial, names), box, strict=True)))


def adaptively_chosen(
    trials: Trials, names: Sequence[str] | None = None, *, metric: str = "loss", scope: str = "last"
) -> str | None:
    """What makes one think that a search chose these trials by what earlier ones showed; None if nothing does.

    Two signs: a scheduler cut trials (status "stopped"), so that their scores are of unequal budgets; or later trials
    lie nearer to the best one than the first twelfth, sixth, third or half of them, in some hyperparameter, by the
    rank-sum test of Wilcoxon at one in a thousand in all. The order of the table must be that in which the trials were
    chosen. A search may go unnoticed: BOHB was noticed in three of four searches of 60 trials, in all of 200.
    """
    stopped = sum(trial.status == "stopped" for trial in trials)
    if stopped:
        return f"{stopped} of {len(trials)} trials were cut by a scheduler, so that their scores are of unequal budgets"
    trials = _scored(trials, metric, scope)
    names = _names(trials, names)
    outcomes = _outcomes(trials, metric, scope, "rank", 0.1)
    best = min(range(len(trials)), key=lambda row: outcomes[trials[row].trial])
    firsts = sorted({len(trials) // parts for parts in (12, 6, 3, 2)} - {0})
    limit = NormalDist().inv_cdf(1 - 0.001 / len(names) / max(1, len(firsts)))
    for axis, name in zip(axes_of(trials, names), names, strict=True):
        places = axis.places(setting(trial, [name])[0] for trial in trials)
        far = _ranks(np.abs(places - places[best])) * len(trials)
        if any(_rank_sum(far, first) > limit for first in firsts):
            return f"later trials lie nearer to the best one in {name!r} than earlier ones"
    return None


def _rank_sum(ranks: np.ndarray, first: int) -> float:
    """How much larger the first ranks are than the others, in standard deviations of a random order."""
    others = len(ranks) - first
    return (ranks[:first].sum() - first * ranks.mean()) / math.sqrt(first * others * (len(ranks) + 1) / 12)


# -- the table of scores -------------------------------------------------------------------------------------------


def _scored(trials: Trials, metric: str, scope: str) -> Trials:
    """The trials that have a result or diverged; an error if none is sound."""
    sound = {trial.trial for trial in trials if math.isfinite(score(trial, metric, scope))}
    if not sound:
        raise ValueError(f"importance: none of {len(trials)} trials has a sound result in {metric!r}.")
    return trials.filter(lambda trial: trial.trial in sound or trial.diverged)


def _names(trials: Trials, names: Sequence[str] | None) -> list[str]:
    found = varying(trials)
    unknown = [name for name in names or () if name not in found]
    if unknown or not found:
        raise ValueError(f"importance: {unknown[0] if unknown else 'no hyperparameter'!r} varies between these trials; "
                         f"what varies: {', '.join(found) or 'nothing'}.")  # fmt: skip
    return list(found if names is None else names)


def _outcomes(trials: Trials, metric: str, scope: str, of: str, good: float) -> dict[str, float]:
    """What is decomposed, by the name of the trial; smaller is better, but for "good", which is 1 or 0."""
    sign = -1.0 if metric == "accuracy" else 1.0
    values = sign * np.array([score(trial, metric, scope) for trial in trials])
    if of == "value":
        values = np.where(np.isnan(values), np.nanmax(values), values)
    else:
        values = _ranks(np.where(np.isnan(values), math.inf, values))
    if of == "good":
        values = (values <= np.quantile(values, good)).astype(float)
    return {trial.trial: float(value) for trial, value in zip(trials, values, strict=True)}


def _ranks(values: np.ndarray) -> np.ndarray:
    """Each value's rank as a share, between 0 for the smallest and 1; equal values have their mean rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[group] / len(values)


def _table(trials: Sequence[Trial], names: Sequence[str], outcomes: Mapping[str, float]) -> tuple[list[Setting],
                                                                                                  np.ndarray]:  # fmt: skip
    """The settings and their outcomes, shape (settings, seeds); one column of means if not all have the same seeds."""
    groups: dict[Setting, dict[Any, list[float]]] = defaultdict(lambda: defaultdict(list))
    for trial in trials:
        groups[setting(trial, names)][trial.seed].append(outcomes[trial.trial])
    seeds = list(next(iter(groups.values())))
    if len(seeds) > 1 and all(set(group) == set(seeds) for group in groups.values()):
        rows = [[np.mean(group[seed]) for seed in seeds] for group in groups.values()]
    else:
        rows = [[np.mean([value for values in group.values() for value in values])] for group in groups.values()]
    return list(groups), np.array(rows)


def _cells(axes: Sequence[Axis], settings: Sequence[Setting], means: np.ndarray) -> np.ndarray:
    """The table with one axis a hyperparameter that `decompose` takes."""
    cells = np.full([len(axis.levels) for axis in axes], math.nan)
    for found, mean in zip(settings, means, strict=True):
        cells[tuple(axis.levels.index(value) for axis, value in zip(axes, found, strict=True))] = mean
    return cells


def _side(axis: Axis, good: Sequence[Any]) -> set:
    """The levels of one axis that lie in the box of the good ones."""
    if axis.scale == "choice":
        return set(good)
    return {level for level in axis.levels if min(good) <= level <= max(good)}


# -- intervals and the warning -------------------------------------------------------------------------------------


def _bootstrap(values: np.ndarray, split, resamples: int, seed: int) -> np.ndarray:
    """Shares of so many resampled tables, shape (resamples, shares): all configurations get the same drawn seeds."""
    generator, count = np.random.default_rng(seed), values.shape[1]
    drawn = []
    for _ in range(resamples):
        parts, total = split(values[:, generator.integers(count, size=count)].mean(axis=1))
        drawn.append([part / total if total else 0.0 for part in parts.values()])
    return np.array(drawn)


def _recentred(found: np.ndarray, drawn: np.ndarray, confidence: float) -> np.ndarray:
    """Ends for each share, shape (shares, 2). Drawing seeds twice adds noise, which moves all drawn shares the same
    way: only how far they scatter is taken from them."""
    low, high = percentiles(drawn - drawn.mean(axis=0), confidence)
    return np.clip(np.stack([found + low, found + high], axis=1), 0, 1)


def _warn(
    trials: Trials, names: Sequence[str], metric: str, scope: str, adaptive: bool | None, is_grid: bool
) -> None:
    if adaptive is False:
        return
    stopped = any(trial.status == "stopped" for trial in trials)
    reason = adaptively_chosen(trials, names, metric=metric, scope=scope) if stopped or not is_grid else None
    if adaptive:
        reason = reason or "adaptive=True"
    if reason:
        warnings.warn(
            f"these trials look as if a search had chosen them ({reason}). Shares of variance then weigh what the search "
            "liked to try. Take trials of a grid or a random search; adaptive=False says that they are.",
            AdaptiveWarning, stacklevel=3,
        )  # fmt: skip
