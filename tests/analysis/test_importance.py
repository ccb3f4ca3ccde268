"""Shares of variance are those of the closed forms and of Optuna; a gain that is luck is not called a gain."""

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hpt_lessons.analysis import importance
from hpt_lessons.analysis.importance.anova import decompose, subsets
from hpt_lessons.analysis.importance.columns import columns_of, complete_part
from hpt_lessons.analysis.importance.forest import Boxes, decompose_boxes, decompose_scattered, grow
from hpt_lessons.trials import DIVERGED_LOSS, Result, Trial, Trials


def table(configs, losses, seeds=None, **options):
    """A trial of one epoch for each configuration and loss; NaN diverges."""
    return Trials(
        Trial(f"{n:04d}", dict(config), seeds[n] if seeds else 0, "toy", "completed" if loss == loss else "diverged",
              (Result(1, loss if loss == loss else DIVERGED_LOSS, 1 - loss / 100 if loss == loss else 0.0),))
        for n, (config, loss) in enumerate(zip(configs, losses, strict=True))
    )  # fmt: skip


def grid(function, **levels):
    """A full grid of configurations and the function's value at each."""
    configs = [dict(zip(levels, values, strict=True)) for values in itertools.product(*levels.values())]
    return table(configs, [function(**config) for config in configs])


def share(found, *names):
    return found.shares[names].share


# -- the exact decomposition -------------------------------------------------------------------------------------------

small_tables = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)).flatmap(
    lambda shape: arrays(float, shape, elements=st.floats(-100, 100, allow_subnormal=False)))  # fmt: skip


def test_in_a_sum_each_axis_has_its_own_variance():
    """3 a + b with a in 0, 1, 2 and b in 0, 1, 2, 3: variances 9 * 2/3 and 5/4, and no interaction."""
    a, b = np.meshgrid(np.arange(3.0), np.arange(4.0), indexing="ij")
    parts, total = decompose(3 * a + b)
    assert parts == pytest.approx({(0,): 6.0, (1,): 1.25, (0, 1): 0.0})
    assert total == pytest.approx(7.25)


def test_in_a_product_of_signs_no_axis_matters_alone():
    """a * b * c for signs: all of it is an interaction of three, and normalised shares of single axes are 0 / 0."""
    signs = np.array([-1.0, 1.0])
    parts, total = decompose(np.einsum("a,b,c->abc", signs, signs, signs), order=3)
    assert parts == pytest.approx(dict.fromkeys(subsets(3, 2), 0.0) | {(0, 1, 2): 1.0})
    assert total == 1.0


def test_the_function_of_ishigami_has_its_published_shares():
    """sin x + 7 sin^2 y + 0.1 z^4 sin x on -pi..pi (Ishigami & Homma 1990), in closed form; a table of 60^3 cells."""
    x, y, z = np.meshgrid(*[np.pi * ((np.arange(60) + 0.5) / 30 - 1)] * 3, indexing="ij")
    parts, total = decompose(np.sin(x) + 7 * np.sin(y) ** 2 + 0.1 * z**4 * np.sin(x))
    alone_x, alone_y = 0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 7**2 / 8
    together = 8 * 0.1**2 * np.pi**8 / 225
    expected = {(0,): alone_x, (1,): alone_y, (2,): 0.0, (0, 1): 0.0, (0, 2): together, (1, 2): 0.0}
    assert parts == pytest.approx(expected, rel=0.01, abs=1e-9)
    assert total == pytest.approx(alone_x + alone_y + together, rel=0.01)


@given(small_tables)
def test_all_effects_together_are_the_whole_variance(cells):
    parts, total = decompose(cells, order=3)
    assert sum(parts.values()) == pytest.approx(total, abs=1e-6)
    assert total == pytest.approx(cells.var(), abs=1e-6)
    assert min(parts.values()) >= 0


@given(small_tables, st.floats(-10, 10), st.floats(-3, 3))
def test_shifting_changes_nothing_and_scaling_only_the_unit(cells, shift, factor):
    before, after = decompose(cells), decompose(factor * cells + shift)
    assert after[1] == pytest.approx(factor**2 * before[1], abs=1e-6)
    assert after[0] == pytest.approx({axes: factor**2 * part for axes, part in before[0].items()}, abs=1e-6)


@given(small_tables, st.permutations([0, 1, 2]))
def test_the_order_of_the_axes_is_no_matter(cells, order):
    parts, turned = decompose(cells)[0], decompose(cells.transpose(order))[0]
    for axes, part in turned.items():
        assert part == pytest.approx(parts[tuple(sorted(order[axis] for axis in axes))], abs=1e-6)


@given(arrays(float, (3, 2), elements=st.floats(-10, 10)), st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_a_level_that_counts_twice_is_a_level_that_is_there_twice(cells, counts):
    weighted = decompose(cells, [np.array(counts), np.ones(2)])
    repeated = decompose(np.repeat(cells, counts, axis=0))
    assert weighted[0] == pytest.approx(repeated[0], abs=1e-9)
    assert weighted[1] == pytest.approx(repeated[1], abs=1e-9)


def test_holes_and_weights_that_do_not_fit_are_errors():
    with pytest.raises(ValueError, match="the table has empty cells"):
        decompose(np.array([[1.0, np.nan]]))
    for weights in ([np.ones(3)], [np.array([1.0, -1.0])], [np.zeros(2)]):
        with pytest.raises(ValueError, match="axis 0 has 2 levels; give each a weight"):
            decompose(np.arange(2.0), weights)


# -- trees for scattered trials ----------------------------------------------------------------------------------------


@given(small_tables)
def test_boxes_that_are_cells_give_what_the_cells_give(cells):
    """Two ways to compute one thing: means over an array's axes, and sums over pairs of boxes."""
    corners = np.array(list(np.ndindex(cells.shape)), float)
    boxes = Boxes(corners / cells.shape, (corners + 1) / cells.shape, cells.ravel())
    for one, other in zip(decompose_boxes(boxes), decompose(cells), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@given(st.integers(1, 60), st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
def test_a_trees_boxes_fill_the_cube_and_hold_the_means_of_their_points(count, axes, min_leaf, seed):
    x, y = np.random.default_rng(seed).random((count, axes)), np.random.default_rng(seed).random(count)
    boxes = grow(x, y, min_leaf)
    assert (boxes.high - boxes.low).prod(axis=1).sum() == pytest.approx(1)
    inside = ((boxes.low[:, None] <= x) & (x <= boxes.high[:, None])).all(axis=2)
    assert (inside.sum(axis=0) == 1).all()
    assert boxes.values == pytest.approx([y[points].mean() for points in inside])
    assert inside.sum(axis=1).min() >= min(min_leaf, count)


def test_a_tree_is_the_one_of_scikit_learn():
    """CART has one answer, but for cuts along two axes that part the same points: so these points are asked."""
    tree = pytest.importorskip("sklearn.tree", reason="scikit-learn is not installed")
    generator = np.random.default_rng(0)
    x, y = generator.random((150, 3)), generator.normal(size=150)
    boxes = grow(x, y, min_leaf=4)
    inside = ((boxes.low[:, None] <= x) & (x <= boxes.high[:, None])).all(axis=2)
    theirs = tree.DecisionTreeRegressor(min_samples_leaf=4, random_state=0).fit(x, y)
    assert len(boxes.values) == theirs.get_n_leaves()
    assert boxes.values[inside.argmax(axis=0)] == pytest.approx(theirs.predict(x), abs=1e-9)


@pytest.mark.parametrize(("function", "tolerance"), [
    (lambda a, b, c: 4 * (a - 0.3) ** 2 + 0.5 * b, 0.05),
    (lambda a, b, c: np.abs(a + 0.5 * b - 0.6) + 0.1 * np.sin(6 * c), 0.13),
])  # fmt: skip
def test_the_trees_find_the_shares_of_a_known_function(function, tolerance):
    """300 random points against the exact shares of a table of 30^3 cells; trees see too little of interactions."""
    x = np.random.default_rng(0).random((300, 3))
    parts, total = decompose_scattered(x, function(*x.T))
    ticks = (np.arange(30) + 0.5) / 30
    exact, whole = decompose(function(*np.meshgrid(ticks, ticks, ticks, indexing="ij")))
    assert {axes: part / total for axes, part in parts.items()} == pytest.approx(
        {axes: part / whole for axes, part in exact.items()}, abs=tolerance)  # fmt: skip


# -- against Optuna ----------------------------------------------------------------------------------------------------


def optunas(points, values, domains, evaluator):
    """Optuna's shares, not normalised, for these points."""
    optuna = pytest.importorskip("optuna", reason="Optuna is not installed (make setup does it)")
    pytest.importorskip("sklearn", reason="Optuna's fANOVA needs scikit-learn, which is not installed")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {name: optuna.distributions.FloatDistribution(*ends) for name, ends in domains.items()}
    study = optuna.create_study()
    study.add_trials([
        optuna.trial.create_trial(params=dict(zip(domains, map(float, point), strict=True)), value=float(value),
                                  distributions=distributions)
        for point, value in zip(points, values, strict=True)
    ])  # fmt: skip
    kind, options = evaluator
    evaluator = getattr(optuna.importance, f"{kind}ImportanceEvaluator")(**options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    return {(name,): value for name, value in found.items()}


@pytest.mark.slow
def test_scattered_trials_have_the_shares_that_optunas_fanova_gives():
    """A random search of 150 trials; both are forests with chance in them, so to 0.08."""
    points = np.random.default_rng(0).random((150, 3))
    values = np.abs(points[:, 0] + 0.5 * points[:, 1] - 0.6) + 0.1 * np.sin(6 * points[:, 2])
    theirs = optunas(points, values, dict.fromkeys("abc", (0, 1)), ("Fanova", {"seed": 0, "n_trees": 16}))
    found = importance.shares(table([dict(zip("abc", map(float, p), strict=True)) for p in points], values),
                              of="value", order=1)  # fmt: skip
    assert found.method == "forest"
    assert {names: part.share for names, part in found.shares.items()} == pytest.approx(theirs, abs=0.08)


def test_a_full_grid_has_the_shares_that_optunas_fanova_comes_near():
    """Ours are exact here; Optuna grows trees on trials drawn with replacement."""
    points = list(np.ndindex(10, 6, 5))
    values = [(a / 10 - 0.4) ** 2 + 0.05 * a / 10 * b + 0.02 * c for a, b, c in points]
    theirs = optunas(points, values, {"a": (-0.5, 9.5), "b": (-0.5, 5.5), "c": (-0.5, 4.5)},
                     ("Fanova", {"seed": 0, "n_trees": 16}))  # fmt: skip
    found = importance.shares(table([dict(zip("abc", p, strict=True)) for p in points], values), of="value", order=1)
    assert found.method == "grid"
    assert {names: part.share for names, part in found.shares.items()} == pytest.approx(theirs, abs=0.05)


@pytest.mark.parametrize("good", [0.1, 0.25])
def test_being_among_the_best_has_the_variances_that_optunas_ped_anova_gives(good):
    """Unnormalised, on a grid of 40 x 40: theirs are smoothed densities, a little smaller."""
    points = list(np.ndindex(40, 40))
    values = [(a / 40 - 0.4) ** 2 + 0.2 * b / 40 for a, b in points]
    theirs = optunas(points, values, dict.fromkeys("ab", (-0.5, 39.5)), ("PedAnova", {"target_quantile": good}))
    found = importance.shares(table([dict(zip("ab", p, strict=True)) for p in points], values), of="good", good=good,
                              order=1)  # fmt: skip
    ours = {names: part.share * found.total for names, part in found.shares.items()}
    assert ours == pytest.approx(theirs, rel=0.15)


def test_being_among_the_best_is_the_pearson_divergence_of_the_best():
    """Watanabe et al. (2023): good^2 times the divergence between the levels of the best trials and of all."""
    found = grid(lambda a, b: (a - 3) ** 2 + b, a=range(10), b=range(8))
    result = importance.shares(found, of="good", good=0.25, scales={"a": "choice"})
    best = [trial.config["a"] for trial in sorted(found, key=lambda trial: trial.loss)[:20]]
    density = np.bincount(best, minlength=10) / 20
    divergence = np.sum(0.1 * (density / 0.1 - 1) ** 2)
    assert share(result, "a") * result.total == pytest.approx(0.25**2 * divergence)


# -- shares of a table of trials ---------------------------------------------------------------------------------------


def test_a_grid_is_decomposed_exactly_whatever_order_its_trials_have():
    found = grid(lambda lr, l1: lr + 2 * l1, lr=(0.0, 1.0), l1=(0, 1))
    result = importance.shares(found, of="value")
    assert result.method == "grid"
    assert (share(result, "lr"), share(result, "l1"), share(result, "lr", "l1")) == pytest.approx((0.2, 0.8, 0))
    assert result.total == pytest.approx(1.25)
    assert result.rest == pytest.approx(0)
    assert list(result.rows()) == ["l1", "lr", "lr x l1"]
    assert result.rows()["l1"] == result.shares[("l1",)]
    backwards = importance.shares(Trials(reversed(list(found))), of="value")
    assert backwards.shares.keys() == result.shares.keys()
    assert share(backwards, "l1") == pytest.approx(0.8)


def test_a_pure_interaction_is_not_shared_out():
    """Scaled to sum to one, each of the two would get what rounding gives it."""
    result = importance.shares(grid(lambda a, b: float(a != b), a=(0, 1), b=(0, 1)))
    assert (share(result, "a"), share(result, "b"), share(result, "a", "b")) == pytest.approx((0, 0, 1))


def test_an_interaction_of_three_is_the_rest():
    result = importance.shares(grid(lambda a, b, c: float((a + b + c) % 2), a=(0, 1), b=(0, 1), c=(0, 1)))
    assert result.rest == pytest.approx(1)


@given(st.lists(st.integers(0, 12), min_size=12, max_size=12), st.sampled_from([math.exp, lambda v: v**3, math.sqrt]))
def test_ranks_do_not_care_in_which_unit_the_loss_is(losses, unit):
    """Any growing function of the loss gives the same shares; ties stay ties."""
    configs = [{"a": a, "b": b} for a in range(4) for b in range(3)]
    plain, other = (importance.shares(table(configs, [f(loss) for loss in losses])) for f in (float, unit))
    assert other.total == pytest.approx(plain.total)
    assert [other.shares[key].share for key in plain.shares] == pytest.approx([s.share for s in plain.shares.values()])


def test_one_terrible_trial_rules_the_values_but_not_the_ranks():
    """One of 24 configurations breaks down, and all hyperparameters seem to interact, if loss itself is decomposed."""

    def loss(a, b):
        return a + 0.1 * b if (a, b) != (0, 3) else 1e5

    found = grid(loss, a=range(6), b=range(4))
    assert share(importance.shares(found, of="value"), "a", "b") > 0.6
    assert share(importance.shares(found), "a") > 0.6


def test_a_trial_that_diverged_is_the_worst_and_not_left_out():
    configs = [{"a": a, "b": b} for a in range(3) for b in range(2)]
    with_nan = importance.shares(table(configs, [0.1, 0.2, 0.3, 0.4, math.nan, math.nan]))
    as_large = importance.shares(table(configs, [0.1, 0.2, 0.3, 0.4, 9.0, 9.0]))
    assert with_nan.shares == as_large.shares
    worst = importance.shares(table(configs, [0.1, 0.2, 0.3, 0.4, math.nan, math.nan]), of="value")
    assert worst.shares == importance.shares(table(configs, [0.1, 0.2, 0.3, 0.4, 0.4, 0.4]), of="value").shares


def test_accuracy_counts_upwards():
    """The best quarter by accuracy is that of the largest ones; here a larger accuracy is a smaller loss."""
    found = grid(lambda a, b: a**2 + b, a=range(8), b=range(4))
    for of in ("rank", "good"):
        by_loss, by_accuracy = (importance.shares(found, of=of, metric=metric) for metric in ("loss", "accuracy"))
        assert by_loss.shares == by_accuracy.shares


def test_levels_that_lack_combinations_are_left_out_of_a_ragged_grid():
    """A grid of two shapes, one untuned default with more rates beside it, as in the recorded table."""
    configs = [{"l1": l1, "lr": lr} for l1 in (16, 64) for lr in (0.1, 0.2, 0.3)]
    configs += [{"l1": 120, "lr": lr} for lr in (0.1, 0.15)]
    found = importance.shares(table(configs, np.arange(8.0)))
    assert (found.method, found.configurations, found.left_out) == ("grid", 6, 2)
    complete = importance.shares(table(configs[:6], np.arange(6.0)))
    assert found.shares == complete.shares


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1))
def test_what_is_kept_of_a_ragged_grid_is_a_full_grid(there):
    """With two levels of everything; a grid that is full already is kept whole."""
    kept = complete_part(table([dict(zip("abc", s, strict=True)) for s in there], [1.0] * len(there)), list("abc"), 0.0)
    is_full = len(there) == math.prod(len(set(levels)) for levels in zip(*there, strict=True))
    if is_full:
        assert len(kept) == len(there)
    elif kept is not None:
        levels = [len({trial.config[name] for trial in kept}) for name in "abc"]
        assert len(kept) == math.prod(levels)
        assert min(levels) >= 2


def test_a_level_goes_from_where_there_are_more_than_two():
    """Batch size 16 lacks most of its combinations; but without it there would be nothing to compare."""
    configs = [{"batch": 8, "lr": lr} for lr in range(6)] + [{"batch": 16, "lr": lr} for lr in range(2)]
    kept = complete_part(table(configs, np.arange(8.0)), ["batch", "lr"])
    assert [(trial.config["batch"], trial.config["lr"]) for trial in kept] == [(8, 0), (8, 1), (16, 0), (16, 1)]


def test_one_level_of_a_choice_is_no_grid():
    """A random search with one choice of two: the half that has one of them would be a full grid, and say nothing."""
    generator = np.random.default_rng(0)
    configs = [{"lr": float(generator.random()), "batch": int(generator.choice([8, 16]))} for _ in range(40)]
    found = table(configs, [config["batch"] + 0.1 * config["lr"] for config in configs])
    assert complete_part(found, ["lr", "batch"], 0.0) is None
    result = importance.shares(found)
    assert result.method == "forest"
    assert share(result, "batch") > 0.6
    with pytest.raises(ValueError, match="no levels of lr, batch form a full grid"):
        importance.shares(found, method="grid")


def test_a_grid_that_is_denser_in_the_middle_does_not_count_the_middle_more():
    """A linear effect on a log scale has the variance of evenly spread ticks, 1/12 of the squared width and a bit."""
    dense = np.sort(np.r_[np.linspace(-4, -1, 13), np.linspace(-3, -2, 9)[1::2]])
    found = grid(lambda lr, b: math.log10(lr) + 0.5 * b, lr=[10**place for place in dense], b=(-1, 1))
    even = grid(lambda lr, b: math.log10(lr) + 0.5 * b, lr=[10**place for place in np.linspace(-4, -1, 13)], b=(-1, 1))
    ours, theirs = (importance.shares(t, of="value", scales={"lr": "log"}) for t in (found, even))
    unweighted = importance.shares(found, of="value", scales={"lr": "choice"})
    assert share(ours, "lr") == pytest.approx(share(theirs, "lr"), abs=0.005)
    assert share(unweighted, "lr") < share(theirs, "lr") - 0.02


def test_scales_are_guessed_from_how_the_values_spread():
    generator = np.random.default_rng(0)
    trials = table([{"lr": float(10**u), "momentum": float(v), "batch": int(b), "optimizer": "sgd", "factors": [1, b]}
                    for u, v, b in zip(generator.uniform(-4, -1, 40), generator.uniform(0, 1, 40),
                                       generator.choice([2, 4, 8], 40), strict=True)], [1.0] * 40)  # fmt: skip
    scales = {axis.name: axis.scale for axis in columns_of(trials, ["lr", "momentum", "batch", "optimizer", "factors"])}
    assert scales == {"lr": "log", "momentum": "linear", "batch": "choice", "optimizer": "choice", "factors": "choice"}
    for wrong, message in (({"lr": "cubic"}, "'cubic' for 'lr' is not possible"),
                           ({"optimizer": "log"}, "'optimizer' has the value 'sgd', with no place on a log scale"),
                           ({"l1": "log"}, "'l1' is no hyperparameter here")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            columns_of(trials, ["lr", "optimizer"], wrong)


@pytest.mark.parametrize(("options", "message"), [
    ({"of": "loss"}, "of='loss' is not possible"),
    ({"method": "linear"}, "method='linear' is not possible"),
    ({"names": ["l9"]}, "'l9' does not vary between these trials; what varies: a, b"),
    ({"metric": "f1"}, "metric='f1' is not reported"),
    ({"of": "good", "good": 10}, "good=10 is not possible"),
])  # fmt: skip
def test_impossible_questions_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        importance.shares(grid(lambda a, b: a + b, a=(0, 1), b=(0, 1)), **options)


def test_a_table_without_any_difference_has_no_shares():
    found = importance.shares(grid(lambda a, b: 1.0, a=(0, 1), b=(0, 1)))
    assert found.total == 0
    assert {s.share for s in found.shares.values()} == {0.0}


# -- the good region ---------------------------------------------------------------------------------------------------


def valley(lr, l1):
    """Only the rate matters over the whole space; near its best value the width does."""
    return (math.log10(lr) + 2.5) ** 2 + 0.02 * l1


RATES = [10**place for place in np.linspace(-4, -1, 13)]


def test_near_the_best_rate_something_else_matters():
    found = grid(valley, lr=RATES, l1=(1, 2, 3))
    region = importance.good_region(found, 0.2)
    assert {trial.config["lr"] for trial in region} == set(RATES[5:8])
    assert {trial.config["l1"] for trial in region} == {1, 2, 3}
    whole, near = importance.shares(found), importance.shares(region)
    assert share(whole, "lr") > 0.95
    assert near.method == "grid"
    assert share(near, "l1") > 5 * share(whole, "l1")


@given(st.floats(0.05, 1), st.integers(0, 20))
@settings(max_examples=30)
def test_the_good_region_holds_the_best_and_everything_between(part, seed):
    generator = np.random.default_rng(seed)
    points = generator.random((40, 2))
    found = table([{"a": float(a), "b": float(b)} for a, b in points], generator.random(40))
    region = importance.good_region(found, part)
    best = sorted(found, key=lambda trial: trial.loss)[: math.ceil(part * 40)]
    assert {trial.name for trial in best} <= {trial.name for trial in region}
    box = [(min(t.config[n] for t in best), max(t.config[n] for t in best)) for n in "ab"]
    inside = [t for t in found if all(low <= t.config[n] <= high for n, (low, high) in zip("ab", box, strict=True))]
    assert list(region) == inside


def test_the_good_region_is_a_share():
    with pytest.raises(ValueError, match="share=25 is not possible"):
        importance.good_region(grid(valley, lr=RATES, l1=(1, 2)), 25)


# -- several seeds -----------------------------------------------------------------------------------------------------


def seeded(signal, noise, seeds, generator):
    """A grid of 6 x 4 trained with several seeds: signal * a + b, plus noise."""
    configs = [{"a": a, "b": b} for a in range(6) for b in range(4)]
    losses = [signal * c["a"] + c["b"] + noise * generator.normal() for _ in range(seeds) for c in configs]
    return table(configs * seeds, losses, [seed for seed in range(seeds) for _ in configs])


def test_one_seed_gives_no_interval_and_says_so():
    found = importance.shares(grid(valley, lr=RATES, l1=(1, 2)))
    assert math.isnan(found.shares[("lr",)].low)
    assert math.isnan(found.noise)
    assert found.covers.startswith("nothing")


def test_several_seeds_give_an_interval_that_covers_the_noise_of_training():
    found = importance.shares(seeded(1.0, 0.3, 8, np.random.default_rng(0)), of="value")
    assert (found.seeds, found.configurations, found.covers) == (8, 24, "the noise of training")
    for part in found.shares.values():
        assert 0 <= part.low <= part.share <= part.high <= 1
    assert found.shares[("a",)].low > found.shares[("b",)].high
    scattered = importance.shares(seeded(1.0, 0.3, 8, np.random.default_rng(0)), of="value", method="forest",
                                  resamples=20, trees=4)  # fmt: skip
    assert scattered.shares[("a",)].low < scattered.shares[("a",)].high


def test_an_interval_reaches_to_both_sides_though_drawn_seeds_are_noisier():
    """There is no interaction here but noise, and more of it in seeds that are drawn twice: not all is above."""
    part = importance.shares(seeded(1.0, 2.0, 12, np.random.default_rng(0)), of="value").shares[("a", "b")]
    assert part.share - part.low > 0.2 * (part.high - part.low)
    assert part.high - part.share > 0.2 * (part.high - part.low)


@pytest.mark.slow
def test_the_interval_covers_the_true_share_nearly_as_often_as_it_says():
    """100 tables of 12 seeds, 95 % promised; a bootstrap over twelve is a little narrow (seen: 91 %)."""
    truth = share(importance.shares(seeded(1.0, 0.0, 1, np.random.default_rng(0)), of="value"), "a")
    generator, inside = np.random.default_rng(1), 0
    for _ in range(100):
        part = importance.shares(seeded(1.0, 0.5, 12, generator), of="value", resamples=60).shares[("a",)]
        inside += part.low <= truth <= part.high
    assert 0.8 <= inside / 100 <= 1


def test_noise_is_what_equal_configurations_would_show():
    """Nothing but noise: all of the variance is noise, give or take, and most of it looks like interaction."""
    found = importance.shares(seeded(0.0, 1e-9, 8, np.random.default_rng(0)), ["a"], of="value")
    assert found.noise > 0
    configs = [{"a": a, "b": b} for a in range(20) for b in range(20)] * 4
    losses = np.random.default_rng(1).normal(size=1600)
    pure = importance.shares(table(configs, losses, [n // 400 for n in range(1600)]), of="value", resamples=10)
    assert pure.noise == pytest.approx(1, abs=0.1)
    assert share(pure, "a", "b") == pytest.approx(19 * 19 / 399, abs=0.05)


# -- who chose the trials? ---------------------------------------------------------------------------------------------


def climb(seed, count=60):
    """A search that begins at random and then stays near the best rate it has seen."""
    generator, configs, losses = np.random.default_rng(seed), [], []
    for n in range(count):
        centre = configs[int(np.argmin(losses))]["lr"] if n >= 10 else None
        lr = generator.uniform() if centre is None else float(np.clip(generator.normal(centre, 0.05), 0, 1))
        configs.append({"lr": lr, "l1": float(generator.uniform())})
        losses.append((lr - 0.9) ** 2)
    return table(configs, losses)


def test_there_is_a_warning_when_later_trials_follow_earlier_ones():
    with pytest.warns(importance.AdaptiveWarning, match="later trials lie nearer to the best one in 'lr'"):
        importance.shares(climb(0), trees=1)
    assert sum(importance.adaptively_chosen(climb(seed)) is not None for seed in range(40)) >= 30


def test_a_random_search_raises_no_false_alarm():
    """At one in a thousand, 200 random searches raise one alarm or none."""
    alarms = 0
    for seed in range(200):
        points = np.random.default_rng(seed).random((60, 3))
        found = table([dict(zip("abc", map(float, p), strict=True)) for p in points], points[:, 0])
        alarms += importance.adaptively_chosen(found) is not None
    assert alarms <= 2


def test_a_grid_in_order_is_not_adaptive_and_cut_trials_are():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importance.shares(grid(valley, lr=RATES, l1=(1, 2, 3)))
    cut = Trials([Trial("0", {"a": 0}, 0, "toy", "stopped", (Result(1, 0.5, 0.5),)),
                  Trial("1", {"a": 1}, 0, "toy", "completed", (Result(1, 0.4, 0.5),))])  # fmt: skip
    with pytest.warns(importance.AdaptiveWarning, match="1 of 2 trials were cut by a scheduler"):
        importance.shares(cut)


def test_who_knows_can_say_it():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importance.shares(climb(0), trees=1, adaptive=False)
    with pytest.warns(importance.AdaptiveWarning, match="adaptive=True"):
        importance.shares(grid(valley, lr=RATES, l1=(1, 2)), adaptive=True)


# -- gains from a default ----------------------------------------------------------------------------------------------


def test_a_gain_is_the_way_down_along_one_axis():
    """By hand: from (0.1, 64), loss 1.0, the rate alone reaches 0.4, the width alone 0.8, both 0.3."""
    losses = {(0.1, 64): 1.0, (0.1, 16): 0.8, (0.01, 64): 0.4, (0.01, 16): 0.3}
    found = importance.gains(table([{"lr": lr, "l1": l1} for lr, l1 in losses], losses.values()), {"lr": 0.1, "l1": 64})
    assert [(gain.name, round(gain.gain, 9), gain.value) for gain in found] == [
        ("lr", 0.6, 0.01), ("l1", 0.2, 16), ("all together", 0.7, (0.01, 16))]  # fmt: skip
    assert all("winner's curse" in gain.covers and math.isnan(gain.low) for gain in found)


def test_a_gain_in_accuracy_is_a_larger_one():
    """And a value that diverged is never the one to choose."""
    found = table([{"lr": 0.1, "l1": 1}, {"lr": 0.2, "l1": 1}, {"lr": 0.3, "l1": 1}, {"lr": 0.1, "l1": 2}],
                  [1.0, 0.25, math.nan, 1.0])  # fmt: skip
    rate, width, _ = importance.gains(found, {"lr": 0.1, "l1": 1}, metric="accuracy")
    assert (rate.gain, rate.value, rate.tried) == (pytest.approx(0.0075), 0.2, 3)
    assert width.gain == 0


def test_luck_is_no_gain_when_other_seeds_score():
    """All values are equal but for noise: by one seed a gain, by eight none."""
    generator = np.random.default_rng(0)
    configs = [{"lr": lr} for lr in range(30)] * 8
    found = table(configs, generator.normal(1, 0.1, 240), [n // 30 for n in range(240)])
    (one,) = importance.gains(found.filter(lambda trial: trial.seed == 0), {"lr": 3})
    (eight,) = importance.gains(found, {"lr": 3})
    assert one.gain > 0.15
    assert eight.low < 0 < eight.high
    assert (eight.seeds, eight.covers) == (8, "the noise of training")


def test_a_real_gain_is_seen_through_the_noise():
    generator = np.random.default_rng(0)
    configs = [{"lr": lr} for lr in range(5)] * 8
    losses = [abs(config["lr"] - 3) + generator.normal(0, 0.1) for config in configs]
    (gain,) = importance.gains(table(configs, losses, [n // 5 for n in range(40)]), {"lr": 0})
    assert gain.low < 3 < gain.high
    assert gain.low > 2.5
    assert gain.value == 3


def test_the_interval_of_a_gain_covers_it_as_often_as_it_says():
    """300 tables of 8 seeds, in which the best value is clear and the gain is 3; five standard deviations are 6 %."""
    generator, inside = np.random.default_rng(0), 0
    configs, seeds = [{"lr": lr} for lr in range(5)] * 8, [n // 5 for n in range(40)]
    for _ in range(300):
        losses = [abs(config["lr"] - 3) + generator.normal(0, 0.1) for config in configs]
        (gain,) = importance.gains(table(configs, losses, seeds), {"lr": 0})
        inside += gain.low <= 3 <= gain.high
    assert inside / 300 == pytest.approx(0.95, abs=0.06)


def test_lists_are_levels_like_any_other():
    found = table([{"factors": [1, 1]}, {"factors": [1, 0.5]}], [1.0, 0.8])
    (gain,) = importance.gains(found, {"factors": [1, 1]})
    assert (gain.gain, gain.value) == (pytest.approx(0.2), "[1, 0.5]")
    assert share(importance.shares(found), "factors") == 1


def test_a_default_that_was_not_recorded_is_an_error_that_names_the_nearest():
    found = grid(valley, lr=RATES, l1=(1, 2))
    with pytest.raises(ValueError, match=r"'lr': 0.02, 'l1': 2\} was not recorded; the nearest.*'lr': 0.0177"):
        importance.gains(found, {"lr": 0.02, "l1": 2})


def test_a_hyperparameter_without_another_value_has_no_known_gain():
    """The untuned default's width occurs only with itself: that is not a gain of 0."""
    found = table([{"lr": 0.1, "l1": 120}, {"lr": 0.2, "l1": 120}, {"lr": 0.3, "l1": 16}], [1.0, 0.5, 0.4])
    width = importance.gains(found, {"lr": 0.1, "l1": 120})[1]
    assert math.isnan(width.gain)
    assert width.covers == "nothing: no other value was tried"
