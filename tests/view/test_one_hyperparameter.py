"""One hyperparameter only: gains and intervals against their definitions, bets before answers, the widget."""

import dataclasses
import itertools
import json
import math
from html import unescape

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpt_lessons.analysis.importance.alone import NAMES, TOGETHER, Edge, Evidence, edge, gain_with_noise
from hpt_lessons.cifar.config import UNTUNED
from hpt_lessons.recorded import load
from hpt_lessons.trials import Result, Trial, Trials
from hpt_lessons.view import OneHyperparameter
from hpt_lessons.view.one_hyperparameter.explorer import in_words
from hpt_lessons.view.one_hyperparameter.model import RATES, BetModel, recorded, stuck
from hpt_lessons.view.one_hyperparameter.picture import draw_gains

LRS, BATCHES, WIDTHS = (1e-4, 1e-3, 1e-2, 1e-1), (4, 16), (64, 256)
START = {"lr": 1e-3, "batch_size": 16, "l1": 64, "l2": 128}


def trial(config, accuracies, seed=0, dead=False, status="completed"):
    """A training with these accuracies, epoch by epoch."""
    last = len(accuracies)
    history = tuple(
        Result(epoch, 2 - accuracy, accuracy, 1.0, {"dead": dead} if epoch == last else {})
        for epoch, accuracy in enumerate(accuracies, 1)
    )
    return Trial(f"{sorted(config.items())}-{seed}", dict(config), seed, "made up", status, history)


def accuracy(config):
    """A network that learns best at 1e-3, a little better with a smaller batch, and not at all at 0.1."""
    if config["lr"] == 0.1:
        return 0.1
    return 0.5 - 0.1 * abs(math.log10(config["lr"] / 1e-3)) + (0.02 if config["batch_size"] == 4 else 0)


def table(of=accuracy, seed=0, lrs=LRS):
    """All combinations with one width l2; every training has unlearned a little by its last epoch."""
    configs = [
        {"lr": lr, "batch_size": batch, "l1": l1, "l2": 128}
        for lr, batch, l1 in itertools.product(lrs, BATCHES, WIDTHS)
    ]
    return Trials(
        trial(c, [of(c) / 2, of(c), of(c) - (0.0 if of(c) <= 0.1 else 0.01)], seed, of(c) <= 0.1) for c in configs
    )


def rows(evidence, start=START, scope="all"):
    return {row.name: row for row in evidence.answer(start, scope)}


@pytest.fixture
def model(tmp_path):
    return BetModel(table(), answers=tmp_path / "bets.json")


# -- the gains -------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.lists(st.integers(0, 60), min_size=16, max_size=16), st.sampled_from(["all", "last"]))
def test_with_one_seed_the_gain_is_the_best_on_the_line_minus_the_start(values, scope):
    """Read off the made-up table by hand; with nothing to measure noise with, there is no interval."""
    numbers = iter(values)
    scores = {}

    def of(config):
        return scores.setdefault(tuple(config.items()), next(numbers, 0) / 100)

    answer = rows(Evidence(table(of)), scope=scope)
    off = {place: value if scope == "all" or value <= 0.1 else value - 0.01 for place, value in scores.items()}
    start = tuple(START.items())
    for at, name in enumerate(START):
        line = [value for place, value in off.items()
                if all(place[i] == start[i] for i in range(4) if i != at)]  # fmt: skip
        if len(line) > 1:
            assert answer[name].gain == answer[name].seen == pytest.approx(max(line) - off[start])
            assert answer[name].basis == "one seed" and math.isnan(answer[name].low)
    assert answer[TOGETHER].gain == pytest.approx(max(off.values()) - off[start])


def test_where_nothing_else_was_recorded_there_is_no_gain_to_speak_of():
    row = rows(Evidence(table()))["l2"]
    assert not row.recorded and math.isnan(row.gain) and row.basis == ""


def test_seeds_that_move_all_trainings_alike_leave_the_gain_as_it_is():
    """Paired seeds: what start and best value share drops out of the interval."""
    repeats = Trials(t for seed in range(5) for t in table(lambda c, seed=seed: accuracy(c) + 0.01 * seed, seed))
    row = rows(Evidence(table(), repeats))["batch_size"]
    assert (row.basis, row.seeds, row.value) == ("seeds", 5, 4)
    assert row.gain == pytest.approx(0.02) and row.low == pytest.approx(0.02) and row.high == pytest.approx(0.02)


def test_without_repeats_at_hand_the_noise_of_the_most_similar_score_counts():
    """Bad networks scatter more than good ones: the start, a bad one, is as unsure as the repeated bad one."""
    good, bad = dict(START, lr=1e-3, l1=256), dict(START, lr=1e-4, l1=256)
    repeats = Trials(
        trial(c, [accuracy(c) + spread * offset], seed)
        for c, spread in ((good, 0.001), (bad, 0.03))
        for seed, offset in enumerate((0, -1, 1, -1, 1))
    )
    evidence = Evidence(table(), repeats)
    assert evidence.measured == (2, 5)
    by_lr = {t.config["lr"]: t for t in evidence.trials if t.config["l1"] == 64 and t.config["batch_size"] == 16}
    assert evidence.spread(by_lr[1e-3], "all") == pytest.approx(0.001)
    assert evidence.spread(by_lr[1e-4], "all") == pytest.approx(0.03)
    row = rows(evidence, dict(START, lr=1e-4))["lr"]
    assert row.basis == "noise" and row.seen == pytest.approx(0.1)
    assert row.high - row.low == pytest.approx(2 * 1.96 * 0.03, rel=0.1)  # normal noise, the best one adds next to none


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.data())
def test_without_noise_the_gain_is_what_was_seen(scores, data):
    start = data.draw(st.integers(0, len(scores) - 1))
    assert gain_with_noise(scores, start, [0.0] * len(scores)) == pytest.approx([max(scores) - scores[start]] * 3)


def test_luck_that_chose_the_best_is_not_expected_again():
    """Twenty equal networks, one seed each: the best looks better than any other, and is worth nothing."""
    scores = 0.5 + 0.01 * np.random.default_rng(1).standard_normal(20)
    worst = int(np.argmin(scores))
    mean, low, high = gain_with_noise(scores, worst, [0.01] * 20)
    assert low < mean < high and mean < scores.max() - scores.min() - 0.002
    mean, low, high = gain_with_noise([0.5] * 20, 0, [0.01] * 20)
    assert abs(mean) < 0.002 and low < 0 < high


def test_a_trial_that_diverged_counts_as_the_worst_sound_one():
    rest = [t for t in table() if t.config != dict(START, lr=0.1)]
    evidence = Evidence(Trials([*rest, trial(dict(START, lr=0.1), [0.3, 0.2], status="diverged")]))
    assert rows(evidence, dict(START, lr=0.1))["lr"].gain == pytest.approx(0.4)


# -- the edge --------------------------------------------------------------------------------------------------------


@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_beyond_the_edge_nothing_trains_and_just_before_it_something_does(broken):
    """A rate that breaks below one that trains is an accident, not the edge."""
    sweep = [trial(dict(START, lr=10.0 ** (place - 5)), [0.1], dead=dead) for place, dead in enumerate(broken)]
    found = edge(Trials(reversed(sweep)))
    rates = [t.config["lr"] for t in sweep]
    above = [lr for lr, dead in zip(rates, broken, strict=True) if not lr <= found.sound]
    assert all(broken[rates.index(lr)] for lr in above)
    assert math.isnan(found.sound) if all(broken) else not broken[rates.index(found.sound)]
    assert math.isnan(found.broken) if not above else found.broken == above[0]


def test_the_smaller_the_batch_the_lower_the_rate_at_which_training_breaks():
    """Measured: the recorded network 120/84."""
    sweeps = [
        load("cifar-lenet", partial=True).filter(
            lambda t, batch=batch: (t.config["l1"], t.config["l2"], t.config["batch_size"]) == (120, 84, batch)
        )
        for batch in (2, 4, 8, 16)
    ]
    edges = [edge(sweep) for sweep in sweeps if len(sweep)]
    assert len(edges) >= 2 and edges == sorted(edges) and all(found.sound < found.broken for found in edges)


# -- the bet ---------------------------------------------------------------------------------------------------------


def test_nothing_is_told_before_the_bet_and_only_the_bet_before_the_rest_is_opened(model):
    assert set(model.rows) == {*NAMES, TOGETHER} and set(model.rows.values()) == {None}
    for early in (model.open, lambda: model.winner):
        with pytest.raises(ValueError, match="only one"):
            early()
    model.bet_on("batch_size")
    assert [name for name, row in model.rows.items() if row] == ["batch_size"]
    model.open()
    assert all(model.rows.values()) and model.winner.name == "batch_size"


def test_the_first_bet_on_a_start_stays_and_outlives_the_notebook(model, tmp_path):
    assert model.bet_on("lr") == "lr" and model.bet_on("batch_size") == "lr"
    again = BetModel(table(), answers=tmp_path / "bets.json")
    assert again.bet == "lr" and not again.opened
    again.change(rate="low")
    assert again.bet is None
    again.change(rate="sensible")
    again.forget()
    assert again.bet is None and json.loads((tmp_path / "bets.json").read_text())["answers"] == {}


def test_only_what_was_recorded_can_be_bet_on_and_started_from(model):
    assert model.candidates == ["lr", "batch_size", "l1"]
    with pytest.raises(ValueError, match="'l2' cannot be bet on here; there are lr, batch_size, l1"):
        model.bet_on("l2")
    with pytest.raises(ValueError, match="batch_size=5 is not to be had; there are 4, 16"):
        model.change(batch_size=5)
    with pytest.raises(ValueError, match="no 'l2'"):
        BetModel(Trials([trial({"lr": 0.1, "batch_size": 4, "l1": 2}, [0.1])]))
    with pytest.raises(ValueError, match="3 learning rates or more"):
        BetModel(table(lrs=LRS[:2]))


def test_a_start_is_too_low_the_default_or_the_first_that_breaks(model):
    assert [model.rate_of(rate) for rate in RATES] == [1e-4, 1e-3, 0.1]
    assert model.edges() == {4: Edge(0.01, 0.1), 16: Edge(0.01, 0.1)}
    for rate, gain in zip(RATES, (0.1, 0.0, 0.4), strict=True):
        model.change(rate=rate)
        model.bet_on("lr")
        assert model.rows["lr"].gain == pytest.approx(gain)


def test_it_opens_on_a_start_from_which_a_bet_gains(tmp_path):
    """Of the recorded table: all four can be bet on, one surely gains, and the start is not called the default."""
    bets = BetModel(*recorded(), answers=tmp_path / "bets.json")
    assert bets.rate == "sensible" and len(bets.candidates) == 4 and bets.start != UNTUNED
    assert "the untuned default" not in in_words(bets)
    bets.bet_on("lr")
    assert bets.rows["lr"].low > 0.02
    bets.change(shape=(UNTUNED["l1"], UNTUNED["l2"]), batch_size=UNTUNED["batch_size"])
    assert bets.start == UNTUNED and "The start, the untuned default, reaches" in in_words(bets)


def test_a_value_that_is_the_starts_own_is_said_to_differ_in_the_seed_alone(tmp_path):
    bets = BetModel(*recorded(), answers=tmp_path / "bets.json")
    bets.change(shape=(64, 128), batch_size=16)
    bets.bet_on("batch_size")
    assert "beats the start's own 16; what differs is the seed" in in_words(bets)
    assert "best: the start's 16" in unescape(draw_gains(bets))


def test_beyond_the_edge_only_the_learning_rate_helps_and_it_is_said(model):
    model.change(rate="high")
    model.bet_on("batch_size")
    assert stuck(model.rows["batch_size"]) and "This one alone does not help" in in_words(model)
    assert "beyond the edge" in in_words(model)
    model.open()
    assert model.winner.name == "lr" and not stuck(model.winner)
    assert "lr gains more" in in_words(model) and "l1 alone cannot help" in in_words(model)


def verdict(tmp_path, repeats, bet):
    """What is said in the end about a bet at the too low start."""
    model = BetModel(table(), repeats, answers=tmp_path / f"{bet}.json")
    model.change(shape=(64, 128), batch_size=16, rate="low")
    model.bet_on(bet)
    model.open()
    return in_words(model).split("<br>")[2]


def test_whether_two_are_told_apart_does_not_depend_on_the_bet(tmp_path):
    """lr gains 10 points and batch_size 2: noise of 2 points hides which is better, of 0.1 does not."""
    noise = {
        spread: Trials(
            trial(dict(START, l1=256), [accuracy(START) + spread * at], seed)
            for seed, at in enumerate((0, -1, 1, -1, 1))
        )
        for spread in (0.02, 0.001)
    }
    for bet, other in (("lr", "batch_size"), ("batch_size", "lr")):
        assert f"{other} gains" in verdict(tmp_path, noise[0.02], bet)
        assert "do not tell which is better" in verdict(tmp_path, noise[0.02], bet)
    assert "a good bet" in verdict(tmp_path, noise[0.001], "lr")
    assert "lr gains more" in verdict(tmp_path, noise[0.001], "batch_size")


def test_the_score_decides_where_runs_overfit(tmp_path):
    """At its best epoch the higher rate is better, at its last one the lower: tuning lr pays only by the last."""
    sweep = Trials(
        trial(dict(START, lr=lr), curve)
        for lr, curve in ((1e-4, [0.3, 0.5, 0.5]), (1e-3, [0.5, 0.52, 0.4]), (1e-2, [0.3, 0.2, 0.2]))
    )
    model = BetModel(sweep, answers=tmp_path / "bets.json")
    model.bet_on("lr")
    assert model.rows["lr"].gain == 0
    model.change(score="last")
    assert model.rows["lr"].gain == pytest.approx(0.1) and model.rows["lr"].value == 1e-4


def test_recorded_trials_start_beyond_the_edge_and_the_learning_rate_brings_most_back(tmp_path):
    """The untuned network from the first rate that breaks it, at every recorded batch size, and by both scores."""
    model = BetModel(load("cifar-lenet", partial=True), answers=tmp_path / "bets.json")
    for batch, score in itertools.product(model.batches((120, 84)), ("best", "last")):
        model.change(shape=(120, 84), batch_size=batch, rate="high", score=score)
        model.bet_on("lr")
        model.open()
        assert model.winner.name == "lr" and model.winner.gain > 0.2


def test_a_gain_names_its_value_and_how_many_there_were(model):
    """And percentages are written with a space."""
    model.bet_on("batch_size")
    assert "<b>+2.0 points</b> with 4, the best of 2 values" in in_words(model)
    assert "reaches 50.0\u00a0% by" in in_words(model)


# -- the widget ------------------------------------------------------------------------------------------------------


@pytest.fixture
def explorer(tmp_path):
    repeats = Trials(
        trial(c, [accuracy(c) + 0.01 * offset], seed)
        for c in (START, dict(START, lr=0.1))
        for seed, offset in enumerate((0, -1, 1, -1, 1))
    )
    return OneHyperparameter(table(), repeats, answers=tmp_path / "bets.json")


def marks(picture):
    """Dots and rings, and crosses (two lines each in the colour of what broke)."""
    return picture.count("<circle"), picture.count("stroke: var(--hpt-red); stroke-width: 1.5") // 2


def test_the_pictures_show_each_recorded_training_once_the_bet_is_kept(explorer):
    explorer.network.value, explorer.batch_size.value = (64, 128), 16
    assert marks(explorer.gains.value) == (0, 0) and "<polyline" not in explorer.curve.value
    explorer.bet.value = "lr"
    explorer.keep.click()
    assert marks(explorer.gains.value) == (3 + 1, 1)  # three rates train, one breaks, and the gain
    assert marks(explorer.curve.value) == (3 + 1 + 2 * 4, 1)  # and the start, and 4 other seeds of two
    explorer.others.click()
    assert marks(explorer.gains.value) == (4 + (2 + 1) + (2 + 1) + (12 + 1), 1 + 0 + 0 + 4)
    assert "no other recorded here" in explorer.gains.value and "dashed: one seed" in explorer.gains.value


def test_the_fields_follow_the_start_and_the_bet(explorer):
    explorer.rate.value = "high"
    assert explorer.model.start["lr"] == 0.1 and explorer.others.disabled and not explorer.bet.disabled
    explorer.bet.value = "l1"
    explorer.keep.click()
    assert explorer.bet.disabled and explorer.keep.disabled and not explorer.others.disabled
    explorer.others.click()
    assert explorer.others.disabled
    explorer.rate.value = "low"
    assert not explorer.bet.disabled and explorer.model.bet is None and explorer.bet.value is None
    explorer.keep.click()
    assert "Choose your bet first" in explorer.words.value and explorer.model.bet is None
    explorer.rate.value = "high"
    assert explorer.bet.value == "l1" and explorer.model.bet == "l1"
    explorer.again.click()
    assert not explorer.bet.disabled and "Bet first" in explorer.words.value


def test_the_curve_can_be_that_of_another_batch_size(explorer):
    explorer.bet.value = "lr"
    explorer.keep.click()
    own = explorer.curve.value
    explorer.curve_batch.value = next(b for b in BATCHES if b != explorer.model.batch_size)
    assert explorer.curve.value != own and "start</text>" not in explorer.curve.value
    assert "edge: 0.01 to 0.1" in explorer.curve.value
    explorer.batch_size.value = explorer.curve_batch.value
    assert explorer.curve_batch.value == explorer.batch_size.value


def test_every_field_has_a_label_and_the_notebook_keeps_a_short_text(explorer):
    fields = [explorer.network, explorer.batch_size, explorer.rate, explorer.score, explorer.curve_batch, explorer.bet]
    assert len({field.description for field in fields} - {""}) == 6 and repr(explorer) == "OneHyperparameter"


@pytest.mark.parametrize("luck", [-0.001, 0.0, 0.3])
def test_all_together_may_gain_less_than_one_alone_and_then_the_words_say_why(model, monkeypatch, luck):
    """The best of more tries owes more to luck. Where nothing is less, nothing is explained."""
    model.bet_on("lr")
    model.open()
    found = model.rows
    changed = {**found, TOGETHER: dataclasses.replace(found[TOGETHER], gain=model.winner.gain + luck)}
    monkeypatch.setattr(BetModel, "rows", property(lambda self: changed))
    why = f"points, not more: the best of {len(found[TOGETHER].runs)} owes more to luck." in in_words(model)
    assert why == (luck < 0) and "All together: " in in_words(model)
