"""The search space: the distributions of Ray, a faithful map to the unit cube, mistakes that explain themselves."""

import math
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune
from scipy import stats

from hpt_lessons.search import domains as light
from hpt_lessons.search import space

DOMAINS = {
    "uniform": (-1.0, 3.0),
    "quniform": (0.0, 1.0, 0.25),
    "loguniform": (1e-5, 1e-1),
    "qloguniform": (0.5, 32.0, 0.5),
    "randn": (2.0, 3.0),
    "qrandn": (2.0, 3.0, 0.5),
    "randint": (-3, 9),
    "qrandint": (3, 30, 4),
    "lograndint": (1, 40),
    "qlograndint": (5, 64, 4),
}
DISCRETE = [name for name in DOMAINS if name.startswith("q") or "randint" in name]


def draws(domain, count=4000, seed=0):
    rng = np.random.default_rng(seed)
    return [space.sample({"x": domain}, rng)["x"] for _ in range(count)]


@pytest.mark.parametrize("kind", DOMAINS)
def test_samples_have_the_distribution_of_rays_own(kind):
    """A two-sample Kolmogorov-Smirnov test cannot tell our draws from those of `domain.sample`."""
    domain = getattr(tune, kind)(*DOMAINS[kind])
    theirs = domain.sample(size=4000, random_state=1)
    assert stats.ks_2samp(draws(domain), np.asarray(theirs, dtype=float)).pvalue > 1e-3


@pytest.mark.parametrize("kind", [*DISCRETE, "choice"])
def test_each_value_is_as_frequent_as_in_ray(kind):
    """A chi-square test on counts: also the halved ends of a rounded range, and the values at the bounds."""
    domain = tune.choice(["a", "b", None, 3]) if kind == "choice" else getattr(tune, kind)(*DOMAINS[kind])
    ours, theirs = draws(domain), list(domain.sample(size=4000, random_state=1))
    values = sorted(set(ours) | set(theirs), key=repr)
    counts = np.array([[ours.count(value), theirs.count(value)] for value in values])
    common = counts[counts.sum(axis=1) >= 10]
    assert stats.chi2_contingency(common.T).pvalue > 1e-3
    assert {type(value) for value in ours} == {type(domain.sample(random_state=seed)) for seed in range(40)}


@pytest.mark.parametrize(("q", "last"), [(1, 9), (2, 10)])
def test_the_upper_bound_is_exclusive_only_for_a_step_of_one(q, last):
    """Ray's rule for `qrandint(0, 10, q)`, odd as it is."""
    assert max(draws(tune.qrandint(0, 10, q), 500)) == last
    assert max(tune.qrandint(0, 10, q).sample(size=500, random_state=0)) == last


def test_rays_domains_and_ours_without_ray_are_the_same_space():
    """The light functions take Ray's names and arguments, and `to_ray` builds Ray's objects."""
    ours = {kind: getattr(light, kind)(*arguments) for kind, arguments in DOMAINS.items()}
    ours |= {"pick": light.choice([1, "a"]), "list": light.grid_search([1, 2]), "fixed": 3}
    ours |= {"deep": {"x": ours["uniform"]}}
    theirs = {kind: getattr(tune, kind)(*arguments) for kind, arguments in DOMAINS.items()}
    theirs |= {"pick": tune.choice([1, "a"]), "list": tune.grid_search([1, 2]), "fixed": 3}
    theirs |= {"deep": {"x": theirs["uniform"]}}
    assert space.same(ours, theirs)
    built = space.to_ray(ours)
    assert space.same(built, theirs)
    assert all(type(built[name]) is type(theirs[name]) for name in theirs)
    assert not space.same(ours, theirs | {"uniform": tune.uniform(-1.0, 3.1)})
    assert not space.same(ours, theirs | {"fixed": 3.0})


@st.composite
def bounded(draw):
    """Any domain that has an inverse, with awkward bounds."""
    kind = draw(st.sampled_from([*DOMAINS, "choice"]))
    if kind == "choice":
        return light.choice(draw(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.text()), min_size=1)))
    if "randn" in kind:
        arguments = [draw(st.floats(-1e3, 1e3)), draw(st.floats(1e-3, 1e3))]
        return getattr(light, kind)(*arguments, *([draw(st.floats(1e-3, 10))] if kind[0] == "q" else []))
    step = draw(st.integers(1, 50)) if "randint" in kind else draw(st.sampled_from([0.1, 0.25, 1.0, 3.0, 1e-3]))
    low = draw(st.integers(1 if "log" in kind else -1000, 1000))
    high = low + draw(st.integers(1, 1000))
    if kind[0] == "q":
        return getattr(light, kind)(low * step, high * step, step)
    scale = 1 if "randint" in kind else draw(st.sampled_from([1.0, 1e-6, 1e6]))
    return getattr(light, kind)(low * scale, high * scale)


@settings(deadline=None)
@given(domain=bounded(), u=st.floats(0, 1))
def test_a_value_survives_the_way_to_the_unit_interval_and_back(domain, u):
    """Whatever position a value came from: back and forth gives the value again, exactly where values are discrete."""
    there = {"deep": {"x": domain}, "other": light.uniform(0, 1)}
    config = space.from_unit(there, [u, 0.5])
    point = space.to_unit(there, config)
    assert 0 <= point[0] <= 1
    again = space.from_unit(there, point)["deep"]["x"]
    value = config["deep"]["x"]
    if domain.integer or domain.categorical or domain.q is not None:
        assert again == value and type(again) is type(value)
    else:
        width = 6 * domain.sd if domain.normal else domain.upper - domain.lower
        assert math.isclose(again, value, rel_tol=1e-9, abs_tol=1e-6 * width)


@settings(deadline=None)
@given(domain=bounded(), u=st.floats(0, 1))
def test_every_value_is_one_that_ray_can_draw(domain, u):
    """Inside the bounds, on the step, and never the excluded upper end."""
    value = space.from_unit({"x": domain}, [u])["x"]
    if domain.categorical:
        assert value in domain.values
    elif not domain.normal:
        slack = 1e-12 * max(abs(domain.lower), abs(domain.upper))
        assert domain.lower - slack <= value <= domain.upper + slack
        assert not (domain.integer and domain.q in (None, 1) and value == domain.upper)
    if domain.q is not None:
        assert math.isclose(value / domain.q, round(value / domain.q), abs_tol=1e-6)


@settings(deadline=None)
@given(domain=bounded(), u=st.floats(0, 1), v=st.floats(0, 1))
def test_the_map_from_the_unit_interval_is_monotone(domain, u, v):
    """A quantile function never turns back."""
    if not domain.categorical:
        low, high = (space.from_unit({"x": domain}, [position])["x"] for position in sorted((u, v)))
        assert low <= high


def test_equal_values_of_different_type_are_told_apart():
    """In `choice([1, True, 1.0])` three cells of the unit interval are three different values."""
    here = {"x": light.choice([1, True, 1.0])}
    for index, value in enumerate([1, True, 1.0]):
        assert space.to_unit(here, {"x": value})[0] == pytest.approx((index + 0.5) / 3)


@pytest.mark.parametrize("value", [0.2, -1e-9, math.nan, "0.05", None, True])
def test_a_value_outside_of_the_space_is_named(value):
    """A configuration that the space does not hold is refused by name, not moved to the border."""
    with pytest.raises(ValueError, match="'opt/lr'"):
        space.to_unit({"opt": {"lr": light.loguniform(1e-4, 0.1)}}, {"opt": {"lr": value}})
    with pytest.raises(ValueError, match="'opt' is missing"):
        space.to_unit({"opt": {"lr": light.loguniform(1e-4, 0.1)}}, {"lr": 0.01})


@pytest.mark.parametrize(
    ("domain", "says", "remedy"),
    [
        (light.loguniform(0, 0.1), "starts at 0, and a logarithmic scale has no 0", "tune.uniform(0, 0.1)"),
        (light.lograndint(-2, 8), "starts below 0", "tune.randint(-2, 8)"),
        (tune.uniform(0.1, 0), "runs backwards", "tune.uniform(0, 0.1)"),
        (tune.uniform(0.1, 0.1), "is empty", "write 0.1 alone"),
        (tune.randint(5, 5), "is empty", "write 5 alone"),
        (tune.randint(0.5, 3), "whole number", "tune.uniform"),
        (tune.choice([]), "no values", "tune.choice([16, 32])"),
        (tune.grid_search([]), "no values", "tune.grid_search([16, 32])"),
        (light.quniform(0, 1, 0), "q is 0", "tune.uniform"),
        (light.quniform(0, 1, -0.1), "q is -0.1", "step above 0"),
        (light.quniform(0, 1, None), "q is None, and a number was expected", "1e-4"),
        (light.quniform(0, 1, 2), "larger than the range", "smaller step"),
        (light.quniform(0, 1, 0.3), "no multiple of q", "Use 0.9"),
        (tune.qrandint(0, 10, 0), "q is 0", "tune.randint"),
        (tune.qrandint(1, 3, 50), "larger than the range", "smaller step"),
        (tune.qrandint(5, 7, 4), "larger than the range", "smaller step"),
        (tune.qrandint(5, 7, 1.5), "whole number", "tune.quniform"),
        (light.randn(0, -1), "standard deviation is -1", "above 0"),
        (light.qrandn(0, 1, 0), "q is 0", "tune.randn"),
        (light.uniform("1e-4", 1), "'1e-4', and a number was expected", "without quotes"),
        (light.uniform(None, 1), "a number was expected", "1e-4"),
        (light.uniform(0, math.inf), "upper is inf", "finite"),
        (light.uniform(math.nan, 1), "lower is nan", "finite"),
        (light.uniform(0, 10**30), "31 digits, more than Ray can hold", "such as 1e+30"),
        (light.loguniform(1, 10**400), "401 digits", "such as 1e+300"),
        (light.randint(0, 10**19), "upper is 1e+19, and whole numbers go up to 2**53", "tune.uniform"),
        (light.uniform(-1e308, 1e308), "wider than floating point can measure", "closer together"),
        (light.loguniform(1e-200, 1e200), "wider than floating point can measure", "closer together"),
        (light.randn(1e308, 1e308), "beyond the largest number", "smaller numbers"),
        (light.quniform(0, 1e20, 1e-4), "q 0.0001 is so small", "larger step"),
        (light.qrandint(0, 10, "2"), "q is '2', and a number was expected", "without quotes"),
        ([tune.uniform(0, 1), 2], "inside a list", "nested dictionary"),
        (tune.choice([tune.uniform(0, 1), 2]), "inside tune.choice", "own name"),
        ({"eval": "1 + 1"}, "never evaluated", "tune.sample_from"),
    ],
)
def test_a_mistake_names_the_parameter_its_value_and_the_remedy(domain, says, remedy):
    """Every entry point that takes a space says the same."""
    wrong = {"batch_size": 4, "net": {"lr": domain}}
    with pytest.raises(ValueError) as caught:
        space.validate(wrong)
    text = str(caught.value)
    assert text.startswith("search space, 'net/lr': ")
    assert says in text and remedy in text
    for entry in (space.sample, space.source, space.table, space.to_ray):
        with pytest.raises(ValueError, match="'net/lr'"):
            entry(wrong)


def test_rounding_is_no_mistake():
    """Three times 0.1 is not 0.3 for a computer: one step between 0.30000000000000004 and 0.4 still is one step."""
    here = {"x": tune.quniform(3 * 0.1, 0.4, 0.1)}
    space.validate(here)
    assert [space.from_unit(here, [u])["x"] for u in (0, 1)] == pytest.approx([0.3, 0.4])


def test_all_mistakes_are_told_at_once():
    """A form with three wrong fields shows three messages."""
    wrong = {"a": light.loguniform(0, 1), "b": light.choice([]), "c": light.uniform(0, 1), 3: 1, "d/e": 1}
    assert list(space.problems(wrong)) == ["a", "b", "3", "d/e"]
    assert list(space.problems([("a", 1)])) == [""]


def test_a_searcher_that_learns_refuses_what_has_no_inverse():
    """A `sample_from` or a `grid_search` is fine in itself, and refused, by name, where it cannot work."""
    classic = {"l1": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)), "b": tune.grid_search([2, 4])}
    space.validate(classic)
    found = space.problems(classic, grids=False, functions=False, searcher="BOHB")
    assert "tune.choice([4, 8, 16, 32, 64, 128, 256])" in found["l1"] and "lograndint" in found["l1"]
    assert "BOHB cannot" in found["b"] and "tune.choice([2, 4])" in found["b"]
    with pytest.raises(ValueError, match="'l1'"):
        space.to_unit(classic, {"l1": 4, "b": 2})
    with pytest.raises(ValueError, match="'b'"):
        space.sample(classic, 0)


def test_functions_see_the_other_values_in_each_of_rays_spellings():
    """`spec.config.l1`, `config["l1"]`, `config.l1`, no argument, and functions of functions in any order."""
    here = {
        "third": tune.sample_from(lambda config: config["second"] + config["net"]["l2"]),
        "second": tune.sample_from(lambda spec: 2 * spec.config.l1),
        "l1": tune.choice([4, 8]),
        "net": {"l2": tune.sample_from(lambda config: config.l1 + 1)},
        "free": tune.sample_from(lambda: 7),
    }
    config = space.sample(here, 0)
    l1 = config["l1"]
    assert config == {"third": 2 * l1 + l1 + 1, "second": 2 * l1, "l1": l1, "net": {"l2": l1 + 1}, "free": 7}


def test_functions_that_wait_for_each_other_are_named():
    """A circle has no first value."""
    here = {"a": tune.sample_from(lambda c: c["b"]), "b": tune.sample_from(lambda c: c["a"])}
    with pytest.raises(ValueError, match="'a', 'b'"):
        space.sample(here, 0)


def test_an_error_inside_a_function_is_not_hidden():
    """What the student's own lambda raises is what the student sees."""
    with pytest.raises(ZeroDivisionError):
        space.sample({"a": tune.sample_from(lambda c: 1 / 0)}, 0)
    with pytest.raises(AttributeError, match="'l3'"):
        space.sample({"l1": 1, "a": tune.sample_from(lambda spec: spec.config.l3)}, 0)


def test_the_seed_rules_functions_too_and_leaves_the_global_state_alone():
    """The classic lambda draws from `np.random`: the same seed gives the same value, and nobody else notices."""
    here = {"a": tune.sample_from(lambda _: np.random.randint(10**9)), "b": tune.sample_from(lambda _: random.random())}
    np.random.seed(1)
    random.seed(1)
    expected = np.random.RandomState(1).random(), random.Random(1).random()
    first = space.sample(here, 5)
    assert (np.random.random(), random.random()) == expected
    assert space.sample(here, 5) == first
    assert space.sample(here, 6) != first


def test_grid_points_stand_at_the_ends_in_the_centres_or_inside_on_either_scale():
    """A few ticks for a learning rate, by each rule."""
    rate = light.loguniform(1e-5, 1e-1)
    assert space.grid_points(rate, 5) == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    assert space.grid_points(rate, 2, "centres") == [1e-4, 1e-2]
    assert space.grid_points(rate, 3, "inside") == [1e-4, 1e-3, 1e-2]
    assert space.grid_points(light.choice([4, 8, 16, 32]), 4, "inside") == [4, 8, 16, 32]
    assert space.grid_points(rate, 3, scale="linear") == pytest.approx([1e-5, 0.050005, 0.1])
    assert space.grid_points(light.uniform(1, 100), 3, scale="log") == [1, 10, 100]
    assert space.grid_points(light.uniform(0, 1), 1) == [0.5]
    assert space.grid_points(light.randint(0, 9), 3) == [0, 4, 8]
    assert space.grid_points(light.randint(0, 3), 7) == [0, 1, 2]
    assert space.grid_points(light.lograndint(1, 65), 7, scale="linear") == [1, 11, 22, 33, 43, 54, 64]
    assert space.grid_points(light.choice([4, 8, 16, 32, 64]), 3) == [4, 16, 64]
    assert space.grid_points(light.choice(["sgd", "adam", "adamw"]), 2) == ["sgd", "adam", "adamw"]
    assert space.grid_points(tune.grid_search([5, 1, 3]), 2) == [5, 1, 3]
    assert space.grid_points(light.randn(0, 1), 3) == pytest.approx(list(stats.norm.ppf([1 / 6, 1 / 2, 5 / 6])))


def test_a_grid_on_a_log_scale_from_zero_is_refused():
    """Changing the scale of a linear range that starts at 0 makes the old mistake anew."""
    with pytest.raises(ValueError, match="logarithmic scale has no 0"):
        space.grid_points(light.uniform(0, 1), 3, scale="log")
    for arguments in ((3, "middle"), (0,), (2.5,), (True,), (3, "ends", "ln")):
        with pytest.raises(ValueError):
            space.grid_points(light.uniform(0, 1), *arguments)


def test_the_source_of_a_space_evaluates_to_an_equal_space():
    """Copied into a notebook the text is the space again, with constants of every plain kind."""
    here = {kind: getattr(tune, kind)(*arguments) for kind, arguments in DOMAINS.items()}
    here |= {"pick": tune.choice([1, "it's", None, (1,), 1.5]), "list": tune.grid_search([1e-3, 1e-2]), "nothing": {}}
    here |= {"n": np.float32(0.5), "inf": math.inf, "deep": {"er": {"x": tune.uniform(0, 1), "s": [1, {"a": b"b"}]}}}
    text = space.source(here)
    again = eval(text, {"tune": tune})
    assert space.same(again, here | {"n": 0.5})
    assert space.same(eval(space.source(here, prefix=""), vars(light).copy()), again)


@pytest.mark.parametrize("value", [tune.sample_from(lambda _: 1), tune.choice([len]), object()])
def test_what_has_no_source_is_refused_by_name(value):
    """Better an error than text that does not come back."""
    with pytest.raises(ValueError, match="'x'"):
        space.source({"x": value})


def test_the_table_tells_scale_and_number_of_values():
    """Plain text, a line a parameter."""
    here = {"lr": tune.loguniform(1e-5, 0.1), "net": {"l1": tune.qrandint(4, 16, 4)}, "epochs": 10}
    lines = space.table(here).splitlines()
    assert lines[0].split() == ["name", "kind", "from", "to", "scale", "values"]
    assert [line.split() for line in lines[2:]] == [
        ["lr", "loguniform", "1e-05", "0.1", "log", "any"],
        ["net/l1", "qrandint", "4", "16", "linear", "4"],
        ["epochs", "constant", "10", "1"],
    ]


def test_a_sample_shares_no_dictionary_with_the_space():
    """A trial that writes into its configuration does not change the next one's."""
    here = {"deep": {"x": tune.uniform(0, 1)}, "list": [1, 2]}
    config = space.sample(here, 0)
    config["deep"]["y"] = 1
    config["list"].append(3)
    assert list(here["deep"]) == ["x"] and here["list"] == [1, 2]


def test_searching_needs_neither_ray_nor_torch_nor_scipy_to_open():
    """All rooms but SciPy's points open with numpy alone."""
    code = (
        "import sys; from hpt_lessons.search import space, layouts, halving, bohb, nas, domains as tune;"
        "s = {'lr': tune.loguniform(1e-5, 1e-1)}; layouts.random(s, 3, 0); layouts.latin_hypercube(s, 3, 0);"
        "space.source(s);"
        "print([m for m in ('ray', 'torch', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
