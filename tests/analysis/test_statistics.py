"""The intervals are those of the books, and cover what they say they cover."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from hpt_lessons.analysis.intervals import (
    bootstrap_interval,
    mean_interval,
    paired_difference,
    student_factor,
    wilson,
)

counts = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.floats(0.5, 0.999)


@given(counts=counts, confidence=confidences)
def test_wilson_is_what_statsmodels_says(counts, confidence):
    correct, n = counts
    low, high = proportion_confint(correct, n, alpha=1 - confidence, method="wilson")
    assert wilson(correct, n, confidence) == pytest.approx((low, high), abs=1e-12)


@given(counts=counts)
def test_wilson_holds_the_observed_share_and_stays_a_share(counts):
    """Also at 0 and 100 %, where the interval still has a width."""
    correct, n = counts
    low, high = wilson(correct, n)
    assert 0 <= low <= correct / n <= high <= 1
    assert high > low


def test_wilson_covers_the_truth_as_often_as_it_says():
    """Exactly, by summing over all counts of 100 pictures: 95 % on average over true accuracies from 10 to 90 %."""
    intervals = np.array([wilson(count, 100) for count in range(101)])
    coverage = []
    for truth in np.linspace(0.1, 0.9, 161):
        inside = (intervals[:, 0] <= truth) & (truth <= intervals[:, 1])
        coverage.append(stats.binom.pmf(np.arange(101), 100, truth)[inside].sum())
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.005)


@pytest.mark.parametrize(("correct", "n"), [(-1, 10), (11, 10), (0.53, 10_000)])
def test_impossible_counts_are_errors(correct, n):
    with pytest.raises(ValueError, match=f"wilson: {correct} correct of {n} is not possible"):
        wilson(correct, n)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5])
def test_confidence_is_a_share(confidence):
    """95 for 95 % would be an easy slip."""
    for interval in (lambda: wilson(1, 2, confidence), lambda: mean_interval([1, 2], confidence)):
        with pytest.raises(ValueError, match=r"confidence=.* a share above 0 and below 1 was expected"):
            interval()


@given(values=st.lists(st.integers(-9, 9), min_size=2, max_size=30).filter(lambda values: len(set(values)) > 1))
def test_the_interval_of_a_mean_is_students(values):
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert mean_interval(values) == pytest.approx(expected, abs=1e-9)


def test_one_value_tells_nothing_about_its_spread():
    for interval in (mean_interval, bootstrap_interval):
        assert all(math.isnan(end) for end in interval([0.5]))
    assert math.isnan(paired_difference([0.5], [0.4]).low)


@pytest.mark.parametrize("interval", [mean_interval, bootstrap_interval])
def test_runs_that_diverged_are_not_averaged_in_silence(interval):
    with pytest.raises(ValueError, match=r"value 1 of .* is nan.*Leave out runs that diverged"):
        interval([1.0, math.nan])
    with pytest.raises(ValueError, match=r"\[\] was given; a list of at least one number was expected"):
        interval([])


def test_the_bootstrap_of_a_mean_is_near_the_one_of_scipy():
    """Two hundred skewed values; independent code and other random numbers agree to a tenth of the width."""
    sample = np.random.default_rng(0).exponential(size=200)
    ours = bootstrap_interval(sample, seed=1, resamples=4000)
    theirs = stats.bootstrap((sample,), np.mean, method="percentile", n_resamples=4000, rng=2).confidence_interval
    assert ours == pytest.approx(tuple(theirs), abs=0.1 * (theirs.high - theirs.low))


def test_the_bootstrap_takes_any_statistic_and_repeats_with_its_seed():
    """A median lies at one of the values or between two; another seed gives another interval."""
    sample = np.random.default_rng(0).normal(size=30)
    assert bootstrap_interval(sample, seed=3, resamples=50) == bootstrap_interval(sample, seed=3, resamples=50)
    first = bootstrap_interval(sample, np.median, seed=3, resamples=500)
    assert first == bootstrap_interval(sample, np.median, seed=3, resamples=500)
    assert first != bootstrap_interval(sample, np.median, seed=4, resamples=500)
    assert sample.min() <= first[0] <= np.median(sample) <= first[1] <= sample.max()
    wider = bootstrap_interval(sample, np.median, seed=3, resamples=500, confidence=0.99)
    assert wider[0] <= first[0] <= first[1] <= wider[1]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=20))
def test_a_paired_difference_is_the_paired_t_test(pairs):
    """Against scipy, wherever the differences differ at all."""
    first, second = map(np.array, zip(*pairs, strict=True))
    ours = paired_difference(first, second)
    assert ours.pairs == len(pairs)
    assert ours.mean == pytest.approx(np.mean(first - second))
    if np.std(first - second) > 1e-6:
        theirs = stats.ttest_rel(first, second).confidence_interval(0.95)
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-6, abs=1e-9)


def test_pairing_sees_what_two_separate_means_hide():
    """Seeds that differ by ten points, and a change that always adds half a point."""
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 0.1, size=8)
    better = base + 0.005 + rng.normal(0, 0.001, size=8)
    assert mean_interval(better)[0] < mean_interval(base)[1]
    assert paired_difference(better, base).low > 0


def test_pairs_have_two_sides():
    with pytest.raises(ValueError, match="3 and 2 values are no pairs"):
        paired_difference([1, 2, 3], [1, 2])


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 8, 49, 50, 999, 1000])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_students_factor_is_the_one_of_scipy(freedom, confidence):
    """A two-sided confidence, from one degree of freedom to a thousand."""
    assert student_factor(freedom, confidence) == pytest.approx(stats.t.ppf(0.5 + confidence / 2, freedom), rel=1e-9)


def test_the_analysis_opens_with_numpy_alone():
    """A lesson opens at once; an interval opens SciPy's special functions, never its slow statistics."""
    code = (
        "import sys; from hpt_lessons import analysis;"
        "heavy = {'scipy', 'pandas', 'torch', 'ray', 'optuna', 'matplotlib'}; print(heavy & set(sys.modules));"
        "analysis.mean_interval([1, 2, 3]); analysis.wilson(1, 2); analysis.expected_best(3);"
        "print(heavy & set(sys.modules), 'scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["set()", "{'scipy'} False"]
