"""A search that is killed at any moment goes on as if it had not been: journal, rungs, stopped trials, searcher."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.machine import CONFIGS, SCHEDULERS, SPACE, WORKERS, Machine, decisions_of_ray, run_with_kills, rungs
from hpt_lessons.journal import Journal
from hpt_lessons.raytune.broker import Broker
from hpt_lessons.raytune.study import check_resume
from hpt_lessons.search import domains
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.search.searchers import Listed, RandomThenGrid
from hpt_lessons.trials import Trials
from programs.toy_study import EPOCHS, curve


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(kills=st.lists(st.integers(1, 60), max_size=6), cut=st.integers(0, 80))
def test_a_killed_search_ends_as_if_it_had_not_been_killed(tmp_path_factory, kills, cut):
    """Whatever the moments: nothing trained twice, each trial once, Ray's decisions, rungs as never interrupted."""
    machine = Machine(tmp_path_factory.mktemp("study"))
    state = run_with_kills(machine, kills, [cut] * len(kills))
    trials = Trials.read(machine.path)
    assert len(machine.trained) == len(set(machine.trained))
    assert [trial.name for trial in trials] == ["default"] + [f"{n:04d}" for n in range(len(CONFIGS))]
    assert [trial.config for trial in trials][1:] == CONFIGS
    stopped, recorded = decisions_of_ray(machine.path)
    assert rungs(state.search.scheduler.scheduler) == recorded
    for trial in trials:
        expected = (
            "diverged" if trial.diverged else "stopped" if stopped.get(trial.name, EPOCHS) < EPOCHS else "completed"
        )
        assert trial.status == expected
        assert trial.budget == (1 if trial.diverged else stopped.get(trial.name, EPOCHS))
        assert [result.epoch for result in trial.history] == list(range(1, trial.budget + 1))


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@settings(max_examples=10, deadline=None)
@given(kills=st.lists(st.integers(1, 50), max_size=5), cut=st.integers(0, 80))
def test_with_a_model_and_any_scheduler_a_killed_search_loses_and_repeats_nothing(
    tmp_path_factory, scheduler, kills, cut
):
    """What the model was told is what the trials reported at their rungs, each once; the better ones went on."""
    machine = Machine(tmp_path_factory.mktemp("study"), lambda: BOHBSampler(SPACE, seed=1), SCHEDULERS[scheduler], 15)
    state = run_with_kills(machine, kills, [cut] * len(kills))
    trials = {trial.name: trial for trial in Trials.read(machine.path) if trial.name != "default"}
    assert len(machine.trained) == len(set(machine.trained))
    assert sorted(trials) == [f"{n:04d}" for n in range(15)]
    assert {trial.status for trial in trials.values()} <= {"completed", "stopped"}
    sent = {(event["trial"], event["to"]) for event in Journal(machine.path).read() if event.get("to")}
    rungs_told = {(name, budget) for name, budget in state.search.told}
    if scheduler in ("stopping", "no stopping"):
        levels = (1, 3, 9) if scheduler == "stopping" else (EPOCHS,)
        sent = {(name, level) for name, trial in trials.items() for level in levels if level <= trial.budget}
    assert rungs_told == {(name, to) for name, to in sent if name != "default"}
    told = state.search.searcher.losses
    assert {budget: sorted(losses) for budget, losses in told.items()} == {
        budget: sorted(trials[name].history[budget - 1].loss for name, to in rungs_told if to == budget)
        for budget in {to for _, to in rungs_told}
    }


MIXED = {
    "x": domains.uniform(0, 0.9),
    "y": domains.uniform(0, 1),
    "clip": domains.choice([math.inf, 1, True, 1.0]),
    "net": {"kernel": domains.choice([(5, 5), (3, 3), [3, 3], ((3,), 3), (3.0, 3)])},
    "top": (math.inf, (1,)),
}


@settings(max_examples=15, deadline=None)
@given(kills=st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_a_killed_search_goes_on_with_tuples_and_infinities_as_they_were(tmp_path_factory, kills):
    """Each trial has after a kill, to the type, the configuration that the model proposed, and its place in the space.

    The oracle is a sampler that is never interrupted and hears what this one heard.
    """
    samplers = []

    def make():
        samplers.append(BOHBSampler(MIXED, seed=1, min_points=2))
        return samplers[-1]

    machine = Machine(tmp_path_factory.mktemp("study"), make, SCHEDULERS["Hyperband"], 15)
    state = run_with_kills(machine, kills, [0] * len(kills))
    drawn = {event["trial"]: event["config"] for event in Journal(machine.path).read() if event["event"] == "trial"}
    assert all(repr(state.configs[name]) == repr(config) for name, config in drawn.items())
    listed = {repr(value) for value in MIXED["net"]["kernel"].values}
    searched = {name: config for name, config in drawn.items() if name != "default"}
    assert {repr(config["net"]["kernel"]) for config in searched.values()} <= listed
    assert {repr(config["top"]) for config in searched.values()} == {"(inf, (1,))"}
    told, losses = samplers[-1].points, samplers[-1].losses
    again = BOHBSampler(MIXED, seed=1, min_points=2)
    for name, budget in state.search.told:
        again.tell(searched[name], budget, curve(searched[name], budget))
    for budget in told:
        assert sorted(zip(losses[budget], map(tuple, told[budget]), strict=True)) == sorted(
            zip(again.losses[budget], map(tuple, again.points[budget]), strict=True)
        )


def test_a_trial_begins_with_what_it_would_be_given_after_an_interruption(tmp_path):
    """A number of numpy is one of Python from the first epoch on, not only after a resume."""
    machine = Machine(tmp_path, lambda: Listed([{"x": np.float32(0.5), "y": 0.1, "n": (np.int64(3),)}]))
    state = machine.state()
    names = [state.next_trial(), state.next_trial()]
    again = machine.state()
    again.replay()
    for name in names:
        assert repr(state.configs[name]) == repr(again.configs[name])
    assert repr(state.configs["0000"]) == "{'x': 0.5, 'y': 0.1, 'n': (3,)}"


def test_hyperband_sends_as_many_trials_to_each_rung_as_its_table_says(tmp_path):
    """Fifteen trials at most 9 epochs: 9, 3, 1 in the first bracket, 3, 1 in the second, 3 in the last."""
    machine = Machine(tmp_path, lambda: BOHBSampler(SPACE, seed=1), SCHEDULERS["Hyperband"], 15)
    run_with_kills(machine, [5, 17, 30], [0, 3, 0])
    sent = [event["to"] for event in Journal(machine.path).read() if event.get("to") and event["trial"] != "default"]
    assert {budget: sent.count(budget) for budget in set(sent)} == {1: 9, 3: 3 + 3, 9: 1 + 1 + 3}


@pytest.mark.parametrize("scheduler", ["Hyperband", "promotion"])
def test_a_trial_that_fails_does_not_keep_the_others_waiting(tmp_path, scheduler):
    """It loses at its rung, the model hears so, and a resume does not bring it back: the others went on without it."""
    machine = Machine(tmp_path, lambda: BOHBSampler(SPACE, seed=1), SCHEDULERS[scheduler], 15)
    state = machine.state()
    assert [state.next_trial() for _ in range(3)] == ["default", "0000", "0001"]
    state.end("0000", "failed", why="MemoryError")
    assert state.search.searcher.losses == {1: [math.inf]}
    del state
    state = machine.search(seed=4)
    trials = {trial.name: trial.status for trial in Trials.read(machine.path)}
    assert trials.pop("0000") == "failed" and state.finished
    assert set(trials.values()) == {"completed", "stopped"}


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(kills=st.lists(st.integers(1, 40), max_size=4))
def test_the_grid_after_random_trials_survives_a_kill(tmp_path_factory, kills):
    """The second stage waits for all of the first, and lies where it would have lain."""
    machine = Machine(tmp_path_factory.mktemp("study"), lambda: RandomThenGrid(SPACE, num_trials=16, seed=3))
    run_with_kills(machine, kills, [0] * len(kills))
    events = [event for event in Journal(machine.path).read() if event.get("trial") != "default"]
    begun = [event["trial"] for event in events if event["event"] == "trial"]
    assert begun == [f"{n:04d}" for n in range(16)]
    first_of_grid = next(i for i, event in enumerate(events) if event["event"] == "trial" and event["trial"] == "0011")
    ended = {event["trial"] for event in events[:first_of_grid] if event["event"] == "end"}
    assert ended == {f"{n:04d}" for n in range(11)}
    second = [event["config"] for event in events if event["event"] == "trial"][11:]
    grid = second[:4]  # five trials pay for two ticks on each axis, and for one at random
    assert len({config["x"] for config in grid}) * len({config["y"] for config in grid}) == 4 and len(second) == 5


def test_a_result_that_comes_twice_counts_once(tmp_path):
    machine = Machine(tmp_path)
    state = machine.state()
    state.next_trial()
    name = state.next_trial()
    machine.report(state, name, 1)
    ray_scheduler = state.search.scheduler.scheduler
    before = (tmp_path / "journal.jsonl").read_text(), rungs(ray_scheduler)
    assert machine.report(state, name, 1) == "continue"
    assert ((tmp_path / "journal.jsonl").read_text(), rungs(ray_scheduler)) == before


def test_a_trial_that_failed_is_tried_again_after_a_resume_and_a_stopped_one_is_not(tmp_path):
    machine = Machine(tmp_path)
    state = machine.state()
    names = [state.next_trial() for _ in range(3)]
    state.end(names[0], "failed", why="MemoryError")
    state.end(names[1], "stopped")
    again = machine.state()
    again.replay()
    assert again.unfinished == [names[0], names[2]]
    assert Broker(again, WORKERS).starting == [names[0], names[2]]


def test_only_the_same_study_is_resumed(tmp_path):
    """Other settings or other data would mix trials that cannot be compared: the error names what differs."""
    journal = Journal(tmp_path / "mine" / "journal.jsonl")
    check_resume(journal, resume=False, settings={"seed": 1}, data="A")
    journal.append({"event": "study", "data": "A", "settings": {"seed": 1}})
    check_resume(journal, resume=True, settings={"seed": 1}, data="A")
    with pytest.raises(FileExistsError, match="mine"):
        check_resume(journal, resume=False, settings={"seed": 1}, data="A")
    with pytest.raises(ValueError, match="seed = 1, and now it is 2"):
        check_resume(journal, resume=True, settings={"seed": 2}, data="A")
    with pytest.raises(ValueError, match="data = 'A', and now it is 'B'"):
        check_resume(journal, resume=True, settings={"seed": 1}, data="B")


STRANGE = {"size": (3, (math.inf,)), "rates": [math.nan, -math.inf], "space": {"choice": [(5, 5), (3, 3)]}}


def test_settings_with_tuples_and_numbers_without_end_are_those_of_the_same_study(tmp_path):
    journal = Journal(tmp_path / "mine" / "journal.jsonl")
    journal.append({"event": "study", "data": "A", "settings": STRANGE})
    check_resume(journal, resume=True, settings=STRANGE, data="A")
    check_resume(journal, resume=True, settings={**STRANGE, "rates": [float("nan"), np.float64("-inf")]}, data="A")
    for change in ({"size": (3, (-math.inf,))}, {"rates": [None, -math.inf]}, {"space": {"choice": [(5, 5)]}}):
        with pytest.raises(ValueError, match="it was begun with"):
            check_resume(journal, resume=True, settings=STRANGE | change, data="A")


def test_settings_that_the_journal_cannot_hold_are_refused_before_there_is_one(tmp_path):
    journal = Journal(tmp_path / "mine" / "journal.jsonl")
    with pytest.raises(TypeError, match=r"'where' is of type PosixPath|WindowsPath"):
        check_resume(journal, resume=False, settings={"where": tmp_path}, data="A")
    assert not list(tmp_path.iterdir())


def test_every_line_of_the_journal_is_plain_json(tmp_path):
    machine = Machine(tmp_path)
    machine.search(seed=1)
    for line in machine.path.read_text().splitlines():
        assert json.loads(line)["event"] in {"trial", "result", "end"}
