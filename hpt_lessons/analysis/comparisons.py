"""Which is better, and how sure can I be? Means over repeats and paired comparisons that say what they cover.

An interval covers what differed between the repeats, and nothing else. A hundred searches on one recorded table show
the luck of the search; that each training would come out a little differently with another seed is not in them. Five
trainings of one configuration show the noise of training and nothing of the search that found it. Bouthillier et al.
(MLSys 2021, "Accounting for variance in machine learning benchmarks") measure both; every result here names its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hpt_lessons.analysis.intervals import finite_sample, paired_difference, proper_confidence, wilson
from hpt_lessons.trials import Trial, Trials, sign_of

_COVERS = {
    "search": "the draw of the search",
    "training": "the noise of training",
    "both": "the draw of the search and the noise of training",
}


def covers(varied: str) -> str:
    """What an interval covers, in words, if the repeats differed in "search", "training" or "both".

    >>> covers("training")
    'the noise of training'
    """
    if varied not in _COVERS:
        raise ValueError(
            f"varied={varied!r} is not possible: say in what the repeats differ, "
            "'search' (what was tried), 'training' (the seeds of the trainings) or 'both'."
        )
    return _COVERS[varied]


def what_varies(repeats: Sequence[Trials]) -> str:
    """In what repeats of a search differ: "search" if they tried other configurations, "training" other seeds, "both".

    Read from the tables. Seeds of results that say `noise` False (`extra`), as a replay without noise does, do not
    count: trials of other seeds that return the same recorded number show no noise of training. Raises ValueError for
    fewer than two tables, or for tables that do not differ in either.
    """
    if len(repeats) < 2:
        raise ValueError(f"what_varies: {len(repeats)} repeat(s) do not differ in anything; give at least two.")
    tried = {tuple(sorted(map(_setting, trials))) for trials in repeats}
    trained = {frozenset(trial.seed for trial in trials if _is_noisy(trial)) for trials in repeats}
    if len(tried) == len(trained) == 1:
        raise ValueError("what_varies: the repeats tried the same configurations with the same seeds: no repeats.")
    if len(tried) > 1:
        return "both" if len(trained) > 1 else "search"
    return "training"


def _is_noisy(trial: Trial) -> bool:
    return all(result.extra.get("noise", True) for result in trial.history)


def _setting(trial: Trial) -> str:
    return repr(sorted(trial.config.items(), key=lambda item: item[0]))


class Interval(NamedTuple):
    """A mean over repeats, its interval, the number of repeats, and what the interval covers, in words."""

    mean: float
    low: float
    high: float
    repeats: int
    covers: str

    def __str__(self) -> str:
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}] ({self.repeats} repeats; covers {self.covers})"


def over_repeats(
    values: ArrayLike,
    varied: str,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int | np.random.Generator = 0,
) -> Interval:
    """Mean over repeats with its percentile bootstrap interval; `varied` says in what the repeats differ (`covers`).

    With fewer than about twenty values use `mean_interval`: the bootstrap is too narrow there. Raises ValueError for no
    values and for values that are not finite.
    """
    said, sample = covers(varied), finite_sample("over_repeats", values)
    generator = np.random.default_rng(seed)
    drawn = sample[generator.integers(len(sample), size=(resamples, len(sample)))].mean(axis=1)
    low, high = percentiles(drawn, confidence)
    return Interval(float(sample.mean()), float(low), float(high), len(sample), said)


class Comparison(NamedTuple):
    """A paired comparison: mean difference first - second, and the probability that the first is better; see `compare`.

    `low` and `high` bound the difference, `superiority_low` and `superiority_high` the probability.
    """

    difference: float
    low: float
    high: float
    superiority: float
    superiority_low: float
    superiority_high: float
    pairs: int
    covers: str

    def __str__(self) -> str:
        return (
            f"difference {self.difference:.4g} [{self.low:.4g}, {self.high:.4g}], better in {self.superiority:.0%} of "
            f"{self.pairs} pairs [{self.superiority_low:.0%}, {self.superiority_high:.0%}]; covers {self.covers}"
        )


def compare(
    first: Sequence[float], second: Sequence[float], varied: str, *, mode: str = "min", confidence: float = 0.95
) -> Comparison:
    """Is `first` better than `second`, repeat by repeat? Both in the same order, each pair with the same seed.

    The difference first - second has Student's interval (`paired_difference`). The probability of superiority is the
    share of pairs in which the first is better, by `mode` "min" the smaller, ties counted half; its interval is
    Wilson's, which is a little wide where there are ties. A difference can be sure and yet tiny, or large on average
    and wrong in every third repeat: read both. Bouthillier et al. (2021) ask of this interval that it lies above 50 %
    (the gain is no luck) and reaches beyond 75 % (it may be worth having).
    """
    said, sign = covers(varied), sign_of(mode)
    gap = paired_difference(first, second, confidence)
    ahead = sign * (np.asarray(second, float) - np.asarray(first, float))
    won = float(np.sum(np.where(ahead == 0, 0.5, ahead > 0)))
    low, high = wilson(won, gap.pairs, confidence)
    return Comparison(gap.mean, gap.low, gap.high, won / gap.pairs, low, high, gap.pairs, said)


def percentiles(drawn: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of what was drawn again and again along the first axis."""
    tail = 50 * (1 - proper_confidence(confidence))
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=0)
    return low, high
