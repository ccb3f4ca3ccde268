"""BOHB step by step: what is shown is what the sampler itself does and thinks."""

import asyncio
import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpt_lessons import recorded
from hpt_lessons.search.bohb import BOHBSampler
from hpt_lessons.view import BOHBExplorer
from hpt_lessons.view.bohb.explorer import in_words
from hpt_lessons.view.bohb.model import LINE, OWN, OWN_BANDWIDTH, PROBLEMS, BOHBModel, problem
from hpt_lessons.view.bohb.picture import CELLS, SHADES, draw


@given(
    name=st.sampled_from(list(PROBLEMS)),
    gamma=st.floats(0.05, 0.5),
    factor=st.floats(0.5, 10),
    share=st.floats(0, 1),
    noise=st.floats(0, 0.3),
    trials=st.integers(5, 25),
    seed=st.integers(0, 99),
)
@settings(max_examples=15)
def test_every_step_is_one_of_a_plain_search(name, gamma, factor, share, noise, trials, seed):
    """The sampler in a loop of ask and tell proposes what was observed, and what each step says is next."""
    model = BOHBModel(
        name, gamma=gamma, bandwidth_factor=factor, random_share=share, noise=noise, trials=trials, seed=seed
    )
    plain = BOHBSampler(
        model.task.space,
        seed=seed,
        top_fraction=gamma,
        bandwidth_factor=factor,
        min_bandwidth=model.min_bandwidth,
        random_fraction=share,
    )
    for k, value in enumerate(model.values):
        config = plain.ask()
        assert model.next(k)[0].config == config
        assert model.next(k)[0].random == (model.kinds[k] == "random")
        place = [axis.position(config) for axis in model.task.axes]
        assert model.positions[k] == pytest.approx(place, abs=1e-12)
        plain.tell(config, 1, value)
    assert model.next(trials)[0].config == plain.ask()
    if noise == 0:
        assert model.values == pytest.approx(model.task.height(model.positions))


def test_the_ratio_is_that_of_the_densities_and_largest_at_the_proposal():
    """Along one axis the picture of densities and that of the ratio agree; no draw has a larger one than the next."""
    model = BOHBModel("one valley", noise=0.1, random_share=0.0)
    for k in (4, 11, 40):
        found, logs = model.densities(k), model.log_ratio(k, LINE[:, None])
        inside = (found.good > 1e-20) & (found.bad > 1e-20)
        assert 10 ** logs[inside] == pytest.approx(found.ratio[inside], rel=1e-9)
        proposal, place = model.next(k)
        assert model.log_ratio(k, place[None, :])[0] == pytest.approx(proposal.log_ratio.max() / np.log(10), abs=1e-6)
    assert model.densities(3) is None and model.split(3) is None and model.log_ratio(3, LINE[:, None]) is None


def test_the_settings_do_what_their_names_say():
    """Gamma moves observations to the good ones; the factor spreads the draws; the share is that of random ones."""
    model = BOHBModel("one valley", noise=0.05, trials=40)
    few = len(model.split(40)[0])
    model.change(gamma=0.5)
    assert (few, len(model.split(40)[0])) == (6, 20)
    spread = []
    for factor in (1.0, 6.0):
        model = BOHBModel("one valley", bandwidth_factor=factor, random_share=0.0, trials=5)
        spread.append(np.ptp(model.next(4)[0].candidates))
    assert spread[1] > 2 * spread[0]
    assert set(BOHBModel(random_share=1.0).kinds) == {"random"}
    assert BOHBModel(random_share=0.0).kinds == ["random"] * 4 + ["model"] * 36


def test_regrets_fall_to_the_best_there_is_and_random_search_is_measured():
    """Without noise no regret ever rises; the median of random search after n draws is near to that of the formula."""
    for name in PROBLEMS:
        model = BOHBModel(name, trials=60)
        ours = [model.regret(k) for k in range(1, 61)]
        theirs = [model.random_regrets(k)[1] for k in range(1, 61)]
        for regrets in (ours, theirs):
            assert all(a >= b >= 0 for a, b in itertools.pairwise(regrets))
        assert model.regret(0) is None and model.random_regrets(0) is None
    # One valley, 2.2 (x - 0.62)^2: of n uniform draws the nearest is in the median at the distance at which
    # (1 - 2 distance)^n = 1/2.
    distance = (1 - 0.5 ** (1 / 20)) / 2
    assert BOHBModel("one valley").random_regrets(20)[1] == pytest.approx(2.2 * distance**2, rel=0.35)


def test_the_measured_problem_is_the_recorded_table():
    """At a recorded learning rate it has the recorded error after nine epochs; between them it stays between."""
    table = recorded.load("cifar-lenet", partial=True)
    task = problem("measured")
    fixed = {"l1": 120, "l2": 84, "batch_size": 16}
    sweep = [trial for trial in table if trial.seed == 0 and trial.config.items() >= fixed.items()]
    sound = [trial for trial in sweep if trial.config["lr"] <= 3e-3]
    for trial in sound:
        place = task.axes[0].position(trial.config)
        error = 100 * (1 - trial.history[8].accuracy)
        assert task.height(np.array([[place]]))[0] == pytest.approx(error, abs=0.6)  # the picture's grid lies between
    errors = [100 * (1 - trial.history[8].accuracy) for trial in sweep]
    assert min(errors) - 0.1 <= task.limits[0] <= min(errors) + 0.6 and "CIFAR-10" in task.data


@pytest.mark.parametrize(
    ("setting", "value"),
    [("problem", "luck"), ("gamma", 2), ("random_share", -0.1), ("noise", 2), ("trials", 61), ("bandwidth_factor", 0)],
)
def test_an_impossible_setting_is_named_and_changes_nothing(setting, value):
    model = BOHBModel(trials=6)
    before = model.positions
    with pytest.raises(ValueError, match=setting):
        model.change(**{setting: value})
    assert model.positions is before and getattr(model, setting) != value


def test_the_picture_has_a_mark_for_each_observation_and_a_dot_for_each_draw():
    model = BOHBModel("one valley", random_share=0.0, trials=12)
    assert "no model yet" in draw(model, 3) and draw(model, 3).count("<circle") == 2 + 3 + 1  # legend, rings, the last
    picture, (good, bad) = draw(model, 12), model.split(12)
    assert picture.count("<circle") == 2 + len(good) + 64 + 1
    assert picture.count("<path") == 2 + len(bad) + 2  # legend; crosses; the proposal above and on the ratio
    assert "stroke-dasharray: " not in draw(model, 12, truth=False) and "cannot see" not in draw(model, 12, truth=False)


def test_two_dimensions_are_a_map():
    """Blue lies where the good ones are, orange in bands around them, and a key tells what a band stands for."""
    model = BOHBModel("two dimensions", trials=20, seed=0)
    picture = draw(model, 20)
    shown = [part.split('"/>')[0].split('style="')[1] for part in picture.split('shape-rendering="crispEdges"')[1:]]
    assert len(set(shown)) == len(shown) >= 5 and any("blue" in band for band in shown)
    # Each in the map and in the key.
    assert all(band in picture.split("next: ")[0] and picture.count(band) == 2 for band in shown)
    assert picture.count("<rect") == len(SHADES) + 1 and ">1e-10</text>" in picture
    cells = sum(float(width) / 5 for width in re.findall(r"h([\d.]+)v5H", picture))
    assert cells == CELLS**2  # every cell is in one band
    assert model.log_ratio(20, model.positions[[model.best(20)]])[0] > 0
    assert "no model yet" in draw(model, 5) and "momentum" in draw(model, 0)


def test_one_run_is_not_taken_for_the_method():
    """Beside the one run stand the medians of BOHB and of random search; BOHB's is that of plain searches."""
    model = BOHBModel("one valley", noise=0.1, trials=12)
    assert model.own_regrets(12) is None and "One run says little" in in_words(model, 12)
    while not model.repeated:
        model.repeat()
    regrets = [BOHBModel("one valley", noise=0.1, trials=12, seed=1000 + number).regret(12) for number in range(OWN)]
    assert model.own_regrets(12) == pytest.approx(np.quantile(regrets, (0.25, 0.5, 0.75)))
    assert "Medians after 12: BOHB" in in_words(model, 12)
    model.change(gamma=0.3)
    assert not model.repeated
    model.change(gamma=0.15, seed=5)  # another run with the same settings: the repeats are known
    assert model.repeated


def test_repeats_leave_the_explorer_free_between_them():
    """In a kernel each is a small piece of work of the loop that also answers keys."""

    async def look():
        explorer = BOHBExplorer(trials=10, step=10)
        at_once = len(explorer.model.repeats)
        while not explorer.model.repeated:
            await asyncio.sleep(0.01)
        return at_once, explorer.words.value

    at_once, words = asyncio.run(look())
    assert at_once == 0 and "Medians after 10: BOHB" in words


def test_the_words_tell_what_is_random_and_what_is_not():
    model = BOHBModel("one valley", trials=40)
    assert "no model before 4 observations" in in_words(model, 0) and "drawn at random" in in_words(model, 1)
    later = [in_words(model, k) for k in range(5, 41)]
    assert any("some always are" in words for words in later)
    assert any("best of 64 draws" in words for words in later) and any("proposed by the model" in w for w in later)
    assert "4 good and 25 bad" in in_words(model, 30)  # one is in neither: both shares are rounded down


def test_the_widget_steps_scrubs_and_begins_anew_with_a_setting():
    explorer = BOHBExplorer(trials=10)
    before = explorer.picture.value
    explorer.steps.next.click()
    assert explorer.step == 1 and explorer.picture.value != before and "Observation 1 of 10" in explorer.words.value
    explorer.steps.end.click()
    explorer.trials.value = 30
    assert explorer.step == explorer.steps.slider.max == 30 and "Observation 30 of 30" in explorer.words.value
    explorer.steps.slider.value = 12
    explorer.gamma.value = 0.4
    assert explorer.step == 0 and explorer.model.gamma == 0.4
    explorer.truth.value = False
    assert "cannot see" not in explorer.picture.value


def test_a_third_that_the_page_rounds_is_no_change():
    """A slider of the page answers 1/3 with 0.33; what is shown must not jump back to the start for that."""
    explorer = BOHBExplorer(trials=10, step=7)
    explorer.random_share.value = 0.33
    assert explorer.step == 7 and explorer.model.random_share == 1 / 3
    explorer.random_share.value = 0.34
    assert explorer.step == 0 and explorer.model.random_share == 0.34


def test_a_problem_that_is_not_there_is_said_and_the_last_one_stays(monkeypatch):
    def none(*_, **__):
        raise ValueError("recorded: there is no table <here>")

    problem.cache_clear()
    monkeypatch.setattr("hpt_lessons.recorded.load", none)
    explorer = BOHBExplorer(trials=10)
    explorer.problem.value = "measured"
    assert 'role="alert"' in explorer.words.value and "no table &lt;here&gt;" in explorer.words.value
    assert explorer.problem.value == explorer.model.problem == "one valley"
    explorer.steps.next.click()
    assert "Observation 1" in explorer.words.value


def test_every_field_has_a_label():
    explorer = BOHBExplorer(trials=5)
    fields = [
        explorer.problem,
        explorer.gamma,
        explorer.bandwidth_factor,
        explorer.random_share,
        explorer.noise,
        explorer.trials,
        explorer.seed,
        explorer.truth,
        explorer.steps.slider,
    ]
    assert len({field.description for field in fields} - {""}) == 9 and repr(explorer) == "BOHBExplorer"


@pytest.mark.slow
def test_where_the_model_helps_is_as_it_is_said():
    """50 runs of BOHB against 200 of random search after 20 and 40 observations, with the settings of the start."""

    def ratio(problem, k, quartile=1, **settings):
        model = BOHBModel(problem, **settings)
        while not model.repeated:
            model.repeat()
        return model.own_regrets(k)[quartile] / model.random_regrets(k)[quartile]

    assert ratio("one valley", 40) < 0.1 and ratio("measured", 40) < 0.2
    assert ratio("two valleys", 40) < 0.2 and ratio("two valleys", 40, quartile=2) > 1
    assert ratio("two dimensions", 20) > 1 > ratio("two dimensions", 40)
    assert all(ratio(problem, 40, min_bandwidth=OWN_BANDWIDTH) > 1 for problem in PROBLEMS)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_good_density_is_no_needle_unless_it_is_asked_for(problem):
    """A bump of the least bandwidth alone is 1 / (0.06 sqrt(2 pi)) = 6.6 high along an axis; BOHB's own may be 399."""
    model = BOHBModel(problem)
    for axis in range(len(model.task.axes)):
        assert max(model.densities(k, axis).good.max() for k in (20, 40)) < 6.7
    needle = BOHBModel(problem, min_bandwidth=OWN_BANDWIDTH)
    assert "make a needle" in in_words(needle, 12) and "make a needle" not in in_words(model, 12)


def test_bohbs_own_bandwidth_can_be_chosen_and_the_density_collapses():
    explorer = BOHBExplorer(step=40)
    assert explorer.problem.value == "one valley" and explorer.min_bandwidth.value == 0.06
    wide = explorer.model.densities(40).good.max()
    explorer.min_bandwidth.value = OWN_BANDWIDTH
    assert explorer.model.densities(40).good.max() > 3 * wide
