"""Grid against random, as a game: the rules agree with the paper's functions, and the score with the odds."""

import re
from html import unescape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.search import bergstra
from hpt_lessons.search.ticks import RULES
from hpt_lessons.view import GridAgainstRandom
from hpt_lessons.view.grid_against_random.explorer import in_words
from hpt_lessons.view.grid_against_random.model import WIDTH, Contest
from hpt_lessons.words import percent


@given(importance=st.floats(0, 1), rounds=st.integers(0, 5))
def test_in_two_dimensions_the_height_is_that_of_figure_1(importance, rounds):
    game = Contest(importance)
    game.play(rounds)
    theirs = bergstra.figure_1(game.random, game.peak[None, :], WIDTH, importance)[0] / (1 + importance)
    assert game.best["random"] == pytest.approx(theirs, abs=1e-12)


@given(dimension=st.integers(1, 6), trials=st.integers(1, 100), rule=st.sampled_from(RULES))
def test_both_sides_have_the_same_number_of_trials_and_never_too_many(dimension, trials, rule):
    game = Contest(0.1, dimension, trials, rule)
    assert game.grid.shape == game.random.shape and len(game.grid) <= trials
    assert game.values_tried == {"grid": game.ticks[0], "random": len(game.grid)}
    assert all(0 <= height <= 1 for height in game.best.values())


def test_the_height_at_the_peak_is_one():
    game = Contest(0.3, dimension=4)
    assert game.heights(game.peak[None, :]) == pytest.approx(1)


def test_random_wins_where_one_of_two_axes_matters_and_the_grid_where_there_is_only_one():
    """The claim of the paper and its limits, measured over 2,000 rounds; each bound is far outside of the noise."""

    def share(**settings):
        game = Contest(trials=9, **settings)
        game.play(2000)
        return game.wins["random"] / (game.wins["grid"] + game.wins["random"])

    wasted = share(importance=0.0, rule="centres")
    assert share(importance=0.0, rule="ends") > 0.74 and wasted > 0.62
    assert 0.5 < share(importance=1.0, rule="centres") < wasted - 0.03  # a sum: one axis may be hit alone
    assert share(dimension=1, rule="centres") < 0.42  # along one axis a grid wastes nothing


def test_a_round_can_be_played_again_and_the_score_counts_each():
    first, second = Contest(seed=5), Contest(seed=5)
    winners = [first.play() for _ in range(50)]
    second.play(50)
    assert first.wins == second.wins == {side: winners.count(side) for side in ("grid", "random", "tie")}
    assert np.array_equal(first.peak, second.peak) and sum(first.wins.values()) == 50


def test_the_points_that_win_are_those_that_are_shown():
    game = Contest()
    for _ in range(20):
        winner, best = game.play(), game.best
        assert winner == max(best, key=best.get)


def test_each_setting_has_a_score_of_its_own_which_stays_and_stands_on_the_scoreboard():
    explorer = GridAgainstRandom()
    assert explorer.board.value == ""
    explorer.many.click()
    nine = explorer.score
    assert sum(nine.values()) == 100
    explorer.trials.value = 16
    assert sum(explorer.score.values()) == 0 and "No round played yet" in explorer.words.value
    assert "4 x 4" in explorer.words.value
    explorer.one.click()
    board = explorer.board.value
    assert board.count("<rect") == 2 * 3 and board.index("16 trials, centres") < board.index("9 trials, centres")
    assert f"grid {nine['grid']}, random {nine['random']}, ties {nine['tie']}" in board
    explorer.trials.value = 9
    assert explorer.score == nine
    explorer.one.click()
    again = Contest()
    again.play(101)
    assert explorer.score == again.wins  # it went on where it was
    explorer.forget.click()
    assert explorer.board.value == "" and sum(explorer.score.values()) == 0


def test_the_bar_of_a_hundred_rounds_is_divided_as_they_were_won():
    explorer = GridAgainstRandom()
    explorer.many.click()
    widths = [float(width) for width in re.findall(r'<rect [^>]*?width="([\d.]+)"', explorer.board.value)]
    assert widths == pytest.approx([3 * explorer.score[name] for name in ("grid", "tie", "random")])


def test_the_settings_of_a_contest_are_checked():
    with pytest.raises(ValueError, match="importance 2"):
        Contest(importance=2)


def test_the_picture_shows_the_points_their_shadows_and_the_two_best():
    """Before the first round nothing gives away who will be nearer: neither a peak nor a result is there."""
    explorer = GridAgainstRandom()
    before = explorer.picture.value
    dots, shadows = 9 + 9, (3 + 3) + (9 + 9)
    assert before.count("<circle") == dots and before.count("<line") == shadows and "best:" not in before
    explorer.one.click()
    after = explorer.picture.value
    assert after.count("<circle") == dots + 2 and after.count("<line") == shadows + 2  # the best two, a line each peak
    best = explorer.contest.best["grid"]
    assert f"best: {percent(best)} of the peak" in unescape(after)


def test_the_picture_names_its_axes_and_says_how_many_it_leaves_out():
    """A grid of 48 points in six dimensions is seen as 6; along a single axis there is no other, and no rest."""
    explorer = GridAgainstRandom(dimension=2, trials=63)
    assert explorer.picture.value.count(">another axis<") == 2 and "axes shown" not in explorer.picture.value
    explorer.dimension.value = 6
    assert ">2 of 6 axes shown: 48 points in 6 places<" in explorer.picture.value
    assert ">2 of 6 axes shown<" in explorer.picture.value and not explorer.importance.disabled
    explorer.dimension.value = 1
    assert "another axis" not in explorer.picture.value and explorer.importance.disabled


def test_the_words_name_what_is_left_over_and_the_interval():
    game = Contest(trials=10)
    assert "1 of 10 trials fit into no even grid" in in_words(game)
    game.play(200)
    assert "95 % interval" in in_words(game)


def test_every_slider_has_a_label():
    explorer = GridAgainstRandom()
    fields = [explorer.importance, explorer.dimension, explorer.trials, explorer.rule]
    assert len({field.description for field in fields} - {""}) == 4 and repr(explorer) == "GridAgainstRandom"
