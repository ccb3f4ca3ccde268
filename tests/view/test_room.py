"""The words of an explorer never take more room than is kept for them, so that the picture below stays in its place."""

import itertools
import re
from html import unescape

import pytest

from hpt_lessons.analysis.importance.alone import TOGETHER
from hpt_lessons.search.ticks import RULES
from hpt_lessons.view.bohb import explorer as bohb_explorer
from hpt_lessons.view.bohb.model import OWN, PROBLEMS, BOHBModel
from hpt_lessons.view.grid_against_random import explorer as grid_explorer
from hpt_lessons.view.grid_against_random.model import Contest
from hpt_lessons.view.look import page
from hpt_lessons.view.one_hyperparameter import explorer as only_one_explorer
from hpt_lessons.view.one_hyperparameter.model import RATES, BetModel, recorded
from hpt_lessons.view.rungs import explorer as rung_explorer
from hpt_lessons.view.rungs.model import METHODS, RungModel


def letters(html):
    """Letters of each paragraph, as they are read."""
    return [len(unescape(re.sub("<[^>]+>", "", paragraph))) for paragraph in html.split("<br>")]


def assert_fits(html, room):
    assert len(letters(html)) <= len(room), html
    for count, most in zip(letters(html), room, strict=False):
        assert count <= most, html


def test_room_is_kept_by_invisible_words():
    """As many letters in each paragraph as asked for, and the words themselves are there once."""
    html = page.status("It <b>goes</b> on.", 100, 30)
    room = re.search('data-room="([^"]+)"', html)[1]
    assert [len(line) >= most for line, most in zip(unescape(room).split("\n"), (100, 30), strict=True)] == [True] * 2
    assert html.count("It <b>goes</b> on.") == 1 and 'role="status"' in html


@pytest.mark.parametrize("method", METHODS)
def test_rungs(method):
    """At every step of searches with other rules and draws."""
    trials = rung_explorer.table()
    draws = ((2, "error", 0, 81), (3, "error", 3, None), (10, "loss", 3, 81), (3, "best", 0, None))
    for eta, score, seed, count in draws:
        model = RungModel(trials, method, eta=eta, score=score, seed=seed, count=count)
        for step in range(len(model.segments) + 1):
            assert_fits(rung_explorer.in_words(model, step), rung_explorer.Rungs.room)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_bohb(problem):
    """At every step, with and without noise, before the repeats are there and after."""
    for seed, noise in ((0, 0.0), (1, 0.3)):
        model = BOHBModel(problem, seed=seed, noise=noise)
        for repeated in (False, True):
            if repeated:  # one search, as if it were all of them
                model.repeat()
                model.repeats.extend(model.repeats * (OWN - 1))
            assert model.repeated == repeated
            for step in range(model.trials + 1):
                assert_fits(bohb_explorer.in_words(model, step), bohb_explorer.BOHBExplorer.room)


def test_grid_against_random():
    """Before the first round and after a hundred, also where trials fit into no even grid."""
    for dimension, trials, rule in itertools.product((1, 2, 6), (2, 17, 64), RULES):
        contest = Contest(0.3, dimension, trials, rule)
        assert_fits(grid_explorer.in_words(contest), grid_explorer.ROOM)
        contest.play(100)
        assert_fits(grid_explorer.in_words(contest), grid_explorer.ROOM)


def test_one_hyperparameter(tmp_path):
    """With every bet at the starts with the longest names, before the others are shown and after."""
    table, repeats = recorded()
    for number, score in enumerate(("best", "last")):
        model = BetModel(table, repeats, score=score, answers=tmp_path / f"{number}.json")
        for (shape, batch_size), rate in itertools.product((((16, 128), 2), ((64, 128), 8)), RATES):
            model.change(shape=shape, batch_size=batch_size, rate=rate)
            for bet in model.candidates:
                assert bet != TOGETHER
                model.forget()
                assert_fits(only_one_explorer.in_words(model), only_one_explorer.ROOM)
                model.bet_on(bet)
                assert_fits(only_one_explorer.in_words(model), only_one_explorer.ROOM)
                model.open()
                assert_fits(only_one_explorer.in_words(model), only_one_explorer.ROOM)
