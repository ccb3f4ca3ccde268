"""Why does the winner disappoint? Choosing the best of many noisy scores chooses good luck with it.

The score with which a winner was chosen is better than what it reaches with another seed: the winner's curse. How much
better can be expected from the noise alone, by order statistics (`expected_curse`), and seen where configurations were
trained with several seeds: choose on one, score on the others (`seen_curse`). Cawley & Talbot (JMLR 11, 2010) describe
the same for model selection, as over-fitting to the selection criterion.

Scores are losses here: smaller is better. Give accuracies with mode="max".
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hpt_lessons import checks
from hpt_lessons.analysis.comparisons import covers
from hpt_lessons.analysis.intervals import mean_interval
from hpt_lessons.trials import Trial, Trials, eligible, expect_trials, known_metric, sign_of


class Curse(NamedTuple):
    """What the winner's score promised, what it delivers on other seeds, and `lost`, how much worse that is.

    `regret` is how much worse the winner truly is than the best there was; `low` and `high` bound `lost` and cover what
    `covers` says. What is not known is NaN.
    """

    promised: float
    delivered: float
    lost: float
    regret: float = math.nan
    low: float = math.nan
    high: float = math.nan
    covers: str = "nothing: an expectation"


def expected_best(trials: int) -> float:
    """How far the best of so many equal trials lies from their mean, in standard deviations of normal noise.

    The expected largest of n standard normal numbers: 1 / sqrt(pi) for two, 1.54 for ten, 2.51 for a hundred.

    >>> round(expected_best(2), 4), round(expected_best(10), 4)
    (0.5642, 1.5388)
    """
    return expected_curse(np.zeros(checks.whole("expected_best: trials", trials)), 1.0).lost


def expected_curse(truths: ArrayLike, noise: ArrayLike, mode: str = "min") -> Curse:
    """What choosing the best of these true scores by one noisy look at each must cost on average.

    `truths` has shape (n,), what each trial would score on average over seeds; `noise` is the standard deviation of one
    seed, one for all or one for each, shape (n,), taken as normal and independent; for trials that share a seed or a
    split take the paired one (`training_noise`). The promised score is the expected smallest of n normal numbers with
    these means; the delivered one is the true score of whichever is smallest. Means over a few seeds put in the place
    of the truths lie too far apart, and the expectation comes out too small.

    Raises ValueError for noise below 0 or scores that are not finite.
    """
    from scipy.special import log_ndtr

    sign = sign_of(mode)
    truths = sign * np.asarray(truths, float)
    if truths.ndim != 1 or not len(truths) or not np.isfinite(truths).all() or not np.min(noise) >= 0:
        raise ValueError(f"expected_curse: give finite scores, shape (n,), and noise of at least 0, not {noise!r}.")
    if np.max(noise) == 0:
        best = float(truths.min())
        return Curse(sign * best, sign * best, 0.0, 0.0)
    # Integrate over the smallest score: trial i brings it with its own density, while all others lie above. Noise of
    # exactly 0 has no density: a millionth of the largest stands for it.
    spread = np.broadcast_to(np.maximum(noise, 1e-6 * np.max(noise)), truths.shape)
    (means, spread), counts = np.unique([truths, spread], axis=1, return_counts=True)
    x = _places(means, spread)
    z = (x - means[:, None]) / spread[:, None]
    above = log_ndtr(-z)
    others = np.exp(counts @ above - above)
    density = counts[:, None] * np.exp(-z * z / 2) / (spread[:, None] * math.sqrt(2 * math.pi)) * others
    promised = float(np.trapezoid(density.sum(axis=0) * x, x))
    chosen = np.trapezoid(density, x, axis=1)  # the probability of each truth to be chosen
    delivered = float(chosen @ means)
    return Curse(sign * promised, sign * delivered, delivered - promised, delivered - float(means.min()))


def _places(truths: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Where to integrate: from the lowest to the highest the smallest score can be, finely around a narrow truth."""
    even = np.linspace((truths - 9 * spread).min(), (truths + 9 * spread).min(), 4001)
    narrow = spread < 20 * (even[1] - even[0])
    around = truths[narrow, None] + spread[narrow, None] * np.linspace(-9, 9, 201)
    return np.unique(np.r_[even, around.ravel()])


def seen_curse(
    scores: ArrayLike, *, trials: int | None = None, draws: int = 500, mode: str = "min", seed: int = 0
) -> Curse:
    """Choose the best configuration by one seed, score it on all the others; the mean over each seed's turn.

    `scores` has shape (configurations, seeds), at least two seeds (`by_seed` arranges a table so). With `trials`, each
    of many searches has drawn only so many of the configurations, at random: the more, the worse the curse. `regret` is
    against the best of those that were drawn, by the other seeds, and so a little too large.

    The interval is Student's over the turns of the seeds and covers the noise of training. The turns score on seeds
    that they share, so take it as rough.
    """
    sign = sign_of(mode)
    scores = sign * _matrix("seen_curse", scores)
    count = len(scores) if trials is None else trials
    if not 1 <= count <= len(scores):
        raise ValueError(f"seen_curse: trials={trials} of {len(scores)} configurations; expected 1..{len(scores)}.")
    generator = np.random.default_rng(seed)
    draws = 1 if count == len(scores) else draws
    drawn = np.argsort(generator.random((draws, len(scores))), axis=1)[:, :count]
    turns = np.array([_turn(scores, drawn, place) for place in range(scores.shape[1])])
    promised, delivered, best = map(float, turns.mean(axis=0))
    low, high = mean_interval(turns[:, 1] - turns[:, 0])
    said = covers("training") + ", roughly"
    return Curse(sign * promised, sign * delivered, delivered - promised, delivered - best, low, high, said)


def _turn(scores: np.ndarray, drawn: np.ndarray, place: int) -> tuple[float, float, float]:
    """Means over the draws, choosing on this seed: the chosen score, the same one on others, the best on others."""
    others = np.delete(scores, place, axis=1).mean(axis=1)
    chosen = drawn[np.arange(len(drawn)), scores[drawn, place].argmin(axis=1)]
    return scores[chosen, place].mean(), others[chosen].mean(), others[drawn].min(axis=1).mean()


def training_noise(scores: ArrayLike, *, paired: bool = False) -> float:
    """Standard deviation of one training from seed to seed, pooled over configurations; scores as in `seen_curse`.

    With `paired`, what all configurations have in common in a seed (an easy split, a lucky order) drops out first: it
    lifts all scores alike, so that only the rest can make the wrong one win. Needs two configurations.
    """
    scores = _matrix("training_noise", scores)
    if not paired:
        return float(np.sqrt(scores.var(axis=1, ddof=1).mean()))
    if len(scores) < 2:
        raise ValueError("training_noise: one configuration has nothing in common with others; leave out paired=True.")
    rest = scores - scores.mean(axis=0) - scores.mean(axis=1, keepdims=True) + scores.mean()
    return float(np.sqrt((rest**2).sum() / ((len(scores) - 1) * (scores.shape[1] - 1))))


# -- from a table of trials ----------------------------------------------------------------------------------------


class Scores(NamedTuple):
    """A score for each configuration and seed, shape (configurations, seeds); how many configurations were left out."""

    configs: list[dict[str, Any]]
    seeds: list[int | None]
    values: np.ndarray
    left_out: int


def by_seed(trials: Trials, metric: str = "loss", scope: str = "last", seeds: Sequence[int] | None = None) -> Scores:
    """Arrange repeated trials: a row for each configuration, a column for each seed.

    `seeds` defaults to those of the configuration that has the most. A configuration that lacks one of them, or
    diverged on one, is left out and counted. A score is the last epoch's or, with `scope="all"`, the best one's.
    Raises ValueError if nothing is left, or if a configuration was trained twice with one seed.
    """
    expect_trials("by_seed", trials)
    known_metric("by_seed", trials, metric)
    groups: dict[str, dict[int | None, Trial]] = defaultdict(dict)
    for trial in trials:
        group = groups[repr(sorted(trial.config.items(), key=lambda item: item[0]))]
        if trial.seed in group:
            raise ValueError(f"by_seed: trials {group[trial.seed].name!r} and {trial.name!r} share config and seed.")
        group[trial.seed] = trial
    wanted = list(max(groups.values(), key=len, default={}) if seeds is None else seeds)
    rows = {}
    for key, group in groups.items():
        values = [score(group[seed], metric, scope) for seed in wanted if seed in group]
        if len(values) == len(wanted) and np.isfinite(values).all():
            rows[key] = values
    if not rows:
        raise ValueError(f"by_seed: no configuration has a sound {metric!r} for each of the seeds {wanted}.")
    configs = [next(iter(groups[key].values())).config for key in rows]
    return Scores(configs, wanted, np.array(list(rows.values())), len(groups) - len(rows))


def score(trial: Trial, metric: str = "loss", scope: str = "last") -> float:
    """The last epoch's value, or with `scope="all"` the best epoch's; NaN for a trial that diverged or has none.

    By `scope="all"` an epoch before divergence counts, as in `Trials.best`.
    """
    return (max if metric == "accuracy" else min)(eligible(trial, metric, scope), default=math.nan)


def _matrix(caller: str, scores: ArrayLike) -> np.ndarray:
    matrix = np.asarray(scores, float)
    if matrix.ndim != 2 or not len(matrix) or matrix.shape[1] < 2 or not np.isfinite(matrix).all():
        raise ValueError(
            f"{caller}: scores of shape {matrix.shape}; expected finite numbers, (configurations, seeds), and at least "
            "two seeds. Leave out configurations that diverged, and say how many they were."
        )
    return matrix
