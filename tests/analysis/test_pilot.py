"""A pilot on curves whose truth is planted: they keep their order, or turn, or say nothing."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from hpt_lessons.analysis import pilot
from hpt_lessons.trials import Result, Trial, Trials

EPOCHS = 27


def made(curves, diverged=()):
    """A table with one trial for each row of losses."""
    return Trials(
        Trial(
            f"{number:04d}",
            {"x": number},
            0,
            "made up",
            "diverged" if number in diverged else "completed",
            tuple(
                Result(epoch, float(loss), 1 - float(loss) / 10, 1.0, {"diverged": True} if loss > 1e5 else {})
                for epoch, loss in enumerate(row, 1)
            ),
        )
        for number, row in enumerate(curves)
    )


def steady(ends):
    """The order of the end from the first epoch on."""
    return [[end + 1 / epoch for epoch in range(1, EPOCHS + 1)] for end in ends]


def turning(ends, turn):
    """Until epoch `turn` the order is that of the end upside down."""
    return [[-end if epoch < turn else end for epoch in range(1, EPOCHS + 1)] for end in ends]


ENDS = np.random.default_rng(0).permutation(np.linspace(1, 2, 10))


def test_where_the_order_never_changes_one_may_stop_from_the_first_epoch():
    found = pilot(made(steady(ENDS)))
    assert found.stop_from == 1 and found.advice == "stop from epoch 1"
    for grace in found.graces:
        assert grace.agreement.value == grace.hits.value == grace.kept.value == 1 and grace.lost == 0
    assert [grace.epoch for grace in found.graces] == [1, 3, 9]
    assert [grace.saved for grace in found.graces] == pytest.approx([2 / 3 * 26 / 27, 2 / 3 * 24 / 27, 2 / 3 * 18 / 27])


@pytest.mark.parametrize(("turn", "stop_from"), [(3, 3), (9, 9)])
def test_it_waits_until_the_order_has_turned(turn, stop_from):
    assert pilot(made(turning(ENDS, turn))).stop_from == stop_from


def test_where_the_order_turns_after_the_last_rung_it_advises_against():
    found = pilot(made(turning(ENDS, 20)))
    assert found.stop_from is None and found.advice == "do not stop early"
    assert all(grace.agreement.value == -1 and grace.kept.value == 0 for grace in found.graces)


def test_curves_that_say_nothing_hardly_ever_allow_to_stop():
    """The early epochs are noise: in at most one of twenty pilots may luck look like knowledge."""
    rng = np.random.default_rng(1)
    allowed = [pilot(made(rng.random((10, EPOCHS)))).stop_from is not None for _ in range(200)]
    assert np.mean(allowed) <= 0.05


def test_the_order_is_kendalls_and_the_winner_of_three_is_counted():
    """Oracles: SciPy's rank correlation, and all threes one by one."""
    curves = np.random.default_rng(2).random((8, EPOCHS))
    for grace in pilot(made(curves)).graces:
        early, end = curves[:, grace.epoch - 1], curves[:, -1]
        assert grace.agreement.value == pytest.approx(kendalltau(early, end).statistic)
        threes = [(a, b, c) for a in range(8) for b in range(a) for c in range(b)]
        chosen = [min(three, key=lambda place: early[place]) for three in threes]
        best = [min(end[place] for place in three) for three in threes]
        losses = [end[one] - low for one, low in zip(chosen, best, strict=True)]
        assert grace.kept.value == pytest.approx(np.mean(np.array(losses) == 0))
        assert grace.lost == pytest.approx(np.mean(losses))
        assert grace.kept.low <= grace.kept.value <= grace.kept.high


def test_a_diverged_trial_counts_as_worst_and_a_short_one_is_left_out():
    curves = steady(ENDS)
    curves[3] = [*curves[3][:4], 1e6]
    curves[5] = curves[5][:9]
    found = pilot(made(curves, diverged={3}))
    assert (found.trials, found.left_out) == (9, 1)
    assert found.stop_from == 1 and "left out, not trained to the end: 1" in str(found)


def test_accuracy_is_judged_the_other_way_round():
    assert pilot(made(steady(ENDS)), "accuracy").stop_from == 1


def test_the_page_has_a_row_for_each_epoch_and_ends_with_the_advice():
    lines = str(pilot(made(steady(ENDS)))).splitlines()
    assert len(lines) == 6 and lines[-1] == "Advice: stop from epoch 1."


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_trials_are_refused(count):
    with pytest.raises(ValueError, match="at least 6"):
        pilot(made(steady(ENDS[:count])))


def test_too_short_trainings_are_refused():
    with pytest.raises(ValueError, match="3 epochs"):
        pilot(made([row[:2] for row in steady(ENDS)]))


def test_a_metric_that_nobody_reports_is_refused():
    with pytest.raises(ValueError, match="metric"):
        pilot(made(steady(ENDS)), "f1")


def test_nobody_who_diverged_is_the_winner():
    found = pilot(made([[1e6]] * 3 + steady(ENDS), diverged={0, 1, 2}))
    assert found.trials == 13 and not math.isnan(found.graces[0].kept.value)
