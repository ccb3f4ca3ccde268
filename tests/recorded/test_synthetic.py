"""The synthetic family keeps its promises: the optimum, the important axes, the rank correlation, the noise."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from hpt_lessons.recorded.replay import final_score, repeats
from hpt_lessons.recorded.synthetic import Synthetic
from hpt_lessons.search import layouts


def losses(objective, count, layout=layouts.random):
    """The curves of random configurations; shape (count, epochs)."""
    return np.array([objective.curve(config).values[:, 0] for config in layout(objective.space, count, seed=0)])


@pytest.mark.parametrize("correlation", [-0.6, 0.0, 0.5, 0.9, 1.0])
def test_the_rank_correlation_is_what_was_asked_for(correlation):
    """By SciPy's Spearman between each epoch and the last: as given at the first, and as announced in between.

    Evenly spread configurations tell 0.50 from the 0.48 that mixing normal numbers without the conversion would give.
    """
    objective = Synthetic(1, 1, correlation=correlation, max_epochs=9)
    assert (objective.rank_correlation(1), objective.rank_correlation(9)) == (correlation, 1)
    found = losses(objective, 1024, layouts.sobol)
    for epoch in (1, 2, 4, 9):
        seen = spearmanr(found[:, epoch - 1], found[:, -1]).statistic
        assert seen == pytest.approx(objective.rank_correlation(epoch), abs=0.01)


def test_curves_cross_where_early_ranks_mislead_and_nowhere_else():
    """With a correlation of 1 a pair that is in order at the first epoch stays so; below, many pairs change."""
    for correlation, low, high in ((1.0, 0.0, 0.001), (0.0, 0.4, 0.6), (-0.6, 0.6, 0.8)):
        found = losses(Synthetic(correlation=correlation), 400)
        first, last = (np.sign(found[:200, e] - found[200:, e]) for e in (0, -1))
        assert low <= np.mean(first != last) <= high


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_is_the_best_configuration(seed):
    """No random configuration is better, and a step away from it on any axis is worse."""
    objective = Synthetic(5, 3, seed=seed)
    assert objective.true(objective.optimum) == objective.best == objective.score(objective.optimum)
    assert losses(objective, 500)[:, -1].min() > objective.best
    for name in objective.names:
        for step in (-0.05, 0.05):
            assert objective.true({**objective.optimum, name: objective.optimum[name] + step}) > objective.best
    assert objective.true({**objective.optimum, "pace": 0.9}) == objective.best
    assert Synthetic(5, 3, seed=seed).optimum == objective.optimum != Synthetic(5, 3, seed=seed + 9).optimum


def test_only_the_important_axes_matter():
    """The share of the final loss's variance that an axis carries, by its correlation with the squared distance."""
    objective = Synthetic(6, 2, rest=0.0)
    configs = layouts.random(objective.space, 300, seed=1)
    for name in objective.names[2:]:
        assert all(objective.true({**c, name: 0.0}) == pytest.approx(objective.true(c)) for c in configs[:20])
    few, many = (np.array(list(map(Synthetic(6, n, rest=0.0).true, configs))) for n in (1, 6))
    x = np.array([(c["x1"] - objective.optimum["x1"]) ** 2 for c in configs])
    assert np.corrcoef(few, x)[0, 1] ** 2 == pytest.approx(1)
    assert 0.05 < np.corrcoef(many, x)[0, 1] ** 2 < 0.4


def test_the_noise_has_its_size_and_is_shared_within_a_curve():
    """Over seeds the standard deviation is as given at every epoch; two epochs of a curve correlate with a half."""
    objective, quiet = Synthetic(noise=0.2), Synthetic()
    config = layouts.random(objective.space, 1, seed=4)[0]
    drawn = np.array([objective.curve(config, seed=s).values[:, 0] for s in range(1500)])
    expected = quiet.curve(config).values[:, 0]
    assert drawn.mean(axis=0) == pytest.approx(expected, abs=0.02)
    assert drawn.std(axis=0) == pytest.approx(np.full(27, 0.2), rel=0.06)
    assert np.corrcoef(drawn[:, 2], drawn[:, 20])[0, 1] == pytest.approx(0.5, abs=0.06)
    one, again, other = (objective.evaluate(config, 27, seed=1, draw=draw) for draw in (1, 1, 2))
    assert one == again != other


def test_a_curve_ends_at_the_true_loss():
    objective = Synthetic(correlation=0.2)
    for config in layouts.random(objective.space, 20, seed=2):
        result = objective.evaluate(config, 27)
        assert result.loss == pytest.approx(objective.true(config)) == objective.score(config)
        assert result.accuracy == pytest.approx(np.exp(-result.loss)) and result.seconds == 1.0
        curve = [objective.evaluate(config, epoch).loss for epoch in range(1, 10)]
        assert objective.score(config, budget=9) == curve[-1]
        assert objective.score(config, budget=9, scope="all") == min(curve)


@pytest.mark.slow
def test_early_stopping_pays_where_early_ranks_can_be_trusted_and_not_where_they_mislead():
    """Hyperband's regret against random search's, over paired seeds: far below one, and far above."""
    ratios = {}
    for correlation in (1.0, -0.9):
        objective = Synthetic(4, 4, correlation=correlation, rest=0.0, max_epochs=9)
        regret = {
            method: np.mean(
                [
                    final_score(objective, trials) - objective.best
                    for trials in repeats(objective, method, 25, 20 * 9, max_epochs=9)
                ]
            )
            for method in ("random", "hyperband")
        }
        ratios[correlation] = regret["hyperband"] / regret["random"]
    assert ratios[1.0] < 0.8 and ratios[-0.9] > 1.1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dimension": 0}, "dimension=0"),
        ({"important": 9}, "important=9 is not possible; 1 to 4"),
        ({"correlation": 1.5}, "correlation=1.5 .* -1 to 1"),
        ({"noise": -1.0}, "noise=-1.0"),
        ({"max_epochs": 1}, "max_epochs=1"),
        ({"scope": "first"}, "scope='first'"),
    ],
)
def test_impossible_families_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Synthetic(**wrong)


def test_configurations_that_do_not_belong_here_are_refused():
    objective = Synthetic(2)
    for config, message in (
        ({"x1": 0.5}, "x1 was given, but this objective has x1, x2, pace"),
        ({"x1": 0.5, "x2": 1.5, "pace": 0.1}, "'x2': 1.5 lies outside"),
    ):
        with pytest.raises(ValueError, match=message):
            objective.evaluate(config, 1)
    with pytest.raises(ValueError, match="from 1 to 27"):
        objective.evaluate(objective.optimum, 28)
