"""The layout editor: what it shows is what the layouts give, and what it hands out is what it shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpt_lessons.search import domains as light
from hpt_lessons.search import layouts
from hpt_lessons.search.space import Space
from hpt_lessons.view import LayoutEditor, SearchSpaceEditor
from hpt_lessons.view.layouts.editor import draw
from hpt_lessons.view.layouts.model import LAYOUTS, LayoutModel
from hpt_lessons.view.look import svg
from hpt_lessons.view.look.marks import marks
from hpt_lessons.view.look.style import COLOURS
from hpt_lessons.view.space.model import SpaceModel

SPACE = {"lr": light.loguniform(1e-4, 1e-1), "l1": light.lograndint(4, 257), "pick": light.choice(["a", "b"])}


@pytest.fixture
def model():
    return LayoutModel(SpaceModel(SPACE))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_code_gives_the_same_configurations(layout):
    model = LayoutModel(SpaceModel(SPACE), layout, num_trials=8, ticks=2, seed=3)
    assert eval(model.code, {"layouts": layouts, "space": SPACE}) == model.configs
    assert len(model.configs) == 8


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_a_grid_and_random_draws_have_their_colours(layout):
    """The same two as in all other pictures; what lies between has neither."""
    picture = draw(LayoutModel(SpaceModel(SPACE), layout, num_trials=8, ticks=2))
    assert (svg.ORANGE in picture, svg.BLUE in picture) == (layout == "grid", layout == "random")
    own = COLOURS[layout.replace(" ", "-")]
    assert (own in (COLOURS["grid"], COLOURS["random"])) == (layout in ("grid", "random"))


def test_nine_points_cast_three_shadows_or_nine(model):
    """Figure 1 of the paper: a grid of three by three tries three values of each axis, nine random points nine."""
    plane = LayoutModel(SpaceModel({"x": light.uniform(0, 1), "y": light.uniform(0, 1)}), "grid", num_trials=9)
    assert (plane.distinct("x"), plane.distinct("y"), len(plane.configs)) == (3, 3, 9)
    plane.change(layout="random")
    assert (plane.distinct("x"), plane.distinct("y"), len(plane.configs)) == (9, 9, 9)


@given(trials=st.integers(1, 40), seed=st.integers(0, 99))
def test_a_latin_hypercube_has_one_trial_in_each_slice_of_the_picture(trials, seed):
    space = {"lr": light.loguniform(1e-4, 1e-1), "n": light.uniform(-1, 3)}
    model = LayoutModel(SpaceModel(space), "latin hypercube", trials, seed=seed)
    for name in space:
        slices = np.floor(np.clip(model.positions(name), 0, 1 - 1e-12) * trials + 1e-9).astype(int)
        assert sorted(slices) == list(range(trials))


def test_an_impossible_layout_says_why_and_hands_out_nothing(model):
    model.change(layout="sobol")
    with_function = LayoutModel(SpaceModel({**SPACE, "f": light.sample_from(lambda _: 3)}), "grid")
    assert "cannot be inverted" in with_function.error
    with pytest.raises(ValueError, match="cannot be inverted"):
        _ = with_function.configs
    with_function.change(layout="random")
    assert len(with_function.configs) == 9 and "f" not in with_function.axes
    listed = LayoutModel(SpaceModel({"g": light.grid_search([1, 2]), "x": light.uniform(0, 1)}), "sobol")
    assert "tune.choice([1, 2])" in listed.error


@pytest.mark.parametrize("settings", [{"layout": "grid", "ticks": 60}, {"num_trials": 10**6}, {"layout": "spiral"}])
def test_what_is_too_much_is_refused_before_it_is_built(model, settings):
    model.change(**settings)
    assert model.error
    model.change(layout="random", num_trials=4)
    assert not model.error
    with pytest.raises(ValueError, match="has no 'trials'"):
        model.change(trials=3)


@pytest.mark.parametrize(
    "domain",
    [
        *SPACE.values(),
        light.randn(0, 1),
        light.quniform(0, 1, 0.25),
        light.randint(0, 3),
        light.uniform(-1e300, 1e300),
        light.loguniform(1, 2),
        light.choice(range(50)),
    ],
)
def test_marks_stand_where_their_values_lie(domain):
    for place, text in marks(domain):
        assert 0 <= place <= 1
        if domain.kind == "loguniform":
            shown = Space({"x": domain}).axes[0].position({"x": float(text)})
            assert place == pytest.approx(shown, abs=0.01)  # the text is rounded


def test_an_edit_of_the_space_moves_the_points():
    editor = SearchSpaceEditor(SPACE)
    layout = LayoutEditor(editor, layout="grid", ticks=3)
    layout.rule.value = "ends"
    assert {config["lr"] for config in layout.value} == {1e-4, 10**-2.5, 0.1} or len(layout.value) == 18
    before = layout.picture.value
    editor._body.children[0].texts["lower"].value = "1e-3"
    assert min(config["lr"] for config in layout.value) == 1e-3 and layout.picture.value != before
    editor._body.children[0].texts["lower"].value = "nonsense"
    assert min(config["lr"] for config in layout.value) == 1e-3
    editor.value = {"momentum": light.uniform(0, 1)}
    assert layout.x.options == ("momentum",) and [set(config) for config in layout.value] == [{"momentum"}] * 3
    editor.value = {"fixed": 1}
    assert layout.value == [{"fixed": 1}] and layout.x.value is None


def test_the_widget_hands_its_list_to_a_search():
    layout = LayoutEditor(SPACE)
    layout.layout_kind.value = "sobol"
    layout.num_trials.value = 4
    searcher = layout.searcher()
    assert [searcher.ask() for _ in range(5)] == [*layouts.sobol(SPACE, 4, seed=0), None]
    assert "<b>4 trials</b>" in layout.words.value and layout.code in layout.words.value
    assert layout.ticks.disabled and not layout.num_trials.disabled
    layout.layout_kind.value = "grid"
    assert layout.value == layouts.grid(SPACE, 3, "centres") and layout.num_trials.disabled
    layout.rule.value = "inside"
    assert layout.value == layouts.grid(SPACE, 3, "inside")
    layout.ticks.value = 100
    assert "alert" in layout.words.value
    assert "hpt-old" in layout.picture._dom_classes and "still that of the layout before" in layout.words.value
    with pytest.raises(ValueError, match="Use fewer ticks"):
        _ = layout.value
    layout.ticks.value = 2
    assert "hpt-old" not in layout.picture._dom_classes


@pytest.mark.parametrize(
    ("field", "number", "words"),
    [("num_trials", 5000, "This makes 5,000 trials; 1 to 4,096"), ("num_trials", 0, "Use at least 1"),
     ("num_trials", -3, "Use at least 1"), ("seed", -1, "Seed: -1 was given"), ("seed", 2**40, "from 0 to"),
     ("ticks", 0, "Ticks on each axis: 0 was given"), ("ticks", 10**9, "Ticks on each axis: 1,000,000,000")],
)  # fmt: skip
def test_a_number_that_is_not_possible_stays_in_its_field_and_is_told(field, number, words):
    layout = LayoutEditor(SPACE, "grid" if field == "ticks" else "random")
    getattr(layout, field).value = number
    assert getattr(layout, field).value == number and words in layout.words.value
    with pytest.raises(ValueError, match=r"expected|laid out"):
        _ = layout.value


def test_an_axis_that_is_chosen_for_the_other_direction_changes_places():
    layout = LayoutEditor(SPACE)
    layout.y.value = "lr"
    assert (layout.x.value, layout.y.value) == ("l1", "lr") == (layout.model.x, layout.model.y)
    layout.x.value = "pick"
    layout.x.value = "lr"
    assert (layout.x.value, layout.y.value) == ("lr", "pick")
    alone = LayoutEditor({"lr": light.uniform(0, 1)})
    assert alone.x.value == alone.y.value == "lr"


def test_trials_that_coincide_in_the_picture_are_told():
    """Three axes of three ticks, seen along two of them: nine points for 27 trials."""
    space = {name: light.uniform(0, 1) for name in "abc"}
    layout = LayoutEditor(space, "grid")
    assert "27 trials" in layout.words.value and "9 points in the picture: at some" in layout.words.value
    layout.layout_kind.value = "random"
    assert "Each is a point of its own" in layout.words.value
    layout.num_trials.value = 1
    assert "<b>1 trial</b>" in layout.words.value and "a: 1 different value<br>" in layout.words.value


def test_the_picture_has_a_dot_for_each_trial_and_a_shadow_for_each_value():
    layout = LayoutEditor({"x": light.uniform(0, 1), "y": light.uniform(0, 1)}, layout="grid", ticks=4)
    assert layout.picture.value.count("<circle") == 16
    assert layout.picture.value.count("<line") == 8


def test_sobol_points_that_are_no_power_of_two_get_a_hint():
    layout = LayoutEditor(SPACE, "sobol", num_trials=17)
    assert 'role="status"' in layout.words.value and "Sobol points are balanced at 16 or 32" in layout.words.value
    for balanced in (1, 16, 32):
        layout.num_trials.value = balanced
        assert "balanced" not in layout.words.value
    layout.num_trials.value = 3000  # 4,096 is the most that is laid out
    assert "balanced at 2,048 or 4,096" in layout.words.value
    layout.layout_kind.value = "random"
    assert "balanced" not in layout.words.value
