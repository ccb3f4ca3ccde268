"""The search-space editor: text to space and back, mistakes beside their field, and the widget through its traits."""

import random
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune

from helpers.spaces import same
from hpt_lessons.search import domains as light
from hpt_lessons.search import presets
from hpt_lessons.search.space import Space, problems
from hpt_lessons.trials import Result, Trial, Trials
from hpt_lessons.view import SearchSpaceEditor
from hpt_lessons.view.look import svg, typed
from hpt_lessons.view.space import histograms
from hpt_lessons.view.space.code import function_source
from hpt_lessons.view.space.cost import cost, zoomed
from hpt_lessons.view.space.model import SpaceModel
from hpt_lessons.view.space.rows import FIELDS, READ_ONLY, Row
from hpt_lessons.view.space.words import in_words

KINDS = [kind for kind in FIELDS if kind not in (*READ_ONLY, "constant")]


def widths(_):
    return 2 ** np.random.randint(2, 9)


def everything():
    """A space with all kinds of domain, nested ones, and constants, in Ray's objects."""
    return {
        "u": tune.uniform(-1.0, 3.0), "qu": tune.quniform(0.0, 1.0, 0.25), "lu": tune.loguniform(1e-5, 1e-1),
        "qlu": tune.qloguniform(0.5, 32.0, 0.5), "n": tune.randn(2.0, 3.0), "qn": tune.qrandn(2.0, 3.0, 0.5),
        "i": tune.randint(-3, 9), "qi": tune.qrandint(3, 30, 3), "li": tune.lograndint(1, 40),
        "qli": tune.qlograndint(4, 64, 4), "c": tune.choice([2, "a", None, True, [1, 2], 1e-4]),
        "g": tune.grid_search(["relu", "tanh"]), "f": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)),
        "epochs": 10, "deep": {"er": {"lr": tune.uniform(0, 1)}, "word": "it's"}, "empty": {},
    }  # fmt: skip


@pytest.fixture
def model():
    return SpaceModel({"lr": light.loguniform(1e-4, 1e-1), "batch_size": light.choice([2, 4, 8])})


def row(model, name):
    return next(row for row in model.rows if row.name == name)


# -- text to space and back ------------------------------------------------------------------------------------------


def test_an_unedited_space_comes_back_as_the_same_objects():
    space = everything()
    value = SpaceModel(space).value
    assert same(space, value) and list(value) == list(space)
    assert value["f"] is space["f"] and value["deep"]["er"]["lr"] is space["deep"]["er"]["lr"]


def test_the_code_evaluates_to_the_space():
    """Functions are compared by what they draw: the code has its own copy of them."""
    space = everything()
    built = eval(SpaceModel(space).code, {"tune": tune, "np": np})
    function = built.pop("f").func
    drawn = []
    for candidate in (function, space.pop("f").func):
        np.random.seed(0)
        drawn.append([candidate(None) for _ in range(20)])
    assert drawn[0] == drawn[1] and same(built, space)


@pytest.mark.parametrize("kind", KINDS)
def test_typing_what_is_shown_gives_the_same_space(kind):
    """Every field typed anew, letter for letter: the domain is rebuilt from text alone."""
    given = next(value for value in everything().values() if getattr(light.describe(value), "kind", "") == kind)
    shown = Row.of("x", given)
    again = Row("x", shown.kind, dict(shown.texts))
    value, errors = again.read()
    assert not errors and same({"x": value}, {"x": given})
    assert same({"x": light.to_ray(value)}, {"x": given})


numbers = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))


@given(value=numbers)
def test_a_shown_number_is_read_back_exactly(value):
    read = typed.number(typed.as_typed(value))
    assert read == value and type(read) is type(value)


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=5)), lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(values=st.lists(plain, min_size=1, max_size=5))
def test_a_shown_list_is_read_back_exactly(values):
    shown = Row.of("x", light.choice(values))
    assert repr(typed.listed(shown.texts["values"])) == repr(values)


def test_numbers_stay_as_they_were_typed(model):
    model.type(row(model, "lr"), "lower", "1e-5")
    model.type(row(model, "lr"), "upper", "10**-1")
    model.type(row(model, "batch_size"), "values", "2**2, 8,16")
    assert "tune.loguniform(1e-5, 10**-1)" in model.code and "tune.choice([2**2, 8,16])" in model.code
    assert same(model.space, {"lr": light.loguniform(1e-5, 0.1), "batch_size": light.choice([4, 8, 16])})
    assert same(eval(model.code, {"tune": light}), model.space)


@given(text=st.text(max_size=30), field=st.sampled_from(["lower", "upper"]))
@settings(max_examples=200)
def test_whatever_is_typed_the_value_is_a_valid_space(text, field):
    """And the code always evaluates to it."""
    model = SpaceModel({"lr": light.loguniform(1e-4, 1e-1), "n": light.choice([1])})
    model.type(model.rows[0], field, text)
    model.type(model.rows[1], "values", text)
    assert problems(model.space) == {} and model.valid == (not model.errors)
    assert same(eval(model.code, {"tune": light}), model.space)


@pytest.mark.parametrize("text", ["1], [2", "[].__class__", "print(1)", "lambda: 1", "x for x in 'ab'", "f'{1}'"])
def test_a_list_is_data_never_code(model, text):
    model.type(row(model, "batch_size"), "values", text)
    assert list(model.errors) == ["batch_size"]


@given(data=st.data())
def test_any_kind_becomes_any_other_and_stays_valid(data):
    """What stands in the fields after a change of kind is always a space, whatever stood there before."""
    value = data.draw(st.sampled_from(list(everything().values())[:13]) | st.sampled_from([3, 0, -2.5, "adam", None]))
    model = SpaceModel({"x": value})
    for _ in range(4):
        kind = data.draw(st.sampled_from(model.rows[0].kinds))
        model.change_kind(model.rows[0], kind)
        assert model.errors == {} and (model.rows[0].kind == kind)
        Space({"x": 1} if kind == "grid_search" else model.space).sample(0)


def test_a_change_of_kind_keeps_the_bounds_and_mends_a_zero(model):
    lr = row(model, "lr")
    model.type(lr, "lower", "0")
    assert "a logarithmic scale has no 0" in model.errors["lr"]
    model.change_kind(lr, "uniform")
    assert model.errors == {} and model.space["lr"] == light.uniform(0, 0.1)


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (typed.literal, "0,5", "Write 0.5 with a point; two numbers stand in brackets: [0, 5]"),
        (typed.listed, "2 4 8", "Put commas between the values: 2, 4, 8."),
        (typed.listed, "['a' 2]", "Put commas between the values: ['a', 2]."),
        (typed.listed, "1, 1e400", "too large"), (typed.literal, "−1e400", "too large"),
        (typed.number, "9999**99", "too large"),
        (typed.listed, "2;4;" * 100, "2;4;2;4;2;4;2;4;2;4;2;4;2;4;2;4;2;4;2..."), (typed.literal, "x" * 300, "xxx..."),
    ],
)  # fmt: skip
def test_what_was_probably_meant_is_told_in_short(read, text, words):
    with pytest.raises(ValueError) as caught:
        read(text)
    assert words in str(caught.value) and len(str(caught.value)) < 160


def test_the_minus_of_a_pdf_is_one_but_not_in_quotes():
    assert (typed.number("−5"), typed.literal("−5"), typed.listed("–1, '–'")) == (-5, -5, [-1, "–"])
    assert (typed.written("−5", -5), typed.written("'–'", "–")) == ("-5", "'–'")


@given(data=st.data())
def test_who_goes_through_the_kinds_and_back_finds_what_was_typed(data):
    """Letter for letter, whatever was there, right or wrong."""
    value = data.draw(st.sampled_from(list(everything().values())[:14]))
    model = SpaceModel({"x": value})
    x = model.rows[0]
    if x.fields and data.draw(st.booleans()):
        model.type(x, data.draw(st.sampled_from(x.fields)), data.draw(st.sampled_from(["1", "1e-3", "0", "nonsense"])))
    kind, texts, read = x.kind, {name: x.texts[name] for name in x.fields}, repr(x.read())
    for other in data.draw(st.lists(st.sampled_from(x.kinds), max_size=6)):
        model.change_kind(x, other)
    model.change_kind(x, kind)
    assert ({name: x.texts[name] for name in x.fields}, repr(x.read())) == (texts, read)


# -- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "text", "blamed", "words"),
    [
        ("lower", "0,001", {"lower"}, "Write 0.001 with a point"),
        ("lower", "", {"lower"}, "A number is missing"),
        ("lower", "1", {"lower", "upper"}, "runs backwards"),
        ("upper", "1e-4", {"lower", "upper"}, "is empty"),
        ("upper", "inf", {"upper"}, "no finite number"),
        ("upper", "1e400", {"upper"}, "too large"),
        ("lower", "0", {"lower"}, "“from” is 0, and a logarithmic scale has no 0"),
        ("lower", "1e-320", {"lower", "upper"}, "largest number that a computer holds"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_the_last_valid_space_stays(model, field, text, blamed, words):
    before, code = model.space, model.code
    model.type(row(model, "lr"), field, text)
    assert set(model.errors_of(row(model, "lr"))) == blamed and words in model.errors["lr"]
    model.type(row(model, "batch_size"), "values", "2, 4")  # a valid change elsewhere waits too
    assert (model.space, model.code, model.valid) == (before, code, False)
    model.type(row(model, "lr"), field, "2e-4" if field == "lower" else "0.2")
    assert model.valid and model.space["batch_size"] == light.choice([2, 4])


@pytest.mark.parametrize(
    ("kind", "texts", "blamed", "words"),
    [
        ("randint", "0 10000000000000000000", "upper", "“to” is 1e19; whole numbers go up to 9e15 here"),
        ("lograndint", "1 1" + 30 * "0", "upper", "“to” is 1e30; whole numbers go up to 9e15 here"),
        ("qrandint", "0 10 1e17", "q", "“step” is 1e17; whole numbers go up to 9e15 here"),
        ("uniform", "-1e308 1e308", "lower upper", "largest number that a computer holds"),
        ("uniform", "1e30 1" + 30 * "0", "lower upper", "both ends are 1e30"),
        ("loguniform", "1 1.00000000000001", "lower upper", "so narrow"), ("randn", "1e9 1e-9", "mean sd", "so narrow"),
        ("randn", "1e308 1e308", "mean sd", "largest number that a computer holds"),
        ("quniform", "1e300 2e300 1e-300", "q", "“step” is 1e-300, too small"),
        ("randint", "0.5 3", "lower", "“from” is 0.5, and this kind takes whole numbers"),
        ("lograndint", "-3 5", "lower", "choose the kind randint"),
        ("loguniform", "-3 -1", "lower upper", "choose the kind uniform"),
        ("uniform", "1 0.1", "lower upper", "from 1 to 0.1. Exchange the two numbers."),
        ("uniform", "1 1", "lower upper", "both ends are 1. Move one of them, or choose the kind constant"),
        ("randn", "0 0", "sd", "“spread” is 0. Write a number above 0"),
        ("quniform", "0 1 0", "q", "“step” is 0. Write a number above 0, or choose the kind uniform"),
        ("quniform", "0 1 2", "q", "“step” is 2, more than the whole range"),
        ("quniform", "0 1 0.3", "upper", "“to” is 1, no multiple of the step 0.3. Write 0.9, or another step."),
        ("qrandint", "5 8 4", "", ""), ("qrandint", "5 7 1", "", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_the_words_of_the_fields(kind, texts, blamed, words):
    """No Python in them, and only the guilty fields are red."""
    row = Row("x", kind, dict(zip(FIELDS[kind], texts.split(), strict=True)))
    value, errors = row.read()
    assert set(errors) == set(blamed.split()) and len(set(errors.values())) <= 1
    told = "".join(errors.values())[:200]
    assert words in told and not any(word in told for word in ("tune.", "lower", "upper", " q ", " sd "))
    assert (value is None) == bool(errors)


huge = st.sampled_from(["1e308", "-1e308", "1e19", "-1e19", "1" + 30 * "0", "1" + 299 * "0", "5e-324", "1e-300", "0",
                        "1", "3.5", "1e15"])  # fmt: skip


@given(kind=st.sampled_from([k for k in KINDS if "values" not in FIELDS[k]]), texts=st.tuples(huge, huge, huge))
@settings(max_examples=300, deadline=None)
def test_whatever_bounds_are_accepted_can_be_shown_and_drawn_from_by_ray(kind, texts):
    """Or they are refused with a sentence."""
    model = SpaceModel({"x": light.uniform(0, 1)})
    model.rows = [Row("x", kind, dict(zip(FIELDS[kind], texts, strict=False)))]
    model.rename(model.rows[0], "x")
    if model.valid:
        domain = light.describe(model.space["x"])
        picture = histograms.histogram(domain)
        assert "nan" not in picture and "inf" not in picture and in_words(domain)
        assert np.isfinite(model.value["x"].sample()) and np.isfinite(model.space.sample(0)["x"])
    else:
        assert all(len(text) < 200 for text in model.errors.values())


def test_numbers_with_an_exponent_are_not_parted_at_the_end_of_a_line(editor):
    view = editor._body.children[0]
    view.texts["lower"].value = "0"
    assert '<span style="white-space: nowrap">1e-5</span>' in view.say.value


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "A name is missing"),
        ("batch_size", "comes twice"),
        ("lr ", "a space at an end"),
        ("a//b", "a slash"),
        ("/a", "a slash"),
    ],
)
def test_a_wrong_name_is_told(model, name, words):
    model.rename(row(model, "lr"), name)
    assert any(words in text for text in model.errors.values())


def test_a_name_with_a_slash_is_a_nested_dictionary_unless_the_outer_name_has_a_value(model):
    model.rename(row(model, "lr"), "optimizer/lr")
    assert model.space["optimizer"] == {"lr": light.loguniform(1e-4, 1e-1)}
    model.rename(row(model, "batch_size"), "optimizer")
    assert "optimizer/lr lies inside it" in model.errors["optimizer"]


def test_a_wrong_space_is_refused_and_nothing_is_changed(model):
    before = model.space
    with pytest.raises(ValueError, match=r"'x': tune\.uniform"):
        model.set({"x": light.uniform(1, 0)})
    assert model.space == before and model.valid


def test_rows_are_added_and_deleted(model):
    first, second = model.add(), model.add()
    assert first.name != second.name and model.valid and len(model.space) == 4
    model.delete(row(model, "lr"))
    assert list(model.space) == ["batch_size", first.name, second.name]
    for left in list(model.rows):
        model.delete(left)
    assert model.space == {} == model.value and model.code == "{}"


# -- functions -------------------------------------------------------------------------------------------------------


def test_a_function_is_read_only_shown_and_survives(model):
    space = {"l1": tune.sample_from(lambda _: 2 ** np.random.randint(2, 9)), "l2": tune.sample_from(widths)}
    model.set(space)
    assert "tune.sample_from(lambda _: 2 ** np.random.randint(2, 9))" in model.code
    assert "'l2': tune.sample_from(widths)" in model.code and model.needed == ["np"]
    with pytest.raises(ValueError, match="sample_from has none"):
        model.type(model.rows[0], "lower", "1")
    model.change_kind(model.rows[0], "choice")
    model.change_kind(model.rows[0], "sample_from")
    model.add()
    assert model.value["l1"] is space["l1"] and model.value["l2"] is space["l2"]


def test_the_text_of_a_lambda_is_found_even_among_others_in_its_line():
    one, two = lambda: 1, lambda: 22
    assert (function_source(one), function_source(two)) == ("lambda: 1", "lambda: 22")
    assert function_source(eval("lambda: 3")) is None
    assert function_source(random.Random(0).random) == "random"


def test_an_object_that_cannot_be_typed_is_kept():
    thing = object()
    model = SpaceModel({"data": thing, "pick": light.choice([thing, 1]), "lr": light.uniform(0, 1)})
    model.type(row(model, "lr"), "upper", "2")
    assert model.space["data"] is thing and model.space["pick"].values[0] is thing


# -- presets, cost, zoom ---------------------------------------------------------------------------------------------


def test_the_classic_preset_draws_powers_of_two():
    assert set(histograms.function_draws(presets.classic())["l1"]) <= {2**n for n in range(2, 9)}


@pytest.mark.parametrize("search", ["grid", "random-then-grid", "bohb"])
def test_a_search_draws_the_same_from_the_editor_as_without_a_space(search, monkeypatch):
    """Whoever chose the preset in the editor and edited nothing compares the same searches, if the seed is the same."""
    from hpt_lessons.raytune import cifar

    editor = SearchSpaceEditor()
    editor.preset.value = "the same with bounds, for BOHB"
    monkeypatch.setattr(cifar, "run_study", lambda train, searcher, **settings: searcher)
    searchers = [
        cifar.tune_cifar(space, search=search, num_samples=20, seed=4, data=SimpleNamespace(name="none"))
        for space in (None, editor.value, presets.bounded())
    ]
    drawn = [[searcher.ask() for _ in range(5)] for searcher in searchers]
    assert drawn[0] == drawn[1] == drawn[2] and list(drawn[0][0]) == ["l1", "l2", "lr", "batch_size"]


def trials(*pairs, status="completed"):
    return Trials(
        Trial(str(i), config, 0, "toy", status, (Result(1, loss, 0.1, 6.0), Result(2, loss, 0.1, 6.0)))
        for i, (config, loss) in enumerate(pairs)
    )


def test_the_cost_counts_grids_samples_and_workers():
    space = {"a": light.grid_search([1, 2, 3]), "b": light.grid_search("xy"), "c": light.uniform(0, 1)}
    found = cost(space, 5, trials(({"c": 0}, 1.0), ({"c": 1}, 2.0)), workers=4)
    assert (found.trials, found.seconds) == (30, 8 * 12.0)
    assert str(found) == "6 grid points times 5 samples = 30 trials, about 1 min 36 s (12 s a trial, 4 workers)."
    assert str(cost({}, 1)).startswith("1 trial.")


def test_a_space_of_the_cifar_example_has_the_seconds_of_the_recorded_trials():
    """And the line says so; other names, other batch sizes, and a search without a finished trial have none."""
    recorded = cost(presets.classic(), 10, workers=2)
    assert recorded.seconds == 5 * recorded.trial_seconds and 10 < recorded.trial_seconds < 1000
    assert "Seconds as in the recorded trials: 27 epochs of 10,000 pictures, on another machine." in str(recorded)
    large = cost({**presets.bounded(), "batch_size": 16, "epochs": 3}, 10)
    assert large.trial_seconds < recorded.trial_seconds
    for other in (
        {"lr": light.uniform(0, 1)},
        {**presets.bounded(), "batch_size": 77},
        {**presets.bounded(), "momentum": light.uniform(0, 1)},
    ):
        assert cost(other, 10).seconds is None
    assert cost(presets.classic(), 10, Trials([])).seconds is None
    assert "recorded" not in str(cost(presets.classic(), 10, trials(({"lr": 0.1}, 1.0))))


def test_zooming_narrows_around_the_best_and_warns_of_an_edge():
    space = {"lr": light.loguniform(1e-4, 1e-1), "l1": light.lograndint(4, 257)}
    found = trials(({"lr": 1e-3, "l1": 64}, 2.0), ({"lr": 0.099, "l1": 32}, 1.0), ({"lr": 9}, 0.1))
    narrow, note = zoomed(space, found)
    assert narrow["lr"] == light.loguniform(0.01, 0.1)  # as people type it, not 0.010000000000000014
    assert "trial 1 (loss 1.000), the best of 2" in note and "the upper end of lr" in note and "l1" not in note
    with pytest.raises(ValueError, match="No finished trial lies in this space"):
        zoomed(space, trials(({"other": 1}, 1.0)))
    with pytest.raises(ValueError, match="Change its kind first"):
        zoomed(presets.classic(), trials(({"lr": 1e-3}, 1.0)))


def test_a_trial_costs_the_seconds_of_its_batch_size():
    """Six seconds an epoch with a batch of 2 and one with a batch of 16; a space with both draws each equally often."""
    runs = [({"batch_size": 2}, 6.0), ({"batch_size": 2}, 6.0), ({"batch_size": 16}, 1.0)]
    found = Trials(
        Trial(str(n), config, 0, "toy", "completed", (Result(1, 1.0, 0.5, seconds),))
        for n, (config, seconds) in enumerate(runs)
    )
    prices = [(2, 6.0), (16, 1.0), (light.choice([2, 16]), 3.5), (light.choice([16, 1024]), 1.0)]
    for size, seconds in prices:
        assert cost({"lr": light.uniform(0, 1), "batch_size": size}, 1, found).trial_seconds == seconds
    assert cost({"lr": light.uniform(0, 1)}, 1, found).trial_seconds == pytest.approx(13 / 3)
    other = cost({"lr": light.uniform(0, 1), "batch_size": 1024}, 1, found)
    assert other.trial_seconds == 3.5 and "No trial had such a batch size" in str(other)


def test_a_second_zoom_still_warns_of_the_edge_of_the_space_that_was_given():
    editor = SearchSpaceEditor({"lr": light.loguniform(1e-4, 1e-1)}, trials=trials(({"lr": 1.2e-4}, 1.0)))
    for _ in range(2):
        editor.zoom.click()
        assert "Careful: it lies at the lower end of lr" in editor.note.value
    editor.preset.value = "the space as it was given"
    assert "Careful" not in editor.note.value and "Zooming takes a third" in editor.note.value


# -- steps back ------------------------------------------------------------------------------------------------------


def test_each_step_is_taken_back_and_letters_into_one_field_are_one_step(editor):
    """Kinds, bounds, names, rows, and whole spaces; what was given is there again."""
    given, code = editor.model.space, editor.code
    states, lr = [], editor._body.children[0]
    assert editor.undo.disabled
    for text in ("1e-", "1e-3"):
        lr.texts["lower"].value = text
    steps = [
        lambda: setattr(lr.kind, "value", "uniform"),
        lambda: setattr(lr.name, "value", "rate"),
        editor.add_row.click,
        lambda: editor._body.children[0].delete.click(),
        lambda: setattr(editor.preset, "value", "the classic CIFAR space"),
    ]
    for step in steps:
        states.append(editor.code)
        step()
    for state in reversed(states):
        editor.undo.click()
        assert editor.code == state
    editor.undo.click()
    assert editor.code == code and editor.model.space == given and editor.undo.disabled


@given(data=st.data())
def test_taking_all_steps_back_ends_where_it_began(data):
    model = SpaceModel({"a": light.uniform(0, 1), "b": light.choice([1, 2])})
    before = model.code
    for _ in range(data.draw(st.integers(1, 8))):
        row = data.draw(st.sampled_from(model.rows)) if model.rows else model.add()
        act = data.draw(st.sampled_from(["rename", "type", "kind", "add", "delete"]))
        if act == "rename":
            model.rename(row, data.draw(st.sampled_from(["a", "b", "c", ""])))
        elif act == "type" and row.fields:
            model.type(row, row.fields[0], data.draw(st.sampled_from(["1", "x", "0.5"])))
        elif act == "kind":
            model.change_kind(row, data.draw(st.sampled_from(row.kinds)))
        elif act == "add":
            model.add()
        elif act == "delete":
            model.delete(row)
    while model.undoable:
        model.undo()
    assert model.code == before and model.valid


def test_a_space_in_which_nothing_is_searched_is_warned_about(editor):
    for view in tuple(editor._body.children):
        view.delete.click()
    assert "Nothing is searched" in editor.state.value
    editor.add_row.click()
    assert "Nothing is searched" not in editor.state.value
    assert "Nothing is searched" in SearchSpaceEditor({"epochs": 10}).state.value


def test_the_kinds_that_everybody_needs_come_first_and_the_line_below_them_is_no_kind(editor):
    kind = editor._body.children[0].kind
    options = list(kind.options)
    assert options[:4] == ["uniform", "loguniform", "choice", "randint"]
    line = options.index("more:")
    assert all(name.startswith("q") or name == "randn" for name in options[line + 1 :]) and line > 4
    kind.value = "more:"
    assert kind.value == "loguniform" and editor.model.rows[0].kind == "loguniform"


# -- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in everything() if name not in ("epochs", "deep", "empty", "f")])
def test_every_domain_has_a_picture_that_says_what_it_shows(name):
    picture = histograms.histogram(light.describe(everything()[name]))
    assert picture.startswith("<svg") and 'aria-label="' in picture and picture.count("<rect") >= 2
    assert "nan" not in picture and "inf" not in picture.replace("info", "")


def test_a_histogram_is_on_the_scale_of_the_domain():
    """Decades lie at equal distances on a logarithmic axis."""
    import re

    picture = histograms.histogram(light.loguniform(1e-4, 1e-1))
    places = [float(x) for x in re.findall(r'<line x1="([\d.]+)" y1="50" x2="\1" y2="53"', picture)]
    assert np.allclose(np.diff(places), np.diff(places)[0], atol=0.1) and len(places) == 4


def bars(picture):
    """x, width and height of each bar."""
    import re

    found = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="([\d.]+)"', picture)
    return [tuple(map(float, bar)) for bar in found]


@pytest.mark.parametrize("domain", [
    light.lograndint(4, 257), light.lograndint(1, 10**9), light.randint(0, 1000), light.randint(-7, 30),
    light.loguniform(1e-5, 1e-1), light.uniform(-1, 3), light.qlograndint(2, 400, 2), light.qrandint(0, 999, 3),
    light.quniform(0, 100, 0.5), light.qloguniform(1, 50, 0.5), light.choice([2, 4, 8, 16]),
])  # fmt: skip
def test_a_range_is_flat_on_its_own_scale(domain):
    """As its sentence says: every doubling, or every value, gets the same share."""
    assert len({height for _, _, height in bars(histograms.histogram(domain))}) == 1


@pytest.mark.parametrize("domain", [
    light.lograndint(1, 9), light.randint(3, 9), light.qrandint(0, 30, 5), light.qlograndint(4, 24, 4),
    light.quniform(0, 1, 0.25), light.qloguniform(0.5, 4, 0.5),
])  # fmt: skip
def test_each_of_a_few_values_has_the_height_of_its_share(domain):
    from collections import Counter

    drawn = Counter(light.value_at(domain, (i + 0.5) / 100_000) for i in range(100_000))
    shares = np.array([drawn[value] for value in sorted(drawn)])
    heights = [height for _, _, height in bars(histograms.histogram(domain))]
    assert np.allclose(heights, 40 * shares / shares.max(), atol=0.02)


def test_a_normal_distribution_is_symmetric_and_both_ends_of_an_axis_are_named():
    heights = [height for _, _, height in bars(histograms.histogram(light.randn(2, 1)))]
    assert np.allclose(heights, heights[::-1], atol=0.011) and heights[0] < 1 < 39 < max(heights)
    for domain, ends in (
        (light.randn(2, 1), "-1 5"),
        (light.lograndint(4, 257), "4 256"),
        (light.uniform(0, 9), "0 9"),
        (light.loguniform(3e-4, 2e-2), "3e-4 0.02"),
    ):
        assert all(f">{end}</text>" in histograms.histogram(domain) for end in ends.split())


def test_names_in_a_picture_are_text(tmp_path):
    picture = histograms.histogram(light.choice(["<script>", "b"]))
    assert "<script" not in picture and "&lt;script" in picture


@pytest.mark.parametrize(
    ("value", "text"), [(1e-4, "1e-4"), (0.05, "0.05"), (256, "256"), (1234567.0, "1.2e6"), (0.0, "0")]
)
def test_numbers_on_an_axis_are_short(value, text):
    assert svg.short(value) == text


# -- the widget ------------------------------------------------------------------------------------------------------


@pytest.fixture
def editor():
    return SearchSpaceEditor({"lr": light.loguniform(1e-4, 1e-1), "l1": light.choice([4, 8])})


def test_typing_a_bad_bound_shows_the_error_and_keeps_the_value(editor):
    view = editor._body.children[0]
    before = editor.value
    view.texts["lower"].value = "0"
    assert "no 0" in view.say.value and "hpt-wrong" in view.texts["lower"]._dom_classes
    assert "Fix lr." in editor.state.value and editor.value is before and list(editor.errors) == ["lr"]
    view.texts["lower"].value = "1e-6"
    assert editor.errors == {} and "hpt-wrong" not in view.texts["lower"]._dom_classes
    assert "tune.loguniform(1e-6, 0.1)" in editor.code and "1e-6" in editor.source.value
    assert editor.value["lr"].lower == 1e-6


def test_the_value_can_be_set_and_listeners_are_told(editor):
    told = []
    editor.on_change(lambda: told.append(list(editor.value)))
    editor.value = {"momentum": tune.uniform(0, 1)}
    assert told == [["momentum"]]
    assert [view.name.value for view in editor._body.children] == ["momentum"]
    with pytest.raises(ValueError, match="'x'"):
        editor.value = {"x": tune.uniform(1, 0)}
    assert list(editor.value) == ["momentum"]


def test_other_rows_stay_the_same_widgets_when_one_is_added_or_deleted(editor):
    """What is not touched is not built again: the page does not jump, and the keyboard stays where it is."""
    first, second = editor._body.children
    editor.add_row.click()
    assert editor._body.children[:2] == (first, second) and len(editor._body.children) == 3
    first.delete.click()
    assert editor._body.children[0] is second and list(editor.value) == ["l1", "parameter_1"]


def test_a_change_of_kind_changes_the_fields(editor):
    view = editor._body.children[0]
    view.kind.value = "quniform"
    assert list(view.texts) == ["lower", "upper", "q"] and editor.errors == {}
    view.kind.value = "choice"
    assert list(view.texts) == ["values"] and len(editor.value["lr"].categories) == 4


def test_presets_and_zoom(editor):
    editor.preset.value = "the classic CIFAR space"
    assert set(editor.value) == {"l1", "l2", "lr", "batch_size"}
    assert "lambda" in editor._body.children[0].fields.children[0].value
    editor.preset.value = "the space as it was given"
    assert set(editor.value) == {"lr", "l1"} and editor.zoom.disabled
    editor._body.children[0].delete.click()
    editor.preset.value = "the space as it was given"  # an edited space can be begun anew
    assert set(editor.value) == {"lr", "l1"}
    searched = SearchSpaceEditor({"lr": light.loguniform(1e-4, 1e-1)}, trials=trials(({"lr": 1e-4}, 1.0)), workers=1)
    assert "10 trials, about 2 min (12 s a trial, 1 worker)" in searched.cost.value
    searched.zoom.click()
    assert searched.value["lr"].upper == pytest.approx(1e-3, rel=1e-6) and "lower end of lr" in searched.note.value
    searched.samples.value = 20
    assert "20 trials" in searched.cost.value


def test_an_edited_space_is_an_entry_of_the_menu_that_gives_it_back(editor):
    """With the rows that are wrong, and whatever is chosen in between."""
    given, classic, bounded = editor.preset.options
    for view, text in zip(editor._body.children, ("1e-3", "4, oops"), strict=True):
        next(iter(view.texts.values())).value = text
    edited = editor.preset.value
    assert editor.preset.options == (given, classic, bounded, edited) and "edited" in edited
    for other in (bounded, given, classic):
        editor.preset.value = other
        assert editor.errors == {}
        editor.preset.value = edited
        assert [dict(row.texts) for row in editor.model.rows][1] == {"values": "4, oops"}
        assert list(editor.errors) == ["l1"] and editor.value["lr"].lower == 1e-3
        assert editor._body.children[1].texts["values"].value == "4, oops"
    editor.preset.value = bounded
    editor.add_row.click()  # another edit takes the entry
    editor.preset.value = given
    editor.preset.value = edited
    assert list(editor.value) == ["l1", "l2", "lr", "batch_size", "parameter_1"]


def test_a_function_that_fails_does_not_stop_the_editor():
    editor = SearchSpaceEditor({"l1": light.sample_from(lambda spec: 1 / 0), "lr": light.uniform(0, 1)})
    view = editor._body.children[0]
    assert "ZeroDivisionError" in view.say.value and view.picture.value == ""
    editor._body.children[1].texts["upper"].value = "2"
    assert editor.errors == {}


def test_drawing_pictures_leaves_the_global_random_state_alone():
    random.seed(1)
    np.random.seed(1)
    before = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    SearchSpaceEditor()
    assert (random.random(), np.random.random()) == before


def test_every_input_has_a_label_of_its_own(editor):
    for view in editor._body.children:
        inputs = [view.name, view.kind, *view.texts.values()]
        assert all(field.description for field in inputs) and view.delete.tooltip.startswith("Delete ")
        assert all(f">{view.row.name} <" in field.description for field in inputs[1:])
    assert repr(editor) == "SearchSpaceEditor"


def test_text_in_names_and_values_is_not_markup(editor):
    view = editor._body.children[0]
    view.name.value = "<img src=x onerror=alert(1)>"
    view.texts["lower"].value = "</textarea><script>"
    everywhere = [view.say.value, editor.state.value, editor.source.value, view.kind.description]
    assert not any("<img" in text or "<script" in text for text in everywhere)


def test_opening_the_editor_imports_no_ray_and_no_torch():
    code = """
import sys
from hpt_lessons.search import domains as tune
from hpt_lessons.view import SearchSpaceEditor
editor = SearchSpaceEditor({"lr": tune.loguniform(1e-4, 1e-1)})
editor.model.space, editor.code
assert not {"ray", "torch", "matplotlib"} & set(sys.modules), set(sys.modules) & {"ray", "torch", "matplotlib"}
"""
    subprocess.run([sys.executable, "-c", code], check=True)
