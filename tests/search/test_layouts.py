"""Layouts: grid, random and what lies between, where to look next, and the numbers of Bergstra & Bengio (2012)."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune
from scipy import stats

from helpers.spaces import same
from hpt_lessons.search import bergstra, layouts, ticks
from hpt_lessons.search import domains as light
from hpt_lessons.search.space import Space

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "bergstra_rerun.json").read_text(encoding="utf-8"))
CIFAR = {
    "lr": light.loguniform(1e-4, 1e-1),
    "net": {"l1": light.lograndint(4, 257), "act": light.choice(["relu", "tanh", "elu"])},
    "batch_size": light.choice([2, 4, 8, 16, 32]),
    "epochs": 10,
}


def test_a_grid_is_every_combination_once():
    """Unequal ticks, names taken whole, the constants in every configuration."""
    configs = layouts.grid(CIFAR, {"lr": 2, "net/l1": 4, "batch_size": 2})
    assert len(configs) == 2 * 4 * 3 * 2
    assert len({json.dumps(config) for config in configs}) == len(configs)
    assert {config["lr"] for config in configs} == {1e-4, 1e-1}
    assert {config["batch_size"] for config in configs} == {2, 32}
    assert {config["net"]["act"] for config in configs} == {"relu", "tanh", "elu"}
    assert {config["epochs"] for config in configs} == {10}
    assert configs[0] == {"lr": 1e-4, "net": {"l1": 4, "act": "relu"}, "batch_size": 2, "epochs": 10}


def test_ticks_for_an_unknown_axis_are_refused():
    """A misspelt name does not pass for the default."""
    with pytest.raises(ValueError, match=r"'l1'.*net/l1"):
        layouts.grid(CIFAR, {"l1": 4})
    with pytest.raises(ValueError, match="a grid cannot use"):
        layouts.grid({"l1": tune.sample_from(lambda _: 4)})


def test_random_search_repeats_itself_and_grows():
    """The same seed gives the same trials, the first of many are those of few, another seed gives others."""
    classic = CIFAR | {"l2": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9))}
    nine = layouts.random(classic, 9, seed=3)
    assert nine == layouts.random(classic, 9, seed=3)
    assert nine[:4] == layouts.random(classic, 4, seed=3)
    assert nine != layouts.random(classic, 9, seed=4)
    assert {config["l2"] for config in layouts.random(classic, 200, 0)} == {4, 8, 16, 32, 64, 128, 256}


def test_random_search_goes_through_a_grid_as_ray_does():
    """Two draws of a space with 2 x 3 listed values are twelve trials."""
    here = {"a": tune.grid_search([1, 2]), "b": {"c": tune.grid_search("xyz")}, "lr": tune.uniform(0, 1)}
    configs = layouts.random(here, 2, 0)
    expected = list(itertools.product([1, 2], "xyz")) * 2
    assert [(config["a"], config["b"]["c"]) for config in configs] == expected
    assert len({config["lr"] for config in configs}) == 12


def test_a_latin_hypercube_tries_every_slice_once():
    """Along every axis each of the n slices holds one trial, and the axes are shuffled independently."""
    points = layouts.unit_latin_hypercube(50, 4, 0)
    for column in points.T:
        assert sorted(np.floor(column * 50)) == list(range(50))
    assert abs(np.corrcoef(points.T) - np.eye(4)).max() < 0.5
    assert len({config["lr"] for config in layouts.latin_hypercube(CIFAR, 30, 0)}) == 30


@pytest.mark.parametrize("layout", [layouts.sobol, layouts.halton, layouts.latin_hypercube])
def test_spread_layouts_repeat_themselves_and_refuse_what_they_cannot_spread(layout):
    """The same seed, the same trials; `sample_from` and `grid_search` are refused by name; no warning at any number."""
    assert layout(CIFAR, 13, 1) == layout(CIFAR, 13, 1) != layout(CIFAR, 13, 2)
    for bad in (tune.sample_from(lambda _: 1), tune.grid_search([1, 2])):
        with pytest.raises(ValueError, match="'x'"):
            layout({"x": bad}, 4, 0)


def test_low_discrepancy_is_lower_than_random():
    """SciPy's measure of evenness as the judge."""
    from scipy.stats import qmc

    uneven = {
        name: np.mean([qmc.discrepancy(getattr(layouts, f"unit_{name}")(64, 3, seed)) for seed in range(10)])
        for name in ("random", "latin_hypercube", "sobol", "halton")
    }
    assert uneven["sobol"] < uneven["halton"] < uneven["latin_hypercube"] < uneven["random"]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.floats(0.05, 1))
def test_zooming_keeps_the_best_and_never_leaves_the_old_space(seed, width):
    """Whatever the best configuration is: the narrower space is valid, holds it, and lies inside of the old one."""
    here = CIFAR | {"m": light.quniform(0, 1, 0.05), "q": light.qrandint(8, 64, 8), "s": light.qloguniform(1, 9, 1)}
    configs = layouts.random(here, 12, seed)
    losses = [float((seed * 7 + 3 * i) % 11) for i in range(12)]
    narrower = layouts.zoom(here, configs, losses, width=width)
    best = configs[int(np.argmin(losses))]
    position = Space.of(narrower).position(best)
    assert ((position >= 0) & (position <= 1)).all()
    for config in layouts.random(narrower, 8, seed) + layouts.grid(narrower, 2):
        Space.of(here).position(config)  # refuses what lies outside


def test_zooming_narrows_to_the_asked_width_on_the_scale_of_the_axis():
    """A third of four decades is four thirds of a decade, around the best or moved inwards at a border."""
    here = {"lr": light.loguniform(1e-5, 1e-1), "x": light.uniform(0, 3)}
    configs = [{"lr": 1e-3, "x": 0.1}, {"lr": 1e-1, "x": 3.0}]
    narrower = layouts.zoom(here, configs, [0.5, 1.0])
    assert narrower["lr"].upper / narrower["lr"].lower == pytest.approx(10 ** (4 / 3))
    assert math.sqrt(narrower["lr"].upper * narrower["lr"].lower) == pytest.approx(1e-3)
    assert (narrower["x"].lower, narrower["x"].upper) == pytest.approx((0, 1))
    other = layouts.zoom(here, configs, [math.nan, 1.0])
    assert (other["x"].lower, other["x"].upper) == pytest.approx((2, 3))
    assert (other["lr"].lower, other["lr"].upper) == pytest.approx((10 ** (-1 - 4 / 3), 1e-1))


def test_zooming_keeps_names_of_the_best_and_neighbours_of_numbers():
    """Of names those of the best three trials, of listed numbers the best with its neighbours."""
    configs = [
        {"lr": 1e-3, "net": {"l1": 64, "act": act}, "batch_size": batch, "epochs": 10}
        for act, batch in [("relu", 8), ("elu", 32), ("relu", 32), ("tanh", 2)]
    ]
    narrower = layouts.zoom(CIFAR, configs, [1, 2, 3, 4])
    assert narrower["net"]["act"].values == ("relu", "elu")
    assert narrower["batch_size"].values == (4, 8, 16)
    assert narrower["epochs"] == 10


def test_zooming_answers_in_the_form_it_was_asked_in():
    """Ray's domains come back as Ray's, ready for a Tuner."""
    here = Space(CIFAR).to_ray()
    configs = layouts.random(here, 5, 0)
    narrower = layouts.zoom(here, configs, range(5))
    assert type(narrower["lr"]) is type(here["lr"])
    assert same(narrower, layouts.zoom(CIFAR, configs, range(5)))


def test_zooming_without_anything_to_go_by_is_refused():
    """All trials diverged, lists of unequal length, a width of nothing, an axis without inverse."""
    configs = layouts.random(CIFAR, 2, 0)
    for arguments, says in [((configs, [math.nan, math.inf]), "finite"), ((configs, [1.0]), "one loss for each")]:
        with pytest.raises(ValueError, match=says):
            layouts.zoom(CIFAR, *arguments)
    with pytest.raises(ValueError, match="width"):
        layouts.zoom(CIFAR, configs, [1, 2], width=0)
    with pytest.raises(ValueError, match=r"(?s)'l1'.*choice"):
        layouts.zoom({"l1": tune.sample_from(lambda _: 4)}, [{"l1": 4}], [1.0])


def test_the_edge_check_tells_which_range_was_too_small():
    """A best at a border is a question about the range, not an answer."""
    config = {"lr": 0.09, "net": {"l1": 4, "act": "relu"}, "batch_size": 32, "epochs": 10}
    assert layouts.at_edge(CIFAR, config) == {"lr": "upper", "net/l1": "lower", "batch_size": "upper"}
    middle = {"lr": 1e-3, "net": {"l1": 64, "act": "elu"}, "batch_size": 16, "epochs": 10}
    assert layouts.at_edge(CIFAR, middle) == {}
    assert layouts.at_edge({"b": light.choice([2, 4]), "n": light.randn()}, {"b": 2, "n": 9.0}) == {}
    assert layouts.at_edge({"n": light.randint(0, 3)}, {"n": 2}) == {"n": "upper"}


def test_nine_trials_cast_three_shadows_or_nine():
    """Figure 1: a grid of 9, 25 or 100 tries 3, 5 or 10 values of what matters, random search all."""
    for row in REFERENCE["fig1"]:
        side = math.isqrt(row["S"])
        assert bergstra.distinct_values(layouts.unit_grid([side, side])) == [row["distinct_grid"]] * 2
        assert bergstra.distinct_values(layouts.unit_random(row["S"], 2, 0)) == [row["distinct_random"]] * 2


@pytest.mark.parametrize("row", REFERENCE["fig1"], ids=lambda row: f"{row['S']} trials")
def test_the_best_of_nine_is_better_at_random(row):
    """Figure 1 with bells of width 0.05, one of them a tenth as high: the numbers of an independent rerun."""
    peaks = np.random.default_rng(1).random((2000, 2))
    side = math.isqrt(row["S"])
    on_grid = bergstra.figure_1(layouts.unit_grid([side, side], "centres"), peaks)
    points = np.random.default_rng(2).random((2000, row["S"], 2))
    at_random = np.array([bergstra.figure_1(p, peak[None])[0] for p, peak in zip(points, peaks, strict=True)])
    for ours, theirs in [(on_grid, row["best_grid"]), (at_random, row["best_random"])]:
        assert abs(ours.mean() - theirs) < 4 * math.hypot(ours.std() / math.sqrt(2000), row["se"])
    assert abs((at_random > on_grid).mean() - row["p_random_wins"]) < 4 * math.sqrt(2 * 0.25 / 2000)


@pytest.mark.parametrize("row", REFERENCE["low_effective_dim"], ids=lambda row: f"{row['d']} axes")
def test_only_values_of_the_axis_that_matters_count(row):
    """Low effective dimension: the grid has k chances, random search all of its trials."""
    points = layouts.unit_grid([row["k"]] * row["d"], "centres")
    assert abs(bergstra.narrow_peak_hits(points, row["w"], 0) - row["grid"]) < 4 * math.sqrt(2 * 0.25 / 20_000)
    assert bergstra.at_least_one_hit(row["w"], row["S"]) == pytest.approx(row["random"])


def test_fifty_nine_trials_are_enough_for_the_best_five_percent():
    """The 'rule of sixty': closed form against a list of them."""
    for trials, chance in REFERENCE["closed"]["1-(1-.05)^S"].items():
        assert bergstra.at_least_one_hit(0.05, int(trials)) == pytest.approx(chance)
    assert bergstra.trials_needed(0.05) == REFERENCE["closed"]["min S for 95% top5%"] == 59
    assert bergstra.trials_needed(0.01) == REFERENCE["closed"]["min S for 95% top1%"] == 299


LAYOUTS = {
    "random": "random",
    "lhs": "latin_hypercube",
    "sobol_scr": "sobol",
    "halton_scr": "halton",
    "sobol_raw": "sobol_raw",
    "grid_centre": "grid_centres",
    "grid_ends": "grid_ends",
}


def compare_with_the_rerun(row, repeats):
    """Every layout within five standard errors of both sides (and the rounding of the reference)."""
    for theirs, ours in LAYOUTS.items():
        points = math.prod(ticks.even_ticks([math.inf] * row["d"], row["S"]))
        if ours.startswith("grid") and points != row["grid_n"]:
            assert (row["d"], row["S"], points, row["grid_n"]) == (5, 64, 64, 48)  # the rerun had 3 x 2 x 2 x 2 x 2
            continue
        mean, error = bergstra.figure_8(ours, row["d"], row["target"], row["S"], repeats=repeats, seed=1000)
        assert abs(mean - row[theirs][0]) < 5 * math.hypot(error, row[theirs][1]) + 0.0015, theirs


@pytest.mark.parametrize("row", [row for row in REFERENCE["fig8"] if row["d"] == 5 and row["S"] == 243], ids=str)
def test_figure_8_at_243_trials(row):
    """In boxes random search beats every grid; in cubes a grid whose spacing is below the side always hits."""
    compare_with_the_rerun(row, repeats=6)


@pytest.mark.slow
@pytest.mark.parametrize("row", REFERENCE["fig8"], ids=lambda row: f"{row['d']}d {row['target']} {row['S']}")
def test_figure_8(row):
    """All of figure 8 within the sampling error of an independent rerun."""
    compare_with_the_rerun(row, repeats=12)


def test_random_search_hits_with_its_probability():
    """1 - 0.99^T, in any dimension and for any shape: the one layout with a formula."""
    low, high = bergstra.targets(3, "box", 4000, 0)
    assert np.allclose((high - low).prod(axis=1), 0.01) and low.min() >= 0 and high.max() <= 1
    rates = [bergstra.hit_rate(layouts.unit_random(64, 3, seed), low, high) for seed in range(20)]
    assert abs(np.mean(rates) - bergstra.at_least_one_hit(0.01, 64)) < 4 * np.std(rates) / math.sqrt(20)


def test_no_monotone_grid_beats_random_search_in_boxes():
    """At 243 trials in five dimensions, the best of all grids hits .53, random search .91."""
    low, high = bergstra.targets(5, "box", 3000, 0)
    best, ticks = bergstra.best_grid_hit_rate(243, low, high, "centres")
    assert ticks == (3, 3, 3, 3, 3)
    assert 0.45 < best < 0.6 < bergstra.at_least_one_hit(0.01, 243)


def test_no_ticks_hit_more_of_what_lies_inside_than_those_inside():
    """On one axis: the hit rate is that of the formula, and neither the other rules nor random ticks exceed it."""
    for width in (0.07, 0.2, 0.4):
        low = np.linspace(0, 1 - width, 10_001)[:, None]
        for count in (1, 2, 3, 5, 8):
            inside = bergstra.grid_hit_rate([count], low, low + width, "inside")
            assert inside == pytest.approx(min(1, count * width / (1 - width)), abs=1e-3)
            others = [bergstra.grid_hit_rate([count], low, low + width, rule) for rule in ("ends", "centres")]
            drawn = [bergstra.hit_rate(layouts.unit_random(count, 1, seed), low, low + width) for seed in range(30)]
            assert max(others + drawn) <= inside + 1e-3


def test_a_guarantee_costs_fewest_trials_with_ticks_inside():
    """Every cube is hit by 2^5 or 4^3 points inside; with ticks in the centres it takes 3^5 and 5^3."""
    for dimension, inside, centres in ((5, 2, 3), (3, 4, 5)):
        corners = bergstra.targets(dimension, "cube", 4000, 0)
        for rule, count in (("inside", inside), ("centres", centres)):
            assert bergstra.grid_hit_rate([count] * dimension, *corners, rule) == 1
            assert bergstra.grid_hit_rate([count - 1] * dimension, *corners, rule) < 0.9


def test_monotone_grids_are_all_there():
    """Against counting them the slow way; a grid that leaves room for one more tick is none."""
    every = [t for t in itertools.product(range(1, 17), repeat=3) if t[0] >= t[1] >= t[2] and math.prod(t) <= 16]

    def roomy(t):
        grown = [(*t[:i], t[i] + 1, *t[i + 1 :]) for i in range(3)]
        return any(g in every for g in grown)

    assert sorted(bergstra.monotone_grids(3, 16)) == sorted(t for t in every if not roomy(t))
    assert {(16, 1, 1), (8, 2, 1), (4, 4, 1), (4, 2, 2)} <= set(bergstra.monotone_grids(3, 16))


def test_one_axis_at_a_time_tells_the_same_as_point_by_point():
    """The quick count for grids against the plain one."""
    low, high = bergstra.targets(3, "box", 500, 0)
    for rule in ticks.RULES:
        quick = bergstra.grid_hit_rate((4, 3, 2), low, high, rule)
        assert quick == bergstra.hit_rate(layouts.unit_grid((4, 3, 2), rule), low, high)


def test_layouts_follow_the_distribution_of_the_space():
    """Spread points, mapped, are spread as the space says: uniform in the logarithm for a learning rate."""
    rates = [config["lr"] for config in layouts.halton(CIFAR, 400, 0)]
    assert stats.kstest(np.log10(rates), stats.uniform(-4, 3).cdf).pvalue > 0.5
