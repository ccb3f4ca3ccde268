"""BOHB: densities as statsmodels has them, the split of the paper's code, and a search that learns."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune
from scipy import stats
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from benchmarks import bohb as benchmark
from hpt_lessons.search import density, layouts
from hpt_lessons.search import domains as light
from hpt_lessons.search.asktell import DONE, WAIT, Run
from hpt_lessons.search.bohb import BOHB, BOHBSampler
from hpt_lessons.search.density import Density
from hpt_lessons.search.rungs import Decision

MIXED = {
    "lr": light.loguniform(1e-5, 1e-1),
    "opt": light.choice(["sgd", "adam", "lion"]),
    "net": {"l1": light.lograndint(4, 257), "p": light.quniform(0, 0.5, 0.1)},
    "fixed": 7,
}

pytestmark = pytest.mark.filterwarnings("ignore:After 0.17:FutureWarning")  # statsmodels, about its own future


def mixed_points(count, levels, seed):
    """Random data of numbers and categories, every category at least once."""
    rng = np.random.default_rng(seed)
    columns = [
        rng.beta(2, 5, count) if not level else np.append(np.arange(level), rng.integers(level, size=count - level))
        for level in levels
    ]
    return np.column_stack(columns)


@pytest.mark.parametrize("levels", [[0], [0, 0, 0], [3], [2, 5], [0, 3, 0, 2]])
def test_densities_are_those_of_statsmodels(levels):
    """Product kernels, normal reference, Aitchison & Aitken: at random points, for numbers, categories and both."""
    data, points = mixed_points(40, levels, 0), mixed_points(25, levels, 1)
    types = "".join("u" if level else "c" for level in levels)
    ours = Density(data, np.array(levels))
    theirs = KDEMultivariate(data, types, bw="normal_reference")
    assert ours.bandwidth == pytest.approx(np.minimum(theirs.bw, [(v - 1) / v if v else np.inf for v in levels]))
    theirs.bw = ours.bandwidth
    assert np.exp(ours.log_pdf(points)) == pytest.approx(theirs.pdf(points), rel=1e-9)
    for axis, level in enumerate(levels):
        alone = KDEMultivariate(data[:, axis], types[axis], bw=ours.bandwidth[[axis]])
        places = np.arange(level) if level else np.linspace(0, 1, 9)
        assert ours.along(axis, places) == pytest.approx(alone.pdf(places), rel=1e-9)


def test_equal_points_get_the_smallest_bandwidth():
    """Thirty copies of one point: a bandwidth of 0 would be no density; 1e-3 it is, and far away the log is finite."""
    density = Density(np.full((30, 2), [0.3, 1.0]), np.array([0, 4]))
    assert list(density.bandwidth) == [1e-3, 1e-3]
    assert np.isfinite(density.log_pdf(np.array([[0.3, 1], [0.9, 0]]))).all()
    assert density.along(0, [0.3])[0] == pytest.approx(1 / (1e-3 * math.sqrt(2 * math.pi)))


def test_the_density_of_categories_adds_up_to_one():
    """Also for many levels, where the normal reference would exceed 1 and a kernel become negative."""
    data = np.array([[0], [9], [0], [9], [5]], dtype=float)
    density = Density(data, np.array([10]))
    chances = density.along(0, np.arange(10))
    assert density.bandwidth[0] == pytest.approx(0.9) and chances.sum() == pytest.approx(1) and (chances > 0).all()


@pytest.mark.parametrize(("centre", "width"), [(0.5, 0.05), (0.0, 0.3), (0.98, 0.6), (0.2, 50.0)])
def test_draws_are_truncated_normal(centre, width):
    """SciPy's truncated normal as the judge, also at the border and when it is all but uniform."""
    drawn = density._truncated_normal(np.full((4000, 1), centre), np.array([width]), np.random.default_rng(0))[:, 0]
    expected = stats.truncnorm(-centre / width, (1 - centre) / width, loc=centre, scale=width)
    assert stats.kstest(drawn, expected.cdf).pvalue > 1e-3


def test_a_category_is_drawn_again_with_the_probability_of_its_bandwidth():
    """Then any of them with equal chance, so it changes with bandwidth x (levels - 1) / levels."""
    density = Density(np.zeros((8, 2)), np.array([4, 0]), min_bandwidth=0.2)
    drawn = density.draw(20_000, np.random.default_rng(0), bandwidth_factor=3.0)[:, 0]
    shares = [np.mean(drawn == level) for level in range(4)]
    assert shares == pytest.approx([0.85, 0.05, 0.05, 0.05], abs=0.01)


def test_numbers_are_drawn_with_the_widened_bandwidth():
    """Three bandwidths around a point, not one: to look further than the good ones lie."""
    density = Density(np.full((8, 1), 0.5), np.array([0]), min_bandwidth=0.02)
    for factor in (1.0, 3.0):
        drawn = density.draw(4000, np.random.default_rng(0), bandwidth_factor=factor)
        assert drawn.std() == pytest.approx(0.02 * factor, rel=0.05)
    assert BOHBSampler(MIXED).bandwidth_factor == 3.0


@pytest.mark.parametrize("dimension", [1, 4, 16])
def test_good_and_bad_points_are_counted_as_in_the_papers_code(dimension):
    """max(d + 1, 15 n // 100) good ones, and max(d + 1, 85 n // 100) bad ones of those that are left."""
    sampler = BOHBSampler({f"x{i}": light.uniform(0, 1) for i in range(dimension)})
    for count in range(1, 400):
        good = max(dimension + 1, 15 * count // 100)
        assert sampler._split(count)[0] == good
        if count >= 2 * (dimension + 1):
            assert sampler._split(count)[1] == len(range(count)[good : good + max(dimension + 1, 85 * count // 100)])


def filled(space, count, budget=1, seed=0, loss=lambda config: config["lr"], **options):
    """A sampler that has seen random configurations."""
    sampler = BOHBSampler(space, seed=seed, **options)
    for config in layouts.random(space, count, seed):
        sampler.tell(config, budget, loss(config))
    return sampler


def test_the_first_model_needs_two_points_more_than_twice_the_axes():
    """Four axes: ten results, not nine; then the five best are good and the other five bad."""
    assert filled(MIXED, 9).model() is None
    sampler = filled(MIXED, 10)
    good, bad = sampler.model()
    assert len(good.data) == len(bad.data) == 5
    assert good.data[:, 0].max() < bad.data[:, 0].min()
    assert filled(MIXED, 6, min_points=3).model() is not None


def test_the_largest_budget_with_a_model_is_used():
    """A few results at a larger budget change nothing until they are enough."""
    sampler = filled(MIXED, 40, budget=3)
    for number, config in enumerate(layouts.random(MIXED, 10, 9)):
        assert sampler.model_budget() == 3
        sampler.tell(config, 9, float(number))
    assert sampler.model_budget() == 9
    for config in layouts.random(MIXED, 100, 10):
        sampler.tell(config, 1, 0.0)
    assert sampler.model_budget() == 9


def test_a_look_at_the_next_proposal_changes_nothing_and_tells_how_it_came_about():
    """The draw with the largest ratio is proposed, and a search that looks goes on like one that does not."""
    watched, plain = filled(MIXED, 30), filled(MIXED, 30)
    kinds = set()
    for _ in range(30):
        seen = watched.proposal()
        assert watched.proposal().config == seen.config == watched.ask() == plain.ask()
        kinds.add(seen.random)
        if not seen.random:
            good, bad = watched.model()
            assert seen.candidates.shape == (64, 4)
            assert seen.log_ratio == pytest.approx(good.log_pdf(seen.candidates) - bad.log_pdf(seen.candidates))
            best = watched._config(seen.candidates[np.argmax(seen.log_ratio)])
            assert seen.config == best
    assert kinds == {True, False}
    assert BOHBSampler(MIXED).proposal().random
    assert filled(MIXED, 30, seed=1).ask() != filled(MIXED, 30, seed=2).ask()


def test_the_split_names_the_good_and_the_bad_by_their_place():
    """The best 15 % by their loss, and the others; nobody before the first model."""
    sampler = filled(MIXED, 40)
    good, bad = sampler.split()
    losses = np.array(sampler.losses[1])
    assert len(good) == 6 and sorted([*good, *bad]) == list(range(40)) and losses[good].max() < losses[bad].min()
    assert np.array_equal(np.array(sampler.points[1])[good], sampler.model()[0].data)
    assert [len(part) for part in BOHBSampler(MIXED).split()] == [0, 0]


def test_a_new_result_changes_the_model():
    """No suggestion comes from a model that has not seen the last result."""
    sampler = filled(MIXED, 20)
    before = sampler.model()[0].data.copy()
    best = dict(layouts.random(MIXED, 1, 99)[0])
    sampler.tell(best, 1, -1.0)
    after = sampler.model()[0].data
    assert not np.array_equal(before, after)
    assert np.allclose(after[0], [sampler._coordinate(axis, best) for axis in sampler.axes])


def test_proposals_have_a_large_ratio_of_good_to_bad():
    """The winner of 64 draws has a ratio that hardly any random configuration reaches; without the model not."""

    def ratio(sampler, config):
        point = np.array([[sampler._coordinate(axis, config) for axis in sampler.axes]])
        good, bad = sampler.model()
        return float((good.log_pdf(point) - bad.log_pdf(point))[0])

    sampler = filled(MIXED, 60, random_fraction=0.0)
    typical = np.quantile([ratio(sampler, config) for config in layouts.random(MIXED, 300, 5)], 0.9)
    proposals = [ratio(sampler, sampler.ask()) for _ in range(50)]
    assert np.mean(np.array(proposals) > typical) > 0.9


def test_a_third_of_the_proposals_is_random():
    """With all results below a tenth of the range, only random proposals leave its half."""
    space = {"x": light.uniform(0, 1)}
    shares = {}
    for fraction in (0.0, 1 / 3, 1.0):
        sampler = BOHBSampler(space, seed=0, random_fraction=fraction)
        for i in range(40):
            sampler.tell({"x": 0.05 + 0.001 * i}, 1, float(i))
        shares[fraction] = np.mean([sampler.ask()["x"] > 0.5 for _ in range(600)])
    assert shares[0.0] == 0
    assert shares[1 / 3] == pytest.approx(1 / 6, abs=0.04)
    assert shares[1.0] == pytest.approx(1 / 2, abs=0.05)


def test_the_model_finds_the_good_region_on_every_kind_of_axis():
    """Log scale, categories, whole numbers, steps: proposals crowd where the loss is small."""

    def loss(config):
        far = abs(math.log10(config["lr"]) + 3) + abs(math.log(config["net"]["l1"] / 32)) + 5 * config["net"]["p"]
        return far + (config["opt"] != "adam")

    sampler = filled(MIXED, 300, loss=loss, random_fraction=0.0)
    proposals = [sampler.ask() for _ in range(100)]
    assert np.mean([config["opt"] == "adam" for config in proposals]) > 0.8
    assert np.median([abs(math.log10(config["lr"]) + 3) for config in proposals]) < 0.5
    assert 16 < np.median([config["net"]["l1"] for config in proposals]) < 64
    assert all(type(config["net"]["l1"]) is int and 4 <= config["net"]["l1"] < 257 for config in proposals)
    assert all(round(config["net"]["p"] * 10) == pytest.approx(config["net"]["p"] * 10) for config in proposals)
    assert {config["fixed"] for config in proposals} == {7}


@settings(max_examples=25, deadline=None)
@given(losses=st.lists(st.one_of(st.floats(), st.none()), min_size=1, max_size=30), seed=st.integers(0, 99))
def test_no_loss_breaks_the_sampler(losses, seed):
    """NaN, infinities, none, ties, numbers near the end of floating point: a configuration always comes."""
    sampler = BOHBSampler(MIXED, seed=seed, random_fraction=0.0)
    with np.errstate(all="raise", under="ignore"):
        for config, loss in zip(layouts.random(MIXED, len(losses), seed), losses, strict=True):
            sampler.tell(config, 1, loss)
            sampler.tell(sampler.ask(), 1, loss)


def test_diverged_trials_are_bad_points():
    """They teach where not to go; when too few were sound there is no model of them."""
    sampler = BOHBSampler({"lr": light.uniform(0, 1)}, seed=0, random_fraction=0.0)
    for i in range(30):
        sampler.tell({"lr": i / 30}, 1, math.nan if i >= 10 else 1.0)
    assert sampler.model()[0].data.max() < 1 / 3
    assert np.mean([sampler.ask()["lr"] < 0.4 for _ in range(50)]) > 0.9
    for loss in (math.nan, math.inf, -math.inf, None):
        lost = filled({"lr": light.uniform(0, 1)}, 30, loss=lambda _, loss=loss: loss)
        assert lost.model() is None and 0 <= lost.ask()["lr"] <= 1
        sampler.tell({"lr": 0.99}, 1, loss)
    assert sampler.model()[0].data.max() < 1 / 3


def test_what_cannot_be_learned_is_refused_with_a_remedy():
    """The classic lambda is named, and the bounded domain to use instead."""
    classic = {"l1": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)), "lr": tune.loguniform(1e-4, 1e-1)}
    for make in (BOHBSampler, lambda space: BOHB(space, 1, 9)):
        with pytest.raises(ValueError, match=r"(?s)'l1'.*BOHB.*choice\(\[4, 8, 16, 32, 64, 128, 256\]\)"):
            make(classic)
        with pytest.raises(ValueError, match=r"(?s)'b'.*tune.choice\(\[2, 4\]\)"):
            make({"b": tune.grid_search([2, 4])})
        with pytest.raises(ValueError, match="nothing is searched"):
            make({"a": 1})


def test_a_list_of_one_tells_nothing_and_harms_nothing():
    """A choice of one value beside a real axis, and alone."""
    sampler = filled({"lr": light.uniform(0, 1), "one": light.choice(["x"])}, 30, random_fraction=0.0)
    assert sampler.ask()["one"] == "x" and np.isfinite(sampler.densities("lr").good).all()
    assert filled({"lr": light.choice([3])}, 30, random_fraction=0.0).ask() == {"lr": 3}


def test_the_densities_of_an_axis_can_be_looked_at():
    """On the unit interval and as values; along a category one number each; held at a configuration they are slices."""
    sampler = filled(MIXED, 60)
    seen = sampler.densities("lr", count=50)
    assert seen.budget == 1 and len(seen.values) == 50
    assert seen.values[0] == 1e-5 and seen.values[-1] == 1e-1
    assert seen.positions[np.argmax(seen.good)] < 0.3 < seen.positions[np.argmax(seen.bad)]
    assert np.argmax(seen.ratio) < 10
    assert 0.7 < np.trapezoid(seen.bad, seen.positions) <= 1
    names = sampler.densities("opt")
    assert names.values == ["sgd", "adam", "lion"] and names.good.sum() == pytest.approx(1)
    config = layouts.random(MIXED, 1, 3)[0]
    slice_ = sampler.densities("lr", at=config)
    good, _ = sampler.model()
    theirs = KDEMultivariate(good.data, "cucc", bw=good.bandwidth)
    point = [sampler._coordinate(axis, config) for axis in sampler.axes]
    there = theirs.pdf(np.array([[u, *point[1:]] for u in slice_.positions]))
    assert set(good.data[:, 1]) == {0, 1, 2}  # statsmodels counts the categories that it sees
    assert slice_.good == pytest.approx(there, rel=1e-6, abs=1e-12)
    with pytest.raises(ValueError, match="'net/l1'"):
        sampler.densities("l1")
    assert BOHBSampler(MIXED).densities("lr") is None


def test_bohb_runs_the_brackets_and_tells_the_model_every_result_at_a_rung_once():
    """One worker, an epoch at a time: told = reached at a rung, for every budget, in time for the next suggestion."""
    search, reached, resumed = BOHB(MIXED, 1, 9, seed=0, num_brackets=4), {}, {}
    while isinstance(run := search.ask(), Run):
        assert run.config == resumed.setdefault(run.trial, run.config)
        decision = Decision("continue", run.budget)
        while decision.action == "continue":
            epoch = reached[run.trial] = reached.get(run.trial, 0) + 1
            decision = search.tell(run.trial, epoch, run.config["lr"] / epoch)
        assert epoch == run.budget
        assert len(search.sampler.losses[epoch]) == sum(budget == epoch for _, budget in search.told)
        assert search.sampler.losses[epoch][-1] == run.config["lr"] / epoch
    assert run == DONE
    counts = {budget: len(losses) for budget, losses in search.sampler.losses.items()}
    assert counts == {1: 9 + 9, 3: 3 + 3 + 3, 9: 1 + 1 + 3 + 1}
    before = {budget: list(losses) for budget, losses in search.sampler.losses.items()}
    trial, budget = sorted(search.told)[0]
    search.tell(trial, budget, 0.5)
    assert search.sampler.losses == before


@pytest.mark.parametrize("stop", [1, 8, 9, 14, 30])
def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(stop):
    """Asked and told again in the same order: the same rungs, the same model, the same proposals."""

    def go_on(search, log, runs):
        for _ in range(runs):
            run = search.ask()
            log.append(("trial", run.trial, run.config))
            log.append(("result", run.trial, run.budget, run.config["lr"] / run.budget))
            search.tell(*log[-1][1:])
        return search

    whole = []
    go_on(BOHB(MIXED, 1, 9, seed=3), whole, 40)
    again = BOHB(MIXED, 1, 9, seed=3)
    for event in whole[: 2 * stop]:
        if event[0] == "result":
            again.tell(*event[1:])
        else:
            assert again.ask(known=event[2]).trial == event[1]
    rest = []
    go_on(again, rest, 40 - stop)
    assert rest == whole[2 * stop :]


def test_bohb_waits_when_a_rung_is_not_complete():
    """In step: nine at once, the tenth worker waits until all nine have reported."""
    search = BOHB(MIXED, 1, 9, seed=0, overlap=False)
    for run in [search.ask() for _ in range(9)]:
        assert search.ask() == WAIT
        search.tell(run.trial, 1, run.config["lr"])
    assert search.ask().budget == 3


def test_without_the_model_bohb_is_hyperband():
    """With a random fraction of 1 the same decisions on the same losses, whatever was told."""
    searches = [BOHB(MIXED, 1, 9, seed=0, num_brackets=3, random_fraction=fraction) for fraction in (1.0, 0.0)]
    traces = []
    for search in searches:
        trace = []
        while isinstance(run := search.ask(), Run):
            trace.append((run.trial, run.budget))
            search.tell(run.trial, run.budget, float(int(run.trial) * 7 % 5))
        traces.append(trace)
    assert traces[0] == traces[1]


def test_the_benchmark_functions_have_their_known_minima():
    """The published minimisers, and what a smaller budget does to them."""
    best = [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]
    config = {f"x{i}": x for i, x in enumerate(best)}
    hartmann = benchmark.Hartmann6()
    assert hartmann.true(config) == pytest.approx(-3.32237, abs=1e-5) == hartmann.best
    assert hartmann.true(config, 1 / 81) > hartmann.true(config)
    branin = benchmark.Branin()
    for x, y in [(-math.pi, 12.275), (math.pi, 2.275), (9.42478, 2.475)]:
        assert branin.true({"x": x, "y": y}) == pytest.approx(branin.best, abs=1e-5)
    ones = benchmark.CountingOnes(3)
    config = dict.fromkeys(ones.space, 1)
    assert ones.true(config) == ones.best == ones.loss(config, 9, np.random.default_rng(0)) == -6


@pytest.mark.slow
@pytest.mark.parametrize(("index", "bound"), [(0, 0.6), (1, 0.6), (2, 0.5)], ids=["hartmann", "ones 4+4", "ones 8+8"])
def test_bohb_beats_hyperband(index, bound):
    """Mean final regret over ten seeds at 84 full evaluations; the benchmark prints it for 32 seeds."""
    problem = benchmark.PROBLEMS[index]
    found = {name: np.mean(benchmark.regrets(problem, name, 10, 84)) for name in ("BOHB", "Hyperband", "random")}
    assert found["BOHB"] <= bound * found["Hyperband"] < bound * found["random"]
