"""Replays: the clock keeps time, the budget holds, and every decision is the one that a live search would take."""

import math
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import replay as benchmark
from helpers.replay_tables import EPOCHS, named, table, trial
from hpt_lessons import analysis
from hpt_lessons import recorded as tables
from hpt_lessons.recorded import methods
from hpt_lessons.recorded import objective as objectives
from hpt_lessons.recorded.replay import (
    METHODS,
    Recorded,
    Synthetic,
    chosen,
    epochs_used,
    final_score,
    repeats,
    replay,
    seconds_used,
)
from hpt_lessons.search import domains, layouts
from hpt_lessons.search.asha import PromotionASHA, StoppingASHA
from hpt_lessons.search.halving import Hyperband, NoStopping, SuccessiveHalving
from hpt_lessons.search.rungs import Decision, Job
from hpt_lessons.search.searchers import Listed, RandomSearch
from hpt_lessons.trials import Trials

SCHEDULERS = {
    "none": lambda: NoStopping(EPOCHS),
    "hyperband": lambda: Hyperband(1, EPOCHS, 2),
    "in step": lambda: Hyperband(1, EPOCHS, 2, overlap=False),
    "stopping": lambda: StoppingASHA(1, EPOCHS, 2),
    "promotion": lambda: PromotionASHA(1, EPOCHS, 2),
}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_shipped_noise(monkeypatch):
    """These tests speak of made-up tables alone."""
    monkeypatch.setattr(objectives, "load", lambda name, partial: Trials())


def clock(trials, name):
    """(epoch, start, end, worker) of a trial's results."""
    return [(r.epoch, r.extra["start"], r.extra["end"], r.extra["worker"]) for r in trials[name].history]


def listed(*names):
    return Listed([{"name": name} for name in names])


# -- against schedules and loops that need no replay -------------------------------------------------------------------
def four():
    """Four trials whose first epochs say that B and C are the best; an epoch takes 1, 2, 1 and 3 seconds."""
    losses = {"A": [0.3, 0.3, 9.0], "B": [0.1, 0.1, 0.2], "C": [0.2, 0.2, 0.3], "D": [0.4, 0.4, 9.0]}
    return Recorded(named(losses, {"A": 1.0, "B": 2.0, "C": 1.0, "D": 3.0}))


def test_the_clock_keeps_a_schedule_made_by_hand():
    """Two workers, four trials for one epoch, the best two for three.

    At 0 A and B begin. At 1 A ends, C begins; at 2 both C and B end, D begins, and the second worker waits, for the
    rung is not full. At 5 D ends and B and C, the best, go on: B until 9, C until 7.
    """
    trials = replay(four(), listed(*"ABCD"), SuccessiveHalving([(4, 1), (2, 3)]), max_epochs=3, workers=2)
    assert clock(trials, "0000") == [(1, 0, 1, 0)]
    assert clock(trials, "0001") == [(1, 0, 2, 1), (2, 5, 7, 0), (3, 7, 9, 0)]
    assert clock(trials, "0002") == [(1, 1, 2, 0), (2, 5, 6, 1), (3, 6, 7, 1)]
    assert clock(trials, "0003") == [(1, 2, 5, 0)]
    assert [t.status for t in trials] == ["stopped", "completed", "completed", "stopped"]
    assert epochs_used(trials) == 8 and seconds_used(trials) == 9


def test_who_restarts_pays_again():
    """The same with training from the beginning: B's second rung takes three epochs, the first of them once more."""
    trials = replay(four(), listed(*"ABCD"), SuccessiveHalving([(4, 1), (2, 3)]), max_epochs=3, workers=2, restart=True)
    assert clock(trials, "0001") == [(1, 0, 2, 1), (2, 5, 9, 0), (3, 9, 11, 0)]
    assert clock(trials, "0002") == [(1, 1, 2, 0), (2, 5, 7, 1), (3, 7, 8, 1)]
    second = trials["0001"].history[1]
    assert (second.extra["again"], second.seconds, second.loss) == (1, 4, 0.1)
    assert epochs_used(trials) == 10 and trials["0001"].seconds == 8
    assert "again" not in trials["0001"].history[2].extra


def test_epochs_that_are_trained_again_take_their_own_seconds():
    """Epochs of 1, 10 and 100 seconds, two of them done: the third ends after all three, 111 seconds."""
    one = four().trials["B"]
    history = tuple(replace(result, seconds=10.0 ** (result.epoch - 1)) for result in one.history)
    objective = Recorded(Trials([replace(one, history=history)]))
    trials = replay(objective, listed("B"), SuccessiveHalving([(1, 2), (1, 3)]), max_epochs=3, restart=True)
    assert clock(trials, "0000") == [(1, 0, 1, 0), (2, 1, 11, 0), (3, 11, 122, 0)]


def test_the_budget_ends_the_replay_in_the_middle_of_a_trial():
    """Seven epochs pay for all but the last: it does not begin."""
    trials = replay(four(), listed(*"ABCD"), SuccessiveHalving([(4, 1), (2, 3)]), max_epochs=3, workers=2, budget=7)
    assert clock(trials, "0001")[-1] == (2, 5, 7, 0) and clock(trials, "0002")[-1] == (3, 6, 7, 1)
    assert [t.status for t in trials] == ["stopped", "interrupted", "completed", "stopped"]


def test_random_search_is_a_plain_loop():
    """Drawn, trained to the end, one after the other: the replay adds the clock and nothing else."""
    objective = Recorded(table(seeds=(0, 1, 2)))
    trials = repeats(objective, "random", 1, 8 * EPOCHS, max_epochs=EPOCHS, seed=12)[0]
    now = 0.0
    for number, config in enumerate(layouts.random(objective.space, 8, seed=12)):
        own = trials[number]
        assert own.config == config and own.seed == 12 and own.data == "made up, recorded trials"
        for epoch, result in enumerate(own.history, start=1):
            plain = objective.evaluate(config, epoch, seed=12, draw=number)
            assert (result.epoch, result.loss, result.accuracy) == (plain.epoch, plain.loss, plain.accuracy)
            assert (result.extra["start"], result.extra["end"]) == (now, now + plain.seconds)
            now += plain.seconds
    assert len(trials) == 8 and {t.status for t in trials} == {"completed"}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_one_worker_feeds_the_scheduler_as_a_loop_over_epochs_does(scheduler, seed):
    """Every epoch reported, one job after the other, no clock: the same trials come equally far in the same order."""
    rng = np.random.default_rng(seed)
    curves = {f"t{number:02d}": rng.random(EPOCHS).round(1) for number in range(12)}
    direct, names, reached, ends = SCHEDULERS[scheduler](), list(curves), {}, []
    while True:
        if not names:
            direct.close()
        job = direct.next_job(names[0] if names else None)
        if not isinstance(job, Job):
            break
        names = [name for name in names if name != job.trial]
        decision = Decision("continue", job.budget)
        while decision.action == "continue":
            reached[job.trial] = reached.get(job.trial, 0) + 1
            decision = direct.report(job.trial, reached[job.trial], curves[job.trial][reached[job.trial] - 1])
            ends.append((job.trial, reached[job.trial]))
    trials = replay(Recorded(named(curves)), listed(*curves), SCHEDULERS[scheduler](), max_epochs=EPOCHS)
    order = sorted((r.extra["end"], t.config["name"], r.epoch) for t in trials for r in t.history)
    assert [(name, epoch) for _, name, epoch in order] == ends


def test_a_diverged_trial_frees_its_worker_and_loses():
    """It ends in its second epoch; the next trial begins at that moment, and the searcher hears NaN."""
    heard = []

    class Ears(Listed):
        def tell(self, config, budget, loss):
            heard.append((config["lr"], budget, loss))

    objective = Recorded(
        Trials([trial("a", {"lr": 1.0}, [2.0, 3.0], diverged=True), trial("b", {"lr": 0.1}, [2.0, 1.5, 1.2])])
    )
    trials = replay(objective, Ears([{"lr": 1.0}, {"lr": 0.1}]), max_epochs=3)
    assert [t.status for t in trials] == ["diverged", "completed"] and [t.budget for t in trials] == [2, 3]
    assert clock(trials, "0001")[0] == (1, 2, 3, 0) and trials["0000"].history[-1].diverged
    assert heard[1] == (0.1, 3, 1.2) and heard[0][:2] == (1.0, 3) and math.isnan(heard[0][2])
    assert chosen(trials).name == "0001"


# -- what holds for every search ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@settings(max_examples=25, deadline=None)
@given(workers=st.integers(1, 7), budget=st.integers(1, 90), seed=st.integers(0, 1000), restart=st.booleans())
def test_no_worker_does_two_things_at_once_and_the_budget_holds(scheduler, workers, budget, seed, restart):
    """And no epoch ends before it began, none is left out, and an endless search spends all that it may."""
    objective = Recorded(table(seeds=(0, 1)))
    searcher = RandomSearch(objective.space, seed)
    trials = replay(
        objective,
        searcher,
        SCHEDULERS[scheduler](),
        max_epochs=EPOCHS,
        budget=budget,
        workers=workers,
        seed=seed,
        restart=restart,
    )
    assert epochs_used(trials) <= budget
    assert restart or epochs_used(trials) == budget
    spans = {}
    for one in trials:
        assert one.history, "a trial that could not be paid for was begun"
        assert [r.epoch for r in one.history] == list(range(1, one.budget + 1)) and one.budget <= EPOCHS
        assert (one.status == "completed") == (one.budget == EPOCHS)
        for result in one.history:
            start, end = result.extra["start"], result.extra["end"]
            assert 0 <= start < end and result.seconds == pytest.approx(end - start)
            spans.setdefault(result.extra["worker"], []).append((start, end))
        assert all(a.extra["end"] <= b.extra["start"] for a, b in pairwise(one.history))
    assert set(spans) <= set(range(workers))
    for own in spans.values():
        assert all(first[1] <= second[0] for first, second in pairwise(sorted(own)))


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_decides_everything(method):
    """The same twice, different with another seed; every method, on a table and on formulas."""
    for objective in (Recorded(table(seeds=(0, 1))), Synthetic(noise=0.1, max_epochs=EPOCHS)):
        first, again = (repeats(objective, method, 2, 10 * EPOCHS, max_epochs=EPOCHS, workers=3) for _ in range(2))
        assert first == again and first[0] != first[1]
        assert {t.seed for t in first[1]} == {1} and first[0].data == objective.data
        for trials in first:
            assert epochs_used(trials) <= 10 * EPOCHS
            best = chosen(trials)
            assert final_score(objective, trials) == objective.score(best.config, best.seed)


def test_methods_try_the_same_configurations_with_the_same_seed():
    """So that random search, Hyperband and ASHA can be compared in pairs."""
    objective = Recorded(table())
    runs = {
        m: repeats(objective, m, 1, 60, max_epochs=EPOCHS)[0] for m in ("random", "hyperband", "asha", "asha-promotion")
    }
    configs = [[t.config for t in trials][:8] for trials in runs.values()]
    assert all(own == configs[0] for own in configs)


def test_random_search_without_end_draws_what_the_layout_draws():
    space = {
        "lr": domains.loguniform(1e-4, 1e-1),
        "more": {"l1": domains.lograndint(4, 257)},
        "fixed": 3,
        "kind": domains.choice(["a", "b"]),
        "dropout": domains.quniform(0, 1, 0.25),
        "sd": domains.randn(),
        "width": domains.sample_from(lambda config: config.more.l1 + np.random.randint(9)),
    }
    searcher = RandomSearch(space, 5)
    assert [searcher.ask() for _ in range(30)] == layouts.random(space, 30, seed=5)
    for wrong in (domains.grid_search([1, 2]), domains.uniform(1, 0)):
        with pytest.raises(ValueError, match="search space, 'x'"):
            RandomSearch({"x": wrong}, 0)


def test_the_choice_is_among_those_trained_the_longest():
    """A loss after one epoch may be lower where networks overfit; it was not trained to the end."""
    trials = Trials(
        [
            trial("short", {"lr": 1.0}, [0.1]),
            trial("long", {"lr": 2.0}, [0.5, 0.6]),
            trial("best", {"lr": 3.0}, [0.8, 0.4]),
            trial("broken", {"lr": 4.0}, [0.3, 0.2], diverged=True),
        ]
    )
    assert chosen(trials).name == "best" and chosen(trials, "accuracy").name == "best"
    assert chosen(trials.select(["long", "best"]), scope="all").name == "best"
    with pytest.raises(ValueError, match="none of 1 trials"):
        chosen(trials.select(["broken"]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"budget": 0}, "budget=0"),
        ({"seed": -3}, "seed=-3"),
        ({"searcher": object()}, "is no searcher"),
        ({"workers": 0}, "workers=0"),
        ({"workers": 1.5}, "workers=1.5"),
        ({"max_epochs": 99}, "max_epochs=99, but 6 epochs are known"),
        ({"scheduler": NoStopping(7)}, "sends trial 0000 to epoch 7, and max_epochs is 6"),
    ],
)
def test_what_cannot_be_replayed_is_refused(wrong, message):
    objective = Recorded(table())
    with pytest.raises(ValueError, match=message):
        replay(objective, **{"searcher": RandomSearch(objective.space, 0), "max_epochs": EPOCHS, **wrong})
    with pytest.raises(ValueError, match="a whole number of at least 1"):
        repeats(objective, "random", 0)


def test_without_seconds_there_is_no_clock():
    unknown = Trials([trial("a", {"lr": 1.0}, [1.0, 0.9], seconds=math.nan)])
    with pytest.raises(ValueError, match="no seconds were recorded"):
        replay(Recorded(unknown), Listed([{"lr": 1.0}]), max_epochs=2)
    trials = replay(Recorded(unknown, seconds=2.5), Listed([{"lr": 1.0}]), max_epochs=2)
    assert seconds_used(trials) == 5.0
    with pytest.raises(ValueError, match="'fastest': choose one of random, grid"):
        repeats(Recorded(unknown, seconds=1.0), "fastest", 1, max_epochs=2)


def test_a_replay_needs_neither_torch_nor_ray():
    """A lesson that only replays opens quickly."""
    code = (
        "import sys, hpt_lessons.recorded.replay; "
        "print([m for m in ('torch', 'ray', 'scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert said.strip() == "[]"


# -- the shifted grid --------------------------------------------------------------------------------------------------
UNIT = {"x": domains.uniform(0, 1), "y": domains.uniform(0, 1), "kind": domains.choice(["a", "b", "c"])}


def test_a_shifted_grid_is_still_a_grid():
    """Equal spacing, also around the ends; every combination once; as many values on an axis as it has ticks."""
    for seed in range(20):
        configs = methods.shifted_grid(UNIT, 30, seed)
        columns = {name: sorted({config[name] for config in configs}) for name in UNIT}
        assert [len(values) for values in columns.values()] == [3, 3, 3] and len(configs) == 27
        assert len({tuple(config.values()) for config in configs}) == 27
        for name in ("x", "y"):
            assert np.diff([*columns[name], columns[name][0] + 1]) == pytest.approx(1 / 3)


def test_over_the_repeats_every_value_is_tried():
    """No lucky grid stands for all: the ticks of a thousand grids are uniform, and differ from repeat to repeat."""
    from scipy.stats import kstest

    values = np.array([methods.shifted_grid({"x": UNIT["x"]}, 3, seed)[0]["x"] for seed in range(1000)])
    assert len(set(values)) == 1000 and kstest(values, "uniform").pvalue > 0.01


def test_a_grid_over_a_recorded_table_stays_inside():
    objective = Recorded(table())
    for seed in range(5):
        for config in methods.shifted_grid(objective.space, 12, seed):
            assert objective.space.position(config).shape == (2,)
            objective.evaluate(config, 1)


# -- on what is shipped ------------------------------------------------------------------------------------------------
def test_a_replay_of_the_shipped_table(monkeypatch):
    """The whole way, with the noise as far as it is there: the same trials, sooner with two workers."""
    monkeypatch.undo()
    objective = Recorded(tables.load("cifar-lenet", partial=True))
    one, two = (repeats(objective, "random", 1, 8 * 27, workers=workers)[0] for workers in (1, 2))
    assert [t.config for t in one] == [t.config for t in two] and one.data.endswith(", recorded trials")
    assert [t.values() for t in one] == [t.values() for t in two]
    assert 0.5 * seconds_used(one) <= seconds_used(two) < seconds_used(one)
    assert 1.0 < final_score(objective, one) < 3.0 and 1 < objective.touched(one) <= 8


def test_the_benchmark_prints_its_table(capsys):
    """Its quick form: a row for each method, no bound."""
    assert benchmark.main(["--quick"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in (*benchmark.METHODS, "recorded trials", "standard error"))


def test_only_a_replay_without_noise_says_so():
    """Its searches with other seeds differ in what they tried alone, and an interval must not claim more."""
    for noise, varied in ((None, "search"), (table(seeds=(0, 1, 2)), "both")):
        tables = repeats(Recorded(table(), noise=noise), "random", 3, 2 * EPOCHS, max_epochs=EPOCHS)
        assert analysis.what_varies(tables) == varied
