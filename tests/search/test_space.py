"""The search space: the distributions of Ray, a faithful map to the unit cube, mistakes that explain themselves."""

import copy
import json
import math
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune
from scipy import stats

from helpers.spaces import same
from hpt_lessons.search import domains as light
from hpt_lessons.search import layouts
from hpt_lessons.search import space as space_room
from hpt_lessons.search import space_mistakes as mistakes_room
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.search.searchers import RandomSearch
from hpt_lessons.search.space import Space, problems
from hpt_lessons.search.ticks import grid_points

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
    return [Space({"x": domain}).sample(rng)["x"] for _ in range(count)]


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
    assert same(ours, theirs)
    built = Space(ours).to_ray()
    assert same(built, theirs)
    assert all(type(built[name]) is type(theirs[name]) for name in theirs)
    assert not same(ours, theirs | {"uniform": tune.uniform(-1.0, 3.1)})
    assert not same(ours, theirs | {"fixed": 3.0})


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
    config = Space(there).at([u, 0.5])
    point = Space(there).position(config)
    assert 0 <= point[0] <= 1
    again = Space(there).at(point)["deep"]["x"]
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
    value = Space({"x": domain}).at([u])["x"]
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
        low, high = (Space({"x": domain}).at([position])["x"] for position in sorted((u, v)))
        assert low <= high


def test_equal_values_of_different_type_are_told_apart():
    """In `choice([1, True, 1.0])` three cells of the unit interval are three different values."""
    here = {"x": light.choice([1, True, 1.0])}
    for index, value in enumerate([1, True, 1.0]):
        assert Space(here).position({"x": value})[0] == pytest.approx((index + 0.5) / 3)


@pytest.mark.parametrize("value", [0.2, -1e-9, math.nan, "0.05", None, True])
def test_a_value_outside_of_the_space_is_named(value):
    """A configuration that the space does not hold is refused by name, not moved to the border."""
    with pytest.raises(ValueError, match="'opt/lr'"):
        Space({"opt": {"lr": light.loguniform(1e-4, 0.1)}}).position({"opt": {"lr": value}})
    with pytest.raises(ValueError, match="'opt' is missing"):
        Space({"opt": {"lr": light.loguniform(1e-4, 0.1)}}).position({"lr": 0.01})


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
        Space(wrong)
    text = str(caught.value)
    assert text.startswith("search space, 'net/lr': ")
    assert says in text and remedy in text
    for entry in (Space.of, layouts.grid, RandomSearch, BOHBSampler):
        with pytest.raises(ValueError, match="'net/lr'"):
            entry(wrong)


def test_rounding_is_no_mistake():
    """Three times 0.1 is not 0.3 for a computer: one step between 0.30000000000000004 and 0.4 still is one step."""
    here = {"x": tune.quniform(3 * 0.1, 0.4, 0.1)}
    Space(here)
    assert [Space(here).at([u])["x"] for u in (0, 1)] == pytest.approx([0.3, 0.4])


def test_all_mistakes_are_told_at_once():
    """A form with three wrong fields shows three messages."""
    wrong = {"a": light.loguniform(0, 1), "b": light.choice([]), "c": light.uniform(0, 1), 3: 1, "d/e": 1}
    assert list(problems(wrong)) == ["a", "b", "3", "d/e"]
    assert list(problems([("a", 1)])) == [""]


def test_a_searcher_that_learns_refuses_what_has_no_inverse():
    """A `sample_from` or a `grid_search` is fine in itself, and refused, by name, where it cannot work."""
    classic = {"l1": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)), "b": tune.grid_search([2, 4])}
    Space(classic)
    found = problems(classic, grids=False, functions=False, searcher="BOHB")
    assert "tune.choice([4, 8, 16, 32, 64, 128, 256])" in found["l1"] and "lograndint" in found["l1"]
    assert "BOHB cannot" in found["b"] and "tune.choice([2, 4])" in found["b"]
    with pytest.raises(ValueError, match="'l1'"):
        Space(classic).position({"l1": 4, "b": 2})
    with pytest.raises(ValueError, match="'b'"):
        Space(classic).sample(0)


def test_functions_see_the_other_values_in_each_of_rays_spellings():
    """`spec.config.l1`, `config["l1"]`, `config.l1`, no argument, and functions of functions in any order."""
    here = {
        "third": tune.sample_from(lambda config: config["second"] + config["net"]["l2"]),
        "second": tune.sample_from(lambda spec: 2 * spec.config.l1),
        "l1": tune.choice([4, 8]),
        "net": {"l2": tune.sample_from(lambda config: config.l1 + 1)},
        "free": tune.sample_from(lambda: 7),
    }
    config = Space(here).sample(0)
    l1 = config["l1"]
    assert config == {"third": 2 * l1 + l1 + 1, "second": 2 * l1, "l1": l1, "net": {"l2": l1 + 1}, "free": 7}


def test_functions_that_wait_for_each_other_are_named():
    """A circle has no first value."""
    here = {"a": tune.sample_from(lambda c: c["b"]), "b": tune.sample_from(lambda c: c["a"])}
    with pytest.raises(ValueError, match="'a', 'b'"):
        Space(here).sample(0)


def test_an_error_inside_a_function_is_not_hidden():
    """What the student's own lambda raises is what the student sees."""
    with pytest.raises(ZeroDivisionError):
        Space({"a": tune.sample_from(lambda c: 1 / 0)}).sample(0)
    with pytest.raises(AttributeError, match="'l3'"):
        Space({"l1": 1, "a": tune.sample_from(lambda spec: spec.config.l3)}).sample(0)


def test_the_seed_rules_functions_too_and_leaves_the_global_state_alone():
    """The classic lambda draws from `np.random`: the same seed gives the same value, and nobody else notices."""
    here = {"a": tune.sample_from(lambda _: np.random.randint(10**9)), "b": tune.sample_from(lambda _: random.random())}
    np.random.seed(1)
    random.seed(1)
    expected = np.random.RandomState(1).random(), random.Random(1).random()
    first = Space(here).sample(5)
    assert (np.random.random(), random.random()) == expected
    assert Space(here).sample(5) == first
    assert Space(here).sample(6) != first


def test_grid_points_stand_at_the_ends_in_the_centres_or_inside_on_either_scale():
    """A few ticks for a learning rate, by each rule."""
    rate = light.loguniform(1e-5, 1e-1)
    assert grid_points(rate, 5) == [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    assert grid_points(rate, 2, "centres") == [1e-4, 1e-2]
    assert grid_points(rate, 3, "inside") == [1e-4, 1e-3, 1e-2]
    assert grid_points(light.choice([4, 8, 16, 32]), 4, "inside") == [4, 8, 16, 32]
    assert grid_points(rate, 3, scale="linear") == pytest.approx([1e-5, 0.050005, 0.1])
    assert grid_points(light.uniform(1, 100), 3, scale="log") == [1, 10, 100]
    assert grid_points(light.uniform(0, 1), 1) == [0.5]
    assert grid_points(light.randint(0, 9), 3) == [0, 4, 8]
    assert grid_points(light.randint(0, 3), 7) == [0, 1, 2]
    assert grid_points(light.lograndint(1, 65), 7, scale="linear") == [1, 11, 22, 33, 43, 54, 64]
    assert grid_points(light.choice([4, 8, 16, 32, 64]), 3) == [4, 16, 64]
    assert grid_points(light.choice(["sgd", "adam", "adamw"]), 2) == ["sgd", "adam", "adamw"]
    assert grid_points(tune.grid_search([5, 1, 3]), 2) == [5, 1, 3]
    assert grid_points(light.randn(0, 1), 3) == pytest.approx(list(stats.norm.ppf([1 / 6, 1 / 2, 5 / 6])))


def test_a_grid_on_a_log_scale_from_zero_is_refused():
    """Changing the scale of a linear range that starts at 0 makes the old mistake anew."""
    with pytest.raises(ValueError, match="logarithmic scale has no 0"):
        grid_points(light.uniform(0, 1), 3, scale="log")
    for arguments in ((3, "middle"), (0,), (2.5,), (True,), (3, "ends", "ln")):
        with pytest.raises(ValueError):
            grid_points(light.uniform(0, 1), *arguments)


def test_the_table_tells_scale_and_number_of_values():
    """Plain text, a line a parameter."""
    here = {"lr": tune.loguniform(1e-5, 0.1), "net": {"l1": tune.qrandint(4, 16, 4)}, "epochs": 10}
    lines = Space(here).table().splitlines()
    assert lines[0].split() == ["name", "kind", "from", "to", "scale", "values"]
    assert [line.split() for line in lines[2:]] == [
        ["lr", "loguniform", "1e-05", "0.1", "log", "any"],
        ["net/l1", "qrandint", "4", "16", "linear", "4"],
        ["epochs", "constant", "10", "1"],
    ]


def test_a_sample_shares_no_dictionary_with_the_space():
    """A trial that writes into its configuration does not change the next one's."""
    here = {"deep": {"x": tune.uniform(0, 1)}, "list": [1, 2]}
    config = Space(here).sample(0)
    config["deep"]["y"] = 1
    config["list"].append(3)
    assert list(here["deep"]) == ["x"] and here["list"] == [1, 2]


def test_searching_needs_neither_ray_nor_torch_nor_scipy_to_open():
    """All rooms but SciPy's points open with numpy alone."""
    code = (
        "import sys; from hpt_lessons.search import space, layouts, halving, bohb, nas, domains as tune;"
        "s = {'lr': tune.loguniform(1e-5, 1e-1)}; layouts.random(s, 3, 0); layouts.latin_hypercube(s, 3, 0);"
        "space.Space(s).sample(0);"
        "print([m for m in ('ray', 'torch', 'scipy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- a space that is read once -----------------------------------------------------------------------------------------


def four():
    return {
        "l1": light.lograndint(4, 257),
        "net": {"act": tune.choice(["relu", "tanh"]), "kernel": 3},
        "lr": tune.loguniform(1e-4, 1e-1),
        "batch_size": light.choice([2, 4, 8, 16]),
    }


def test_a_space_is_the_dictionary_that_was_read():
    """For everybody else: equal, in the same order, of the same objects, and as good as JSON for its constants."""
    plain = four()
    read = Space(plain)
    assert isinstance(read, dict) and read == plain and list(read) == list(plain)
    assert read["lr"] is plain["lr"] and {**read} == plain and dict(read) == plain and repr(read) == repr(plain)
    assert type(read.copy()) is dict and type(read | {"epochs": 3}) is dict
    assert json.dumps(Space({"a": 1, "b": {"c": [2, None]}})) == '{"a": 1, "b": {"c": [2, null]}}'
    assert Space.of(read) is read and Space.of(plain) == read


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda space: pickle.loads(pickle.dumps(space))])
def test_a_copy_of_a_space_draws_alike_and_can_be_changed(copied):
    read = Space(four())
    other = copied(read)
    assert same(other, read) and other.sample(3) == read.sample(3)
    other["lr"] = light.uniform(0, 1)
    assert read["lr"] is not other["lr"] and read.sample(3) != other.sample(3)


def test_ten_draws_read_the_space_once(monkeypatch):
    """As many looks at Ray's objects as for none."""
    looks = []

    def counted(thing):
        looks.append(thing)
        return light_describe(thing)

    light_describe = light.describe
    for room in (light, space_room, mistakes_room):
        monkeypatch.setattr(room, "describe", counted)
    plain = {
        "l1": tune.lograndint(4, 257),
        "l2": tune.lograndint(4, 257),
        "lr": tune.uniform(0, 1),
        "b": tune.randn(),
    }
    for count in (1, 10):
        looks.clear()
        assert len(layouts.random(plain, count, 0)) == count
        assert looks == list(plain.values())
    read = Space(plain)
    looks.clear()
    for searcher in (RandomSearch(read, 0), BOHBSampler(read, seed=0)):
        for _ in range(10):
            searcher.tell(searcher.ask(), 1, 0.5)
    layouts.zoom(read, [*layouts.sobol(read, 8), *layouts.grid(read, 2)], range(24))
    read.position(read.at([0.5] * 4))
    assert not any(thing is value for thing in looks for value in plain.values())


CHANGES = {
    "another domain": lambda space: space.update(lr=light.uniform(5, 6)),
    "one more": lambda space: space.update(dropout=light.uniform(0, 0.5)),
    "one less": lambda space: space.pop("batch_size"),
    "another name": lambda space: space.update(rate=space.pop("lr")),
    "another one deep inside": lambda space: space["net"].update(act=light.choice(["elu"])),
    "a new level": lambda space: space["net"].update(deep={"x": light.uniform(0, 1)}),
    "a constant for a domain": lambda space: space["net"].update(act="elu"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_space_is_read_anew(change):
    """It goes on as the dictionary that it is now, never with the axes that it had."""
    read, plain = Space(four()), four()
    assert read.axes == Space(plain).axes
    change(read)
    change(plain)
    assert same(read, plain) and read.axes == Space(plain).axes
    assert read.sample(1) == Space(plain).sample(1) and read.table() == Space(plain).table()
    assert read.at([0.5] * len(read.axes)) == Space(plain).at([0.5] * len(read.axes))


def test_a_space_that_was_changed_for_the_worse_says_so_and_can_be_mended():
    read = Space(four())
    read["net"]["act"] = tune.choice([])
    for use in (lambda: read.axes, lambda: read.sample(0), lambda: layouts.random(read, 3), lambda: read.at([0.5] * 4)):
        with pytest.raises(ValueError, match=r"'net/act'.*no values"):
            use()
    read["net"]["act"] = "relu"
    assert read.sample(0)["net"] == {"act": "relu", "kernel": 3}


def test_what_happens_to_the_dictionary_does_not_change_the_space():
    plain = four()
    read = Space(plain)
    plain["net"]["act"] = "elu"
    plain["lr"] = 1.0
    assert [axis.name for axis in read.axes] == ["l1", "net/act", "lr", "batch_size"]
    assert read.sample(0)["net"]["act"] in ("relu", "tanh") and read.sample(0)["lr"] < 0.1


def test_a_space_demands_what_its_searcher_needs():
    """Of a plain dictionary, and of a space that was read without the demand."""
    for either in ({"b": tune.grid_search([2, 4])}, Space({"b": tune.grid_search([2, 4])})):
        with pytest.raises(ValueError, match=r"'b'.*and BOHB cannot"):
            Space.of(either, grids=False, searcher="BOHB")
    with pytest.raises(ValueError, match=r"'b'.*and BOHB cannot"):
        BOHBSampler(Space({"b": tune.grid_search([2, 4])}))


def test_some_axes_can_be_fixed_and_the_rest_is_drawn():
    read = Space(four())
    drawn = read.sample(0, {("net", "act"): "elu", ("lr",): 1.0})
    assert drawn["net"]["act"] == "elu" and drawn["lr"] == 1.0 and 4 <= drawn["l1"] <= 256


def test_ray_resolves_a_space_as_it_does_the_dictionary():
    """Its own generator of variants, which copies the space and writes into the copy."""
    from ray.tune.search.variant_generator import generate_variants

    plain = four() | {"l1": tune.lograndint(4, 257), "batch_size": tune.grid_search([2, 4])}
    read = Space(plain)
    theirs, ours = (
        [spec["config"] for _, spec in generate_variants({"config": space}, random_state=1)] for space in (plain, read)
    )
    assert ours == theirs and [config["batch_size"] for config in ours] == [2, 4]
    assert same(read, plain)
