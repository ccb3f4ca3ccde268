"""Stopping early, step by step: the golden traces, a schedule by hand, and what must hold for every search."""

import itertools
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.trials import DIVERGED_LOSS, Result, Trial, Trials
from hpt_lessons.view import Rungs
from hpt_lessons.view.rungs import explorer
from hpt_lessons.view.rungs.explorer import in_words
from hpt_lessons.view.rungs.model import METHODS, ORDERS, OUT, PRESETS, SCORES, USUAL, RungModel, made
from hpt_lessons.view.rungs.picture import draw

GOLDEN = json.loads((Path(__file__).parents[1] / "reference" / "asha_golden.json").read_text(encoding="utf-8"))


def trial(name, losses, seconds=1.0, status="completed", **config):
    """A trial with these losses, epoch by epoch."""
    accuracies = [1 - loss / 10 if math.isfinite(loss) else 0.1 for loss in losses]
    history = tuple(Result(e, *values, seconds) for e, values in enumerate(zip(losses, accuracies, strict=True), 1))
    return Trial(name, config or {"name": name}, 0, "made for a test", status, history)


def golden_trials(order="ABC..I"):
    """The nine trials of the golden trace, their losses held between the rungs."""
    table = [trial(name, [a] * 2 + [b] * 6 + [c]) for name, (a, b, c) in sorted(GOLDEN["losses"].items())]
    return Trials(table if order == "ABC..I" else table[::-1])


def names(model):
    return [trial.name for trial in model.drawn]


@pytest.mark.parametrize("order", ["ABC..I", "reversed"])
def test_one_worker_takes_every_decision_of_the_golden_traces(order):
    """Both variants of ASHA: who was stopped when, which jobs ran in which order, and how many epochs that took."""
    model = RungModel(golden_trials(order), "stopping", workers=1, order="table", score="loss")
    last, golden = len(model.segments), GOLDEN[f"ray_stopping_{order}"]
    assert dict(zip(names(model), model.reached(last), strict=True)) == golden["stopped_at"]
    assert model.epochs(last) == golden["epochs"]
    model.change(method="promotion")
    last, golden = len(model.segments), GOLDEN[f"promotion_{order}"]
    assert [f"{names(model)[s.trial]}@{s.last}" for s in model.segments] == golden["jobs"]
    assert model.epochs(last) == golden["epochs_resume"]


def test_the_best_of_all_is_cut_at_the_first_rung():
    """H has the best final loss and is cut after an epoch; the search takes I, and one sees what that costs."""
    model = RungModel(golden_trials(), "halving", workers=1, order="table", score="loss")
    last = len(model.segments)
    assert names(model)[model.best] == "H" and names(model)[model.choice(last)] == "I"
    assert model.regret(model.choice(last)) == pytest.approx(0.3 - 0.05) and model.regret(model.best) == 0
    cut = next(k for k in range(last) if model.lost_best(k))
    assert cut == 9 and not model.lost_best(8)  # all nine must be judged before any is cut
    assert "Trial 8 would have been <b>the best of all</b>" in in_words(model, 9)
    assert "The best of all, trial 8 (" in in_words(model, last) and "was cut after 1 epoch." in in_words(model, last)


def test_the_lanes_are_those_of_a_schedule_by_hand():
    """Four trials, two workers, halving with eta 2: b takes three seconds an epoch, all others one.

    First rung: worker 1 runs a, c, d; worker 2 runs b until 3. Then a and c are the best: one epoch more each; at the
    end a runs its third and fourth.
    """
    table = Trials([trial("a", [1] * 4), trial("b", [9] * 4, 3.0), trial("c", [2] * 4), trial("d", [3] * 4)])
    model = RungModel(table, "halving", eta=2, workers=2, order="table", score="loss")
    seen = {(s.worker, names(model)[s.trial], s.first, s.last, s.start, s.end) for s in model.segments}
    first = {(0, "a", 0, 1, 0, 1), (1, "b", 0, 1, 0, 3), (0, "c", 0, 1, 1, 2), (0, "d", 0, 1, 2, 3)}
    assert seen == first | {(0, "a", 1, 2, 3, 4), (1, "c", 1, 2, 3, 4), (0, "a", 2, 4, 4, 6)}
    last = len(model.segments)
    assert model.now(last) == 6 and model.busy(last) == pytest.approx(10 / 12)
    assert model.rungs(last) == {1: (4, 2), 2: (2, 1), 4: (1, 0)}
    assert model.statuses(last) == ["finished", "cut", "cut", "cut"]
    assert model.reached(1) == [1, 0, 0, 0] and model.statuses(1) == ["paused", "running", "running", "new"]


def test_who_is_under_way_has_the_epochs_that_are_over():
    """When a ends after four seconds, b, which takes three seconds an epoch, has one behind it."""
    model = RungModel(Trials([trial("a", [1] * 4), trial("b", [2] * 4, 3.0)]), "nobody", order="table")
    assert model.reached(0) == [0, 0] and model.reached(1) == [4, 1] and model.epochs(1) == 5


def test_one_takes_the_best_of_those_that_came_furthest_not_the_lowest_number():
    """b has the lower loss after one epoch, but a is the only one trained for two; and b overfits there."""
    model = RungModel(
        Trials([trial("a", [1.0, 1.0]), trial("b", [0.5, 3.0])]),
        "stopping",
        eta=2,
        workers=1,
        order="table",
        score="loss",
    )
    assert [names(model)[s.trial] for s in model.segments] == ["a", "a", "b", "b"]
    assert [model.choice(k) for k in range(5)] == [None, 0, 0, 0, 0] and model.regret(1) == 2


curve = st.lists(st.floats(0.1, 5) | st.just(math.nan), min_size=9, max_size=9)


@given(
    curves=st.lists(curve, min_size=2, max_size=12),
    method=st.sampled_from(list(METHODS)),
    order=st.sampled_from(list(ORDERS)),
    score=st.sampled_from(list(SCORES)),
    workers=st.integers(1, 8),
    eta=st.integers(2, 4),
    grace=st.integers(1, 9),
    seconds=st.sampled_from([1.0, 0.3, math.nan]),
)
def test_whatever_the_settings_the_story_holds_together(curves, method, order, score, workers, eta, grace, seconds):
    """A worker does one thing at a time, nobody trains backwards or twice, and the end is what the steps add up to."""
    table = Trials(trial(f"{n}", losses, seconds) for n, losses in enumerate(curves))
    model = RungModel(table, method, eta=eta, grace=grace, workers=workers, order=order, score=score, max_budget=9)
    last = len(model.segments)
    for worker in range(workers):
        lane = sorted((s.start, s.end) for s in model.segments if s.worker == worker)
        assert all(before[1] <= after[0] + 1e-9 for before, after in itertools.pairwise(lane))
    for number in range(len(model.drawn)):
        own = [(s.first, s.last) for s in model.segments if s.trial == number]
        assert own and own[0][0] == 0 and all(a[1] == b[0] for a, b in itertools.pairwise(own))
    before = [0] * len(model.drawn)
    for k in range(last + 1):
        reached = model.reached(k)
        assert all(a <= b for a, b in zip(before, reached, strict=True)) and 0 <= model.busy(k) <= 1 + 1e-9
        assert len(model.running(k)) <= workers
        before = reached
    statuses = model.statuses(last)
    assert not {"new", "running", "paused"} & set(statuses) and before == [
        max(s.last for s in model.segments if s.trial == number) for number in range(len(model.drawn))
    ]
    assert all(
        (status == "finished") == (r == 9) for status, r in zip(statuses, before, strict=True) if status != "diverged"
    )
    choice = model.choice(last)
    assert choice is None or model.regret(choice) >= 0


def test_one_that_diverges_loses_and_its_later_epochs_are_never_seen():
    """Also where only its status says so."""
    broken = trial("x", [0.1, DIVERGED_LOSS, 0.1, 0.1])
    said = trial("y", [0.2, 0.2], status="diverged")
    table = Trials([broken, said, trial("z", [2.0] * 4)])
    model = RungModel(table, "nobody", order="table", score="loss")
    assert model.statuses(len(model.segments)) == ["diverged", "diverged", "finished"]
    assert model.reached(len(model.segments)) == [2, 2, 4] and names(model)[model.best] == "z"
    assert "<b>diverged</b> in epoch 2" in in_words(model, 1) + in_words(model, 2)
    assert np.isinf(model.finals[:2]).all() and math.isinf(model.regret(0)) and draw(model, 3)


def test_scores_are_what_their_names_say():
    """In percent, in nats, and the lowest so far."""
    table = Trials([trial("a", [2.0, 1.0, 3.0]), trial("b", [2.0, 2.0, 2.0])])
    scores = {score: RungModel(table, order="table", score=score).scores[0] for score in SCORES}
    assert scores["error"] == pytest.approx([20, 10, 30])
    assert list(scores["loss"]) == [2, 1, 3] and list(scores["best"]) == [2, 1, 1]


def test_the_order_of_arrival_decides_whom_asha_keeps():
    """The best come last: every bar is low when they come. The best come first: they set it."""
    table = made(27)
    model = RungModel(table, "stopping", order="best first", score="loss")
    assert list(model.finals) == sorted(model.finals)
    first = model.epochs(len(model.segments))
    model.change(order="best last")
    assert list(model.finals) == sorted(model.finals, reverse=True) and model.best == 26
    assert model.epochs(len(model.segments)) > first


def test_hyperband_gets_as_many_trials_as_all_its_brackets_need():
    """With 27 trials only its first bracket ran, which is successive halving."""
    explorer = Rungs(made(60))
    assert explorer.count.value == explorer.model.count == 27
    explorer.method.value = "hyperband"
    model = explorer.model
    assert explorer.count.value == len(model.drawn) == 46
    assert [model.brackets.count(number) for number in (1, 2, 3, 4)] == [27, 9, 6, 4]
    assert "46 trials in 4 brackets" in explorer.words.value
    assert "trials of bracket 1: 1 to 27, 2: 28 to 36, 3: 37 to 42, 4: 43 to 46" in explorer.picture.value
    last = max(range(1, len(model.segments) + 1), key=lambda k: model.segments[k - 1].trial)
    assert "Trial 46 of bracket 4 (" in in_words(model, last)
    explorer.eta.value = 4
    assert explorer.count.value == len(model.drawn) == 16 + 4 + 3
    explorer.method.value = "halving"
    assert explorer.count.value == 27 and model.brackets == []


def test_a_chosen_number_of_trials_stays_and_a_single_bracket_is_said_to_be_halving():
    explorer = Rungs(made(60))
    explorer.count.value = 20
    explorer.method.value = "hyperband"
    assert explorer.count.value == len(explorer.model.drawn) == 20
    assert "only fill the first of its 4 brackets (that is successive halving)" in explorer.words.value
    halving = RungModel(made(60), "halving", count=27)
    assert [s.decision for s in RungModel(made(60), "hyperband", count=27).segments] == [
        s.decision for s in halving.segments
    ]
    assert RungModel(made(12), "hyperband").count == 12  # all there are


def test_before_the_start_nothing_is_said_of_epochs_and_workers():
    model = RungModel(made(10))
    assert "busy" not in in_words(model, 0) and "workers busy" in in_words(model, 1)


def test_the_axis_has_marks_beside_the_rungs():
    """Nobody is stopped: the only rung is the end. With rungs, marks that would run into them are left out."""
    alone = draw(RungModel(made(10), "nobody"), 0)
    assert all(f">{epoch}</text>" in alone for epoch in (1, 2, 5, 10, 20, 27))
    assert ">10</text>" not in draw(RungModel(made(10), "stopping"), 0)


def test_the_star_of_the_best_is_drawn_over_all_curves_and_many_curves_are_thin():
    few, many = (RungModel(made(60), "nobody", count=count) for count in (40, 41))
    for model in (few, many):
        picture = draw(model, len(model.segments))
        assert picture.rindex("<polygon") > picture.rindex("<polyline")
    assert "stroke-width: 1.8" in draw(few, 5) and "stroke-width: 1.8" not in draw(many, 5)


def test_there_are_lanes_for_the_workers_and_no_others():
    """A picture's height changes with the number of workers and with nothing else."""

    def height(**settings):
        return re.search(r'viewBox="0 0 760 (\d+)"', Rungs(made(20), **settings).picture.value)[1]

    assert height(workers=2) == height(workers=2, method="hyperband", count=9, eta=2, step=5)
    assert int(height(workers=5)) - int(height(workers=2)) == 3 * 22


def test_trials_without_a_later_curve_are_left_out_and_too_few_are_an_error():
    whole = [trial(f"{n}", [1.0] * 5) for n in range(3)]
    stopped = [trial("s", [1.0, 1.0], status="stopped")]
    model = RungModel(Trials(whole + stopped))
    assert model.left_out == 1 and model.most_trials == model.count == 3
    assert "1 trials" not in in_words(model, 0) and "1 trial without a whole curve is left out" in in_words(model, 0)
    assert RungModel(Trials(whole + stopped), max_budget=2).left_out == 0
    with pytest.raises(ValueError, match="1 of 2 trials have a curve of 5 epochs"):
        RungModel(Trials(whole[:1] + stopped))
    with pytest.raises(ValueError, match="at least 2 trials"):
        RungModel(Trials())


@pytest.mark.parametrize(
    ("setting", "value"),
    [("method", "magic"), ("eta", 1), ("grace", 28), ("count", 1), ("workers", 9), ("order", ""), ("score", "luck")],
)
def test_an_impossible_setting_is_named_and_changes_nothing(setting, value):
    model = RungModel(made(10), count=9)
    before = model.segments
    with pytest.raises(ValueError, match=setting):
        model.change(**{setting: value})
    assert model.segments is before and getattr(model, setting) != value


def test_steps_are_taken_back_and_forth_and_the_ends_hold():
    explorer = Rungs(golden_trials(), order="table", score="loss")
    steps, last = explorer.steps, len(explorer.model.segments)
    assert explorer.step == 0 and "Before the start" in explorer.words.value
    steps.next.click()
    assert explorer.step == 1 and "Step 1<" in explorer.words.value
    steps.back.click()
    steps.back.click()
    assert explorer.step == 0
    steps.end.click()
    steps.next.click()
    assert explorer.step == last and "The search is over" in explorer.words.value
    steps.first.click()
    steps.slider.value = 5
    assert explorer.step == steps.timer.value == 5 and "Step 5<" in explorer.words.value
    explorer.step = 10**6
    assert explorer.step == last


def test_play_counts_in_the_page_and_a_step_stops_it():
    explorer = Rungs(golden_trials())
    steps = explorer.steps
    steps.play.click()
    assert steps.timer.playing and steps.play.description == "Pause"
    steps.timer.value = 3  # what the page does
    assert explorer.step == 3
    steps.next.click()
    assert not steps.timer.playing and steps.play.description == "Play" and explorer.step == 4


def test_a_change_shows_the_new_end_to_whom_was_at_the_end_and_else_the_start():
    explorer = Rungs(golden_trials(), score="loss")
    explorer.step = 3
    explorer.method.value = "halving"
    assert explorer.step == 0 and explorer.steps.slider.max == explorer.steps.timer.max == 13
    explorer.steps.end.click()
    for count in (4, 9):
        explorer.count.value = count
        assert explorer.step == explorer.steps.slider.max == len(explorer.model.segments)
        assert f"0 of {9 * count} epochs" not in explorer.words.value and "is over" in explorer.words.value


def test_the_picture_shows_each_decision_and_each_stretch():
    """Crosses for the judgements of those who are out, a bar for each segment, dashes only for what was never seen."""
    explorer = Rungs(golden_trials(), "halving", order="table", score="loss", workers=1)
    explorer.steps.end.click()
    picture, model = explorer.picture.value, explorer.model
    last = len(model.segments)
    out = sum(status in OUT for status in model.statuses(last))
    assert picture.count("<path") == 1 + out and out == 8  # one in the legend
    assert picture.count("<rect") == last == 13
    assert picture.count("stroke-dasharray") == 1 + 8 and picture.count("<polygon") == 1 + 1
    assert 'aria-label="9 learning curves after step 13 of 13: 8 cut, 1 finished' in picture
    explorer.unseen.value = False
    assert "stroke-dasharray" not in explorer.picture.value and "<polygon" not in explorer.picture.value


def test_what_was_typed_into_a_table_is_only_text():
    explorer = Rungs(Trials([trial("a", [1.0] * 3, lr="<b>&"), trial("b", [2.0] * 3, lr=2)]), order="table")
    explorer.step = 1
    assert "lr=&lt;b&gt;&amp;" in explorer.words.value


def test_the_same_configuration_with_two_seeds_is_told_apart_by_them():
    twice = [Trial(f"{seed}", {"lr": 0.1}, seed, "made", "completed", trial("", [1.0] * 3).history) for seed in (4, 7)]
    words = in_words(RungModel(Trials(twice), order="table"), 1)
    assert "Trial 1 (seed 4)" in words or "Trial 2 (seed 7)" in words


def test_without_a_table_made_up_curves_are_shown_and_say_so(monkeypatch):
    def none(*_, **__):
        raise ValueError("there is no table")

    monkeypatch.setattr("hpt_lessons.recorded.load", none)
    assert "synthetic" in Rungs().words.value and explorer.table() == made()


def test_every_field_has_a_label():
    explorer = Rungs(golden_trials())
    fields = [
        explorer.method,
        explorer.eta,
        explorer.grace,
        explorer.count,
        explorer.workers,
        explorer.order,
        explorer.score,
        explorer.seed,
        explorer.unseen,
        explorer.steps.slider,
    ]
    assert len({field.description for field in fields} - {""}) == 10 and repr(explorer) == "Rungs"


def test_the_epochs_of_a_search_are_compared_with_full_trainings_of_random_trials():
    """Against counting: draw as many trials as the epochs pay for, many times, and see who is best."""
    model = RungModel(explorer.table(), "stopping")
    trials, better, same = model.instead()
    last = len(model.segments)
    assert trials == model.epochs(last) // model.max_budget
    rng, chosen = np.random.default_rng(0), model.choice(last)
    draws = [min(rng.permutation(27)[:trials], key=model.finals.__getitem__) for _ in range(4000)]
    assert np.mean([model.finals[d] < model.finals[chosen] for d in draws]) == pytest.approx(better, abs=0.03)
    assert np.mean([d == chosen for d in draws]) == pytest.approx(same, abs=0.03)
    assert f"pay for {trials} full trainings" in in_words(model, last)
    assert "full training" not in in_words(model, last - 1)
    nobody = RungModel(explorer.table(), "nobody")
    assert "full training" not in in_words(nobody, len(nobody.segments))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_all_fields_and_an_own_setting_leaves_it(name):
    rungs = Rungs(workers=4, seed=3)
    rungs.preset.value = name
    for setting, value in (USUAL | PRESETS[name]).items():
        assert getattr(rungs, setting).value == getattr(rungs.model, setting)
        assert value is None or getattr(rungs.model, setting) == value
    assert rungs.model.count == (46 if name == "Hyperband" else 27)
    rungs.workers.value = 5
    assert rungs.preset.value == "" and rungs.model.workers == 5
