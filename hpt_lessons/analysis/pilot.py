"""May I stop early here? A few full trainings of your own, and what stopping at each epoch would have done to them.

Stopping early is a bet that the order after a few epochs is the order at the end. Whether it is depends on the problem,
so that nobody else's benchmark can say. A pilot of six to ten trials, drawn at random and trained to the end, can show
it where it is clear; where it is not, it says so.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from hpt_lessons.analysis.intervals import wilson
from hpt_lessons.trials import Trial, Trials, expect_trials, known_metric, sign_of

LEAST = 6  # trials: fewer have too few triples to say anything
ENOUGH = 0.5  # the winner must be kept more often than that; without any information it is kept in a third
ETA = 3
CONFIDENCE = 0.9  # two-sided: each end is passed by chance in one of twenty
RESAMPLES = 2000


class Share(NamedTuple):
    """A number from the pilot and its interval, which covers the draw of the trials."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


class Grace(NamedTuple):
    """What the order at `epoch` would have done.

    `agreement`: Kendall's rank correlation with the last epoch, -1..1. `hits`: the share of the best third at the end
    that is in the best third here. `kept`: of any three trials only the best at this epoch goes on; how often is it the
    one that ends best? `lost` is what the choice costs on average, in units of the metric; NaN where the choice
    diverged later. `saved` is the share of the epochs that it saves.
    """

    epoch: int
    agreement: Share
    hits: Share
    kept: Share
    lost: float
    saved: float


class Pilot(NamedTuple):
    """What a pilot of `trials` full trainings of `epochs` epochs says; print it. `left_out` were not trained so far."""

    advice: str
    stop_from: int | None
    graces: tuple[Grace, ...]
    trials: int
    epochs: int
    left_out: int
    metric: str

    def __str__(self) -> str:
        head = f"{self.trials} full trainings of {self.epochs} epochs, judged by {self.metric} at the last one"
        rows = [
            f"{grace.epoch:5}  {grace.agreement!s:20}  {grace.hits!s:18}  {grace.kept!s:18}  "
            f"{grace.lost:6.3f}  {grace.saved:5.0%}"
            for grace in self.graces
        ]
        left = [f"left out, not trained to the end: {self.left_out}"] if self.left_out else []
        names = f"epoch  {'order':20}  {'best third':18}  {'winner kept':18}  {'lost':>6}  saved"
        return "\n".join([head, *left, names, *rows, f"Advice: {self.advice}."])


def pilot(trials: Trials | Sequence[Trial], metric: str = "loss", *, seed: int = 0) -> Pilot:
    """What six or more full trainings say about stopping early, for grace periods of 1, 3, 9, ... epochs and eta 3.

    The trials must have been drawn at random, from the space that will be searched: the best ten of a search say
    nothing. The longest training sets the length; shorter ones are left out, unless they diverged, which counts as
    worst. Intervals are bootstraps over the trials (Wilson's for `hits`), at 90 %, so that a bound is passed by luck in
    one of twenty. The advice is to stop from the earliest epoch from which on the winner of three is surely kept in
    more than half (`kept`), not to stop where the last grace period surely keeps it in fewer, and else that the trials
    cannot tell. Raises ValueError for fewer than six whole trials, and for trainings of fewer than three epochs.
    """
    expect_trials("pilot", trials)
    known_metric("pilot", trials, metric)
    epochs = max((trial.budget for trial in trials), default=0)
    whole = [trial for trial in trials if trial.history and (trial.budget == epochs or trial.diverged)]
    if len(whole) < LEAST or epochs < ETA:
        raise ValueError(
            f"pilot: {len(whole)} of {len(trials)} trials were trained for all of {epochs} epochs; at least {LEAST} "
            f"trials of {ETA} epochs were expected. Draw some at random and train them to the end."
        )
    curves = np.array([_curve(trial, metric, epochs) for trial in whole])
    graces = tuple(_grace(curves, epoch, seed) for epoch in _looks(epochs))
    advice, stop_from = _advice(graces, len(whole))
    return Pilot(advice, stop_from, graces, len(whole), epochs, len(trials) - len(whole), metric)


def _looks(epochs: int) -> list[int]:
    """1, 3, 9, ... below the whole."""
    looks = [1]
    while looks[-1] * ETA < epochs:
        looks.append(looks[-1] * ETA)
    return looks


def _curve(trial: Trial, metric: str, epochs: int) -> np.ndarray:
    """The metric after each epoch, small is good; infinite from the epoch on in which the trial diverged."""
    sign, curve = sign_of("max" if metric == "accuracy" else "min"), np.full(epochs, np.inf)
    values = [sign * result.value(metric) for result in trial.sound]
    curve[: len(values)] = values
    return np.where(np.isnan(curve), np.inf, curve)


def _grace(curves: np.ndarray, epoch: int, seed: int) -> Grace:
    early, end, (count, epochs) = curves[:, epoch - 1], curves[:, -1], curves.shape
    pairs = np.array([*combinations(range(count), 2)]).T
    order, known = _sign(early, *pairs) * _sign(end, *pairs), np.isfinite(end[pairs]).any(axis=0)
    threes = np.array([*combinations(range(count), ETA)])
    rows, sound = np.arange(len(threes)), np.isfinite(end[threes]).any(axis=1)
    chosen, best = (threes[rows, values[threes].argmin(axis=1)] for values in (early, end))
    lost = np.subtract(end[chosen], end[best], where=sound, out=np.zeros(len(threes)))[sound]
    places = max(1, count // ETA)
    hits = len({*early.argsort(kind="stable")[:places]} & {*end.argsort(kind="stable")[:places]})
    return Grace(
        epoch,
        _over_groups(order, known, _resampled(count, 2, seed)),
        Share(hits / places, *wilson(hits, places, CONFIDENCE)),
        _over_groups(chosen == best, sound, _resampled(count, ETA, seed)),
        float(lost.mean()) if len(lost) and np.isfinite(lost).all() else np.nan,
        (ETA - 1) * (epochs - epoch) / (ETA * epochs),
    )


def _sign(values: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which of two is larger; 0 where they are equal, both infinite too."""
    return np.asarray((values[one] > values[other]) * 1.0 - (values[one] < values[other]))


@lru_cache(maxsize=16)
def _resampled(count: int, size: int, seed: int) -> np.ndarray:
    """How often each group of `size` different trials is in the pilot (the first row: once) and in each resample."""
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    weights = np.vstack([np.ones(count, int), drawn])
    places = zip(*combinations(range(count), size), strict=True)
    return np.asarray(np.prod([weights[:, place] for place in places], axis=0))


def _over_groups(values: np.ndarray, counted: np.ndarray, counts: np.ndarray) -> Share:
    """The mean over groups of different trials, and over those of each resample; without those not `counted`."""
    counts = counts * counted.astype(bool)
    total = counts.sum(axis=1)
    if not total[0]:
        return Share(np.nan, np.nan, np.nan)
    means = (counts @ values)[total > 0] / total[total > 0]
    low, high = np.percentile(means[1:], [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])
    return Share(float(means[0]), float(low), float(high))


def _advice(graces: Sequence[Grace], count: int) -> tuple[str, int | None]:
    """One sentence, and the epoch."""
    stop_from = None
    for grace in reversed(graces):  # whoever stops from an early epoch on stops at the later ones as well
        if not grace.kept.low > ENOUGH:
            break
        stop_from = grace.epoch
    if stop_from is not None:
        return f"stop from epoch {stop_from}", stop_from
    if graces[-1].kept.high < ENOUGH:
        return "do not stop early", None
    return f"{count} trials cannot tell", None
