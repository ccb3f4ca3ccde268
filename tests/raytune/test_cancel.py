"""Trials that are cancelled while a search runs: by the journal, whatever the scheduler, and whenever a kill comes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.machine import SCHEDULERS, SPACE, Killed, Machine, run_with_kills
from hpt_lessons.journal import Journal
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.trials import Trials


class Canceller(Machine):
    """A machine whose user cancels trials now and then, running or pausing, first of all some that nobody knows."""

    def __init__(self, *arguments, chance):
        super().__init__(*arguments)
        self.chance, self.cancelled = chance, {}

    def report(self, state, name, epoch):
        self.wish(state)
        return super().report(state, name, epoch)

    def wish(self, state):
        dice = random.Random(len(self.trained) + 1000 * state.epochs.get("default", 0))
        if dice.random() < self.chance and state.unfinished:
            name = dice.choice(state.unfinished)
            state.cancel(name)
            self.cancelled[name] = state.epochs[name]
        state.cancel("nobody")


@pytest.mark.slow
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@settings(max_examples=10, deadline=None)
@given(kills=st.lists(st.integers(1, 50), max_size=4), cut=st.integers(0, 80), chance=st.sampled_from([0.05, 0.2, 0.5]))
def test_who_is_cancelled_stays_stopped_and_the_others_come_to_an_end(tmp_path_factory, scheduler, kills, cut, chance):
    """Also when it paused at a rung and was promoted afterwards, and whatever a kill took with it."""
    machine = Canceller(
        tmp_path_factory.mktemp("study"), lambda: BOHBSampler(SPACE, seed=1), SCHEDULERS[scheduler], 15, chance=chance
    )
    state = run_with_kills(machine, kills, [cut] * len(kills))
    trials = {trial.name: trial for trial in Trials.read(machine.path)}
    assert state.finished and sorted(trials) == [*(f"{n:04d}" for n in range(15)), "default"]
    assert {trial.status for trial in trials.values()} <= {"completed", "stopped"}
    reasons = {event["trial"] for event in Journal(machine.path).read() if event.get("why") == "cancelled"}
    assert reasons <= machine.cancelled.keys()  # a kill may have taken the last wish with it
    for name in reasons:
        assert trials[name].status == "stopped"
        if not kills:
            assert trials[name].budget == machine.cancelled[name]
    assert len(machine.trained) == len(set(machine.trained))


def test_a_cancelled_trial_is_not_taken_up_by_a_resume(tmp_path):
    machine = Machine(tmp_path)
    state = machine.state()
    names = [state.next_trial() for _ in range(3)]
    state.cancel(names[1])
    again = machine.state()
    again.replay()
    assert again.unfinished == [names[0], names[2]]
    assert Trials.read(machine.path)[names[1]].status == "stopped"


def test_others_do_not_wait_for_one_that_was_cancelled_at_its_rung(tmp_path):
    """Halving: the best of the rung is cancelled while it pauses; it is promoted, loses at once, and the rung ends."""
    machine = Machine(tmp_path, lambda: BOHBSampler(SPACE, seed=1), SCHEDULERS["halving"], 15)
    state = machine.state()
    assert state.next_trial() == "default"
    while len(state.paused) < 9:
        name = state.next_trial()
        while machine.report(state, name, state.epochs[name] + 1) == "continue":
            pass
    best = min(state.paused, key=state.losses.get)
    state.cancel(best)
    with pytest.raises(Killed):
        machine.search(seed=2, steps=3)
    machine.search(seed=3)
    trials = Trials.read(machine.path)
    assert (trials[best].status, trials[best].budget) == ("stopped", 1)
    assert {"event": "goes on", "trial": best, "to": 3} in Journal(machine.path).read()
    assert {trial.status for trial in trials} == {"completed", "stopped"}
