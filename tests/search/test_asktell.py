"""Any searcher with any scheduler: every trial is run, everybody is told once, and nobody waits for ever."""

import doctest
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpt_lessons.search import asktell, domains
from hpt_lessons.search.asha import PromotionASHA, StoppingASHA
from hpt_lessons.search.asktell import DONE, WAIT, Run, Search
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.search.halving import Hyperband, NoStopping, SuccessiveHalving
from hpt_lessons.search.rungs import halving_plan
from hpt_lessons.search.searchers import Listed, RandomThenGrid

SPACE = {"x": domains.uniform(0, 1), "y": domains.uniform(0, 1)}
TRIALS, MOST = 16, 9
SEARCHERS = {
    "listed": lambda: Listed([{"x": n / 16, "y": n % 4 / 4} for n in range(TRIALS)]),
    "random, then grid": lambda: RandomThenGrid(SPACE, TRIALS, seed=1),
    "model": lambda: BOHBSampler(SPACE, seed=1),
}
SCHEDULERS = {
    "none": lambda: NoStopping(MOST),
    "stopping": lambda: StoppingASHA(1, MOST, eta=3),
    "promotion": lambda: PromotionASHA(1, MOST, eta=3),
    "Hyperband": lambda: Hyperband(1, MOST),
    "in step": lambda: Hyperband(1, MOST, overlap=False),
    "halving": lambda: SuccessiveHalving(halving_plan(TRIALS, 1, MOST)),
}


def test_a_whole_search_is_a_loop_of_at_most_fifteen_lines():
    """The example at the head of the module, without Ray, threads or a class of ours around it; and it is true."""
    [example] = [test for test in doctest.DocTestFinder().find(asktell) if test.name == asktell.__name__]
    assert sum(len(part.source.splitlines()) for part in example.examples) <= 15
    assert not doctest.DocTestRunner().run(example).failed


def run(search: Search, workers: int, order: random.Random, trouble: float) -> dict[str, int]:
    """Run a search to its end with some workers in a random order; trials diverge or fail now and then."""
    at: dict[str, int] = {}
    busy: dict[str, int] = {}
    while True:
        while len(busy) < workers and isinstance(answer := search.ask(), Run):
            assert answer.trial not in busy
            assert answer.budget > at.get(answer.trial, 0)
            busy[answer.trial] = answer.budget
        if not busy:
            assert answer == DONE
            return at
        assert len(busy) == workers or answer in (WAIT, DONE)
        name = order.choice(sorted(busy))
        at[name] = at.get(name, 0) + 1
        fate = order.random()
        if fate < trouble:
            search.lose(name)
        elif fate < 2 * trouble:
            search.fail(name)
        elif search.tell(name, at[name], search.configs[name]["x"] / at[name]).action == "continue":
            continue
        del busy[name]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("searcher", SEARCHERS)
@settings(max_examples=12, deadline=None)
@given(workers=st.integers(1, 5), seed=st.integers(0, 10**6), trouble=st.sampled_from([0, 0.05, 0.3]))
def test_every_search_comes_to_its_end(searcher, scheduler, workers, seed, trouble):
    """All trials are drawn, none is trained beyond the whole budget, and at the end nobody runs or waits."""
    if (searcher, scheduler) == ("random, then grid", "halving"):
        with pytest.raises(ValueError, match="two stages"):
            Search(SEARCHERS[searcher](), SCHEDULERS[scheduler]())
        return
    search = Search(SEARCHERS[searcher](), SCHEDULERS[scheduler](), num_trials=TRIALS)
    at = run(search, workers, random.Random(seed), trouble)
    assert sorted(at) == sorted(search.configs) == [f"{n:04d}" for n in range(TRIALS)]
    assert max(at.values()) <= MOST and not search.running
    assert search.ask() == DONE


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_searcher_hears_of_each_rung_once_and_before_the_next_question(scheduler):
    """One worker: when a configuration is asked for, everything that has reached its rung was told."""
    heard, questions = [], []

    class Ears(Listed):
        def ask(self):
            questions.append(len(heard))
            return super().ask()

        def tell(self, config, budget, loss):
            heard.append((config["x"], budget, loss))

    search = Search(Ears([{"x": (5 * n % TRIALS) / TRIALS} for n in range(TRIALS)]), SCHEDULERS[scheduler]())
    at = run(search, 1, random.Random(0), 0)
    assert len(heard) == len(set(heard)) == len(search.told)
    assert all(loss == x / budget for x, budget, loss in heard)
    assert {budget for _, budget, _ in heard} <= {1, 3, 9}
    # With one worker at least every earlier trial has been heard of.
    assert all(told >= number for number, told in enumerate(questions))
    assert max(at.values()) == MOST


def test_the_second_stage_waits_for_the_first_also_when_trials_pause():
    """At the barrier Hyperband's open bracket is closed: its best go on, and then the grid begins."""
    search = Search(RandomThenGrid(SPACE, TRIALS, seed=1), Hyperband(1, MOST))
    first = search.searcher.barriers[0]
    names = []
    while isinstance(answer := search.ask(), Run):
        if answer.trial not in names:
            names.append(answer.trial)
            if len(names) == first + 1:
                assert not search.running - {answer.trial}
        search.tell(answer.trial, answer.budget, answer.config["x"])
    assert len(names) == TRIALS


def test_what_was_not_asked_for_cannot_be_told():
    search = Search(Listed([{"x": 1}]), NoStopping(3))
    with pytest.raises(ValueError, match="trial 'x' is unknown"):
        search.tell("x", 1, 0.5)


def test_a_failure_is_forgiven_only_where_nobody_went_on_without_the_trial():
    """Without rungs to fill it may be tried again, and nothing was told; in a bracket it has lost."""
    for scheduler, told in ((NoStopping(3), []), (SuccessiveHalving([(1, 3)]), [math.inf])):
        search = Search(BOHBSampler(SPACE, seed=0), scheduler, num_trials=1)
        run = search.ask()
        search.fail(run.trial)
        assert search.ask() == DONE
        assert search.searcher.losses.get(3, []) == told
        assert search.revive(run.trial) is (not told)
