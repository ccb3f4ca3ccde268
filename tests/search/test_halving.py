"""Early stopping: the golden traces, Ray's scheduler as the judge, and what must hold for every stream of results."""

import itertools
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import AsyncHyperBandScheduler

from hpt_lessons.search.asha import PromotionASHA, StoppingASHA
from hpt_lessons.search.halving import Hyperband, SuccessiveHalving
from hpt_lessons.search.rungs import (
    DONE,
    WAIT,
    Decision,
    Job,
    best_first,
    brackets,
    halving_plan,
    ladder,
    rungs,
    survivors,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "reference" / "asha_golden.json").read_text(encoding="utf-8"))
CURVES = GOLDEN["losses"]  # of each trial after 1, 3 and 9 epochs
ORDERS = {"ABC..I": sorted(CURVES), "reversed": sorted(CURVES, reverse=True)}
anything = st.one_of(st.floats(0, 10), st.sampled_from([0.5, 1.0, math.nan, math.inf, -math.inf]))


def loss_at(trial, epoch):
    """The recorded losses, held between the rungs."""
    return CURVES[trial][0 if epoch < 3 else 1 if epoch < 9 else 2]


def run_alone(scheduler, names, loss, limit=10_000):
    """One worker: the jobs in order, and all decisions. Every epoch is reported."""
    names, jobs, reached, decisions = list(names), [], {}, []
    while len(jobs) < limit:
        if not names:
            scheduler.close()
        job = scheduler.next_job(names[0] if names else None)
        if not isinstance(job, Job):
            return jobs, reached, decisions, job
        if job.trial == (names[0] if names else None):
            names.pop(0)
        jobs.append(job)
        decision = Decision("continue", job.budget)
        while decision.action == "continue":
            epoch = reached[job.trial] = reached.get(job.trial, 0) + 1
            decision = scheduler.report(job.trial, epoch, loss(job.trial, epoch))
        decisions.append((job.trial, reached[job.trial], decision))
    raise AssertionError("the scheduler never ends")


@pytest.mark.parametrize("order", ORDERS)
def test_every_decision_is_that_of_the_golden_trace(order):
    """Nine trials one after the other: the jobs or the stops, what the rungs hold, and how many epochs that takes."""
    for kind, make in (("ray_stopping", StoppingASHA), ("promotion", PromotionASHA)):
        golden, scheduler = GOLDEN[f"{kind}_{order}"], make(1, 9, eta=3)
        jobs, reached, _, end = run_alone(scheduler, ORDERS[order], loss_at)
        assert end == DONE and golden.get("stopped_at", reached) == reached
        assert golden.get("jobs") in (None, [f"{job.trial}@{job.budget}" for job in jobs])
        assert {str(level): results for level, results in scheduler.results.items()} == golden["rungs"]
        assert sum(reached.values()) == golden.get("epochs_resume", golden.get("epochs"))


def test_synchronous_halving_keeps_the_golden_survivors():
    """Nine, three, one: the rungs of the trace, in its order."""
    rows, winner = GOLDEN["sync_SH"]
    jobs, _, decisions, end = run_alone(SuccessiveHalving(halving_plan(9, 1, 9)), sorted(CURVES), loss_at)
    for budget, names in rows:
        assert "".join(job.trial for job in jobs if job.budget == budget) == names
    assert [job.trial for job in jobs if job.budget == 9] == [winner] and end == DONE
    assert decisions[8][2] == Decision("pause", 1, tuple("ABCDFH"))


def test_a_slow_starter_is_lost_in_every_variant():
    """H and D have the best final losses, and are cut at the first rung: that is the price of halving."""
    assert survivors({name: curve[0] for name, curve in CURVES.items()}) == ["I", "G", "E"]
    assert sorted(CURVES, key=lambda name: CURVES[name][-1])[:2] == ["H", "D"]
    for order in ORDERS.values():
        for scheduler in (StoppingASHA(1, 9, 3), PromotionASHA(1, 9, 3)):
            _, reached, _, _ = run_alone(scheduler, order, loss_at)
            assert reached["H"] == reached["D"] == 1


@pytest.mark.parametrize(("eta", "grace", "most"), [(3, 1, 27), (4, 1, 100), (2, 3, 50), (3, 2, 31), (10, 1, 1000)])
def test_stopping_decides_as_rays_scheduler_does(eta, grace, most):
    """Random streams of finite results, with ties, gaps and interleaved trials: decision for decision."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        ours = StoppingASHA(grace, most, eta)
        theirs = AsyncHyperBandScheduler(
            metric="loss", mode="min", max_t=most, grace_period=grace, reduction_factor=eta
        )
        running, epochs, count = [], {}, 0
        for _ in range(400):
            if len(running) < 4:
                running.append(f"t{count}")
                epochs[running[-1]] = 0
                theirs.on_trial_add(None, SimpleNamespace(trial_id=running[-1]))
                count += 1
            trial = running[rng.integers(len(running))]
            epochs[trial] += int(rng.choice([1, 1, 1, 2, max(most // 5, 1)]))
            loss = float(rng.choice([rng.normal(), rng.integers(4) / 4]))
            result = {"training_iteration": epochs[trial], "loss": loss}
            expected = theirs.on_trial_result(None, SimpleNamespace(trial_id=trial), result)
            decision = ours.report(trial, epochs[trial], loss)
            assert decision.action.upper() == expected
            if decision.action == "stop":
                running.remove(trial)
            else:
                assert decision.budget > epochs[trial]


def test_a_diverged_trial_loses_where_ray_lets_it_go_on():
    """On purpose: in Ray a NaN goes on, and so does an infinity that comes first; here both lose."""
    theirs = AsyncHyperBandScheduler(metric="loss", mode="min", max_t=9, reduction_factor=3)
    ours = StoppingASHA(1, 9, 3)
    stream = [("a", math.inf), ("b", 0.5), ("c", math.nan), ("d", -math.inf), ("e", 0.1), ("f", 0.9)]
    decisions = []
    for name, loss in stream:
        trial = SimpleNamespace(trial_id=name)
        theirs.on_trial_add(None, trial)
        with np.errstate(invalid="ignore"):
            answer = theirs.on_trial_result(None, trial, {"training_iteration": 1, "loss": loss})
        decisions.append((answer, ours.report(name, 1, loss).action.upper()))
    assert [decisions[i][0] for i in (0, 2)] == ["CONTINUE", "CONTINUE"]
    assert [ours for _, ours in decisions] == ["STOP", "CONTINUE", "STOP", "STOP", "CONTINUE", "CONTINUE"]
    assert ours.bar(1) == pytest.approx(0.5 + (0.9 - 0.5) * (5 / 3 - 1))  # three of the six were lost and rank last


def test_whole_numbers_lose_no_rung():
    """3^5 and 10^3, where logarithms in floating point come out just below, and maxima that are no power."""
    assert rungs(1, 3**5) == [1, 3, 9, 27, 81, 243] == ladder(1, 3**5)
    assert rungs(1, 10**3, 10) == [1, 10, 100, 1000] == ladder(1, 10**3, 10)
    assert rungs(1, 100) == [1, 3, 9, 27, 81] and ladder(1, 100) == [1, 3, 11, 33, 100]
    assert rungs(5, 5) == [5] == ladder(5, 5)
    assert rungs(2, 30, 4) == [2, 8] and ladder(2, 30, 4) == [7, 30]
    for arguments in [(0, 9), (1, 9, 1), (1.0, 9), (9, 1), (1, 9, True)]:
        for function in (rungs, ladder):
            with pytest.raises(ValueError, match=r"expected|swap"):
                function(*arguments)


@given(least=st.integers(1, 20), most=st.integers(1, 10**6), eta=st.integers(2, 10))
@example(1, 3**12, 3)
def test_rungs_climb_to_the_maximum(least, most, eta):
    """Both ladders have the same number of steps, inside of the bounds; the one from above ends at the maximum."""
    if least <= most:
        low, high = rungs(least, most, eta), ladder(least, most, eta)
        assert len(low) == len(high) and high[-1] == most and low[0] == least and low[-1] <= most < low[-1] * eta
        assert all(a < b for a, b in itertools.pairwise(high)) and high[0] >= least


def test_brackets_are_those_of_table_1():
    """Li et al. 2018, R = 81 and eta = 3: numbers of trials and budgets of all five brackets."""
    assert brackets(1, 81) == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(27, 3), (9, 9), (3, 27), (1, 81)],
        [(9, 9), (3, 27), (1, 81)],
        [(6, 27), (2, 81)],
        [(5, 81)],
    ]
    assert brackets(1, 9) == [[(9, 1), (3, 3), (1, 9)], [(3, 3), (1, 9)], [(3, 9)]]


@given(losses=st.dictionaries(st.text(min_size=1), anything, min_size=1), eta=st.integers(2, 5))
def test_nobody_survives_who_is_worse_than_someone_cut(losses, eta):
    """Best first, diverged last, at least one, and fewer the larger eta is."""
    kept = survivors(losses, eta)
    assert len(kept) == max(1, len(losses) // eta)
    worst = max((math.inf if not math.isfinite(losses[name]) else losses[name]) for name in kept)
    for name in set(losses) - set(kept):
        assert not losses[name] < worst or not math.isfinite(losses[name])
    assert survivors(losses, eta + 1) == kept[: max(1, len(losses) // (eta + 1))]
    assert sorted(best_first(losses)) == sorted(losses)


SCHEDULERS = {
    "halving": lambda: SuccessiveHalving(halving_plan(9, 1, 10)),
    "hyperband": lambda: Hyperband(1, 10, num_brackets=5),
    "in step": lambda: Hyperband(1, 10, num_brackets=5, overlap=False),
    "stopping": lambda: StoppingASHA(1, 10, 3),
    "promotion": lambda: PromotionASHA(1, 10, 3),
}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), workers=st.integers(1, 5), kind=st.sampled_from(sorted(SCHEDULERS)))
def test_whatever_is_reported_no_budget_is_exceeded_and_the_search_ends(data, workers, kind):
    """Several workers, any losses, any order: nobody runs past the maximum or twice at once, rungs only fill up."""
    scheduler, fresh, busy, reached, out = SCHEDULERS[kind](), iter(range(24)), {}, {}, set()
    new = next(fresh, None)
    while True:
        while len(busy) < workers:
            name = None if new is None else f"t{new}"
            job = scheduler.next_job(name)
            if not isinstance(job, Job):
                break
            assert job.trial not in busy and job.trial not in out and reached.get(job.trial, 0) < job.budget <= 10
            busy[job.trial] = job.budget
            new = next(fresh, None) if job.trial == name else new
        if not busy:
            assert job == DONE
            break
        sizes = {level: len(done) for level, done in held(scheduler)}
        trial = data.draw(st.sampled_from(sorted(busy)))
        reached[trial] = data.draw(st.integers(reached.get(trial, 0) + 1, busy[trial]))
        decision = scheduler.report(trial, reached[trial], data.draw(anything))
        assert all(len(done) >= sizes[level] for level, done in held(scheduler) if level in sizes)
        assert decision.budget <= 10 and not set(decision.cut) & busy.keys()
        out |= {*decision.cut, *([trial] if decision.action == "stop" else [])}
        if decision.action == "continue":
            assert reached[trial] < decision.budget
            busy[trial] = decision.budget
        else:
            del busy[trial]


def held(scheduler):
    """What each rung of any scheduler holds."""
    if isinstance(scheduler, Hyperband):
        return [((i, level), done) for i, b in enumerate(scheduler.opened) for level, done in enumerate(b.results)]
    results = scheduler.results
    return list(enumerate(results)) if isinstance(results, list) else list(results.items())


def test_halving_costs_what_was_planned():
    """With one worker and resumed trials every bracket of 81 takes its planned epochs, and no more."""
    scheduler = Hyperband(1, 81, num_brackets=5)
    rng = np.random.default_rng(0)
    _, reached, _, end = run_alone(scheduler, map(str, range(200)), lambda trial, epoch: rng.random())
    assert end == DONE and len(reached) == 81 + 27 + 9 + 6 + 5
    for bracket, plan in zip(scheduler.opened, brackets(1, 81), strict=True):
        assert [(len(done), budget) for done, (_, budget) in zip(bracket.results, plan, strict=True)] == plan
    planned = [n * (b - a) for plan in brackets(1, 81) for (_, a), (n, b) in itertools.pairwise([(0, 0), *plan])]
    assert sum(reached.values()) == sum(planned)


@settings(max_examples=40, deadline=None)
@given(losses=st.lists(st.floats(0, 1), min_size=2, max_size=30), eta=st.integers(2, 6), last=st.floats(0, 1))
def test_a_larger_eta_stops_whoever_a_smaller_one_stops(losses, eta, last):
    """With the same trials before it, the bar only gets lower."""
    mild, harsh = StoppingASHA(1, 100, eta), StoppingASHA(1, 100, eta + 1)
    for scheduler in (mild, harsh):
        scheduler.results[1] = {str(i): loss for i, loss in enumerate(losses)}
    if mild.report("new", 1, last).action == "stop" and last - mild.bar(1) > 1e-9:
        assert harsh.report("new", 1, last).action == "stop"


def test_a_synchronous_rung_waits_for_its_last_trial():
    """Two of three have reported: the free worker waits; the third decides the rung and names who is out."""
    scheduler = SuccessiveHalving([(3, 1), (1, 3)])
    assert [scheduler.next_job(name) for name in "abc"] == [Job("a", 1), Job("b", 1), Job("c", 1)]
    assert scheduler.report("a", 1, 0.2) == Decision("pause", 1)
    assert scheduler.report("b", 1, 0.1) == Decision("pause", 1)
    assert scheduler.next_job("d") == WAIT
    assert scheduler.report("c", 1, 0.3) == Decision("stop", 1, ("a",))
    assert scheduler.next_job("d") == Job("b", 3)
    assert scheduler.report("b", 2, 0.3) == Decision("continue", 3)
    assert scheduler.report("b", 3, 0.3) == Decision("stop", 3)
    assert scheduler.next_job("d") == DONE


def test_a_hyperband_that_overlaps_opens_a_bracket_instead_of_waiting():
    """Ten workers and a first bracket of nine: the tenth starts the second bracket, or waits."""
    for overlap, expected in ((True, Job("t9", 3)), (False, WAIT)):
        scheduler = Hyperband(1, 9, overlap=overlap)
        for i in range(9):
            assert scheduler.next_job(f"t{i}") == Job(f"t{i}", 1)
        assert scheduler.next_job("t9") == expected


def test_diverged_trials_leave_their_places_empty():
    """Of nine only one is sound: it goes on alone, and when all are lost the bracket is over."""
    sound = run_alone(SuccessiveHalving(halving_plan(9, 1, 9)), "abcdefghi", lambda t, _: 0.1 if t == "e" else math.nan)
    assert [job for job in sound[0] if job.budget > 1] == [Job("e", 3), Job("e", 9)]
    lost = run_alone(SuccessiveHalving(halving_plan(9, 1, 9)), "abcdefghi", lambda *_: math.inf)
    assert len(lost[0]) == 9 and lost[3] == DONE
    assert run_alone(PromotionASHA(1, 9, 3), "abcdefghi", lambda *_: math.nan)[3] == DONE


def test_a_search_that_ends_early_decides_its_open_rung():
    """Five of nine trials came: the best goes on."""
    jobs, _, _, end = run_alone(SuccessiveHalving(halving_plan(9, 1, 9)), "abcde", lambda trial, _: ord(trial))
    assert [job for job in jobs if job.budget > 1] == [Job("a", 3), Job("a", 9)] and end == DONE


def test_an_uneven_maximum_is_reached():
    """With at most ten epochs the rungs are 1, 3, 9, and the survivors of the last go on to ten."""
    names = [f"t{i}" for i in range(40)]
    jobs, reached, _, _ = run_alone(PromotionASHA(1, 10, 3), names, lambda trial, _: int(trial[1:]))
    assert {job.budget for job in jobs} == {1, 3, 9, 10} and max(reached.values()) == 10
    assert StoppingASHA(1, 10, 3).report("a", 9, 0.1) == Decision("continue", 10)


def test_promotion_looks_from_the_top_rung_down():
    """With one trial ready at each of two rungs the one nearer to the end goes first."""
    scheduler = PromotionASHA(1, 9, 3)
    for level, names in ((1, "abcdefghi"), (3, "abc"), (1, "jkl")):
        for name in names:
            scheduler.report(name, level, 0.1 if name == "j" else ord(name))
    assert [scheduler.next_job("new") for _ in range(3)] == [Job("a", 9), Job("j", 3), Job("new", 1)]


def test_results_alone_rebuild_the_rungs():
    """After a kill: the same results told again give the same rungs and the same next decision."""
    for make in (lambda: StoppingASHA(1, 9, 3), lambda: PromotionASHA(1, 9, 3)):
        first, again, told = make(), make(), []
        report = first.report
        first.report = lambda *result, report=report, told=told: (told.append(result), report(*result))[1]
        run_alone(first, "ABCDEFG", loss_at)
        for result in told:
            again.report(*result)
        assert again.results == first.results
        assert again.next_job("H") == first.next_job("H")
        assert again.report("H", 1, 0.55) == report("H", 1, 0.55)


def test_a_name_used_twice_is_refused():
    """Two trials of one name would share their results."""
    for scheduler in (SuccessiveHalving([(3, 1)]), Hyperband(1, 9)):
        scheduler.next_job("a")
        with pytest.raises(ValueError, match=r"'a'.*name of its own"):
            scheduler.next_job("a")
    with pytest.raises(ValueError, match="'x' is unknown"):
        Hyperband(1, 9).report("x", 1, 0.5)
