"""How sure can I be? Intervals for an accuracy, for a mean over seeds, and for a difference between paired runs.

Every interval is a pair (low, high) in the unit of the values. What it covers is the noise that the repeats show: an
interval over pictures says nothing about other seeds, one over seeds nothing about other data.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hpt_lessons import checks


def wilson(correct: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for a true accuracy, from `correct` right answers among `n` pictures; both ends lie in 0..1.

    The score interval of Wilson (1927), "Probable inference, the law of succession, and statistical inference": it
    asks which true accuracies would make the count unsurprising, and so stays sensible at 0 % and at 100 %, where the
    familiar plus-or-minus has no width.

    >>> [round(end, 3) for end in wilson(47, 100)]
    [0.375, 0.567]
    """
    from scipy.special import ndtri

    checks.whole("wilson: n", n)
    if not 0 <= correct <= n or 2 * correct != int(2 * correct):  # a tie counts half
        raise ValueError(
            f"wilson: {correct} correct of {n} is not possible; give a count in 0..n (not a share), n at least 1."
        )
    z = float(ndtri(0.5 + proper_confidence(confidence) / 2))
    share = correct / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    # At the ends the formula gives exactly 0 and 1; rounding may miss them by a hair, on either side.
    return (0.0 if correct == 0 else centre - half), (1.0 if correct == n else centre + half)


def difference_of_shares(
    correct: float, n: int, other_correct: float, other_n: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval for the difference of two shares, first - second, of samples that do not depend on each other.

    Where both networks see the same pictures it is too wide rather than too narrow. Newcombe (1998), method 10.

    >>> low, high = difference_of_shares(56, 70, 48, 80)
    >>> round(low, 4), round(high, 4)
    (0.0524, 0.3339)
    """
    first, second = correct / n, other_correct / other_n
    low, high = wilson(correct, n, confidence)
    other_low, other_high = wilson(other_correct, other_n, confidence)
    difference = first - second
    return (
        difference - math.hypot(first - low, other_high - second),
        difference + math.hypot(high - first, second - other_low),
    )


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for the mean of which the values are a sample, for example one accuracy a seed.

    Student (1908): with few values the spread itself is uncertain, and the factor on the standard error grows from 1.96
    to 4.30 at three values. One value tells nothing about its spread: (nan, nan).
    """
    sample = finite_sample("mean_interval", values)
    if len(sample) < 2:
        return float("nan"), float("nan")
    factor = student_factor(len(sample) - 1, proper_confidence(confidence))
    half = float(factor * sample.std(ddof=1) / len(sample) ** 0.5)
    return float(sample.mean()) - half, float(sample.mean()) + half


def student_factor(freedom: int, confidence: float = 0.95) -> float:
    """How many standard errors a two-sided interval reaches to either side: Student's t for so many degrees of freedom.

    >>> [round(student_factor(freedom), 3) for freedom in (2, 10, 100)]
    [4.303, 2.228, 1.984]
    """
    from scipy.special import stdtrit

    checks.whole("student_factor: freedom", freedom)
    return float(stdtrit(freedom, 0.5 + confidence / 2))


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    seed: int | np.random.Generator = 0,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Interval for any statistic of a sample, by drawing from the sample again and again, with replacement.

    The percentile bootstrap of Efron (1979). It assumes nothing about the shape of the distribution but that the
    sample shows it: with fewer than about twenty values it is too narrow. One value tells nothing: (nan, nan).
    """
    sample = finite_sample("bootstrap_interval", values)
    checks.whole("bootstrap_interval: resamples", resamples)
    proper_confidence(confidence)
    if len(sample) < 2:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    drawn = [statistic(generator.choice(sample, size=len(sample))) for _ in range(resamples)]
    tail = 50 * (1 - proper_confidence(confidence))
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)


class Difference(NamedTuple):
    """A mean difference first - second, its interval, and the number of pairs."""

    mean: float
    low: float
    high: float
    pairs: int


def paired_difference(first: Sequence[float], second: Sequence[float], confidence: float = 0.95) -> Difference:
    """How much larger is `first` than `second`, run by run, where each pair shares its seed and its data?

    What both runs of a pair have in common drops out, so that the same difference needs fewer runs to be seen. The
    interval is Student's on the differences; if it contains 0, these runs do not tell which is larger.
    """
    one, other = (finite_sample("paired_difference", values) for values in (first, second))
    if len(one) != len(other):
        raise ValueError(
            f"paired_difference: {len(one)} and {len(other)} values are no pairs; give both in the same order."
        )
    differences = one - other
    return Difference(float(differences.mean()), *mean_interval(differences, confidence), len(differences))


def finite_sample(caller: str, values: ArrayLike) -> np.ndarray:
    """The values as an array of shape (n,), n at least 1; a ValueError in the caller's name if one is not finite."""
    try:
        sample = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        sample = np.empty(())
    if sample.ndim != 1 or len(sample) == 0 or isinstance(values, str):
        raise ValueError(f"{caller}: {values!r:.80} was given; a list of at least one number was expected.")
    bad = np.flatnonzero(~np.isfinite(sample))
    if len(bad):
        raise ValueError(
            f"{caller}: value {bad[0]} of {values!r:.80} is {sample[bad[0]]}, and no mean contains that. "
            "Leave out runs that diverged, and say how many they were."
        )
    return sample


def proper_confidence(confidence: float) -> float:
    """The confidence itself; a ValueError if it is no share between 0 and 1."""
    return checks.share("confidence", confidence, whole_too=False)
