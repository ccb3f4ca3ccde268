"""Numbers that stand in prose are those that were measured: each is computed again from the record it came from."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from hpt_lessons.analysis.statistics import wilson
from hpt_lessons.search import bergstra, layouts
from hpt_lessons.trials import Journal, Trials
from hpt_lessons.view.questions import load

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "tests" / "reference" / "search_on_cifar10_jpeg_copy.jsonl"
README = (ROOT / "README.md").read_text(encoding="utf-8")
LESSON_04, LESSON_09 = (json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
                        for name in ("04_grid_and_random", "09_ray_tune_cifar"))
PROSE_04, PROSE = ("\n".join("".join(cell["source"]) for cell in lesson["cells"] if cell["cell_type"] == "markdown")
                   for lesson in (LESSON_04, LESSON_09))


@pytest.fixture(scope="module")
def trials():
    return Trials.read(RECORD)


def on_test_set():
    return {event["trial"]: event for event in Journal(RECORD).read() if event["event"] == "test"}


def in_words(event):
    """53.2 % [52.2, 54.2]."""
    low, high = wilson(event["correct"], event["pictures"])
    return f"{100 * event['correct'] / event['pictures']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def test_the_search_on_real_pictures_is_quoted_as_it_was(trials):
    """The one in which the untuned default won: same accuracies and intervals in the README and in the lesson."""
    assert trials.data == "CIFAR-10, JPEG copy"
    best = trials.filter(lambda trial: trial.trial != "default").best()
    for trial in (best.trial, "default"):
        for text in (README, PROSE):
            assert in_words(on_test_set()[trial]) in text
    assert on_test_set()["default"]["correct"] > on_test_set()[best.trial]["correct"]
    for trial, label in ((best, "best trial"), (trials["default"], "untuned default")):
        row = f"{label:16}{trial.budget:7d}{trial.loss:13.3f}{100 * trial.accuracy:15.1f} %   "
        assert row + in_words(on_test_set()[trial.trial]) in README
    stopped = sum(trial.status == "stopped" for trial in trials)
    assert f"10 trials on {trials.data}, {stopped} stopped early" in README


# -- lesson 04: what its text says of points and targets; the results of recorded trials it prints and does not quote --


def even_grid_hits(trials, dimension, shape, rule):
    """The share of the lesson's 1,000 targets that the most even affordable grid hits."""
    corners = bergstra.targets(dimension, shape, count=1000, seed=0)
    return bergstra.grid_hit_rate(bergstra.even_grid(dimension, trials), *corners, rule)


@pytest.fixture(scope="module")
def rounds():
    """Plays 2,000 rounds of figure 1, written out: the best values of grid and random, shape (2000, 2)."""
    peaks = np.random.default_rng(10_000).random((2000, 2))

    def best(points, peak, weight):
        bells = np.exp(-0.5 * ((points - peak) / 0.05) ** 2)
        return (bells[..., 0] + weight * bells[..., 1]).max()

    def play(ticks, weight=0.1):
        centres = (np.arange(ticks) + 0.5) / ticks
        grid = np.stack(np.meshgrid(centres, centres), axis=-1)
        random = [np.random.default_rng(seed).random((ticks**2, 2)) for seed in range(2000)]
        return np.array([(best(grid, peak, weight), best(points, peak, weight))
                         for points, peak in zip(random, peaks, strict=True)])

    return play


def test_lesson_04_quotes_figure_1_as_it_comes_out(rounds):
    nine, hundred, alike = rounds(3), rounds(10), rounds(3, weight=1)
    wins = [100 * np.mean(played[:, 1] > played[:, 0]) for played in (nine, rounds(3, weight=0), alike)]
    assert (f"random search reaches {nine[:, 1].mean():.2f} on average and the grid {nine[:, 0].mean():.2f} "
            "(the best possible value is 1.1)") in PROSE_04
    assert f"wins only {wins[0]:.0f} % of the rounds: in every third round" in PROSE_04
    assert f"close to the top, {hundred[:, 1].mean():.2f} and {hundred[:, 0].mean():.2f}." in PROSE_04
    assert f"from {wins[1]:.0f} % of the rounds to {wins[2]:.0f} %, but does not turn" in PROSE_04


def test_lesson_04_quotes_the_formula_of_random_search():
    needed = [next(n for n in range(1, 1000) if 1 - (1 - share) ** n >= 0.95) for share in (0.05, 0.01)]
    sixty = 100 * (1 - 0.95**60)
    assert (f"{needed[0]} trials are enough for the best 5 % (people say 60, which gives {sixty:.1f} %), "
            f"and {needed[1]} for the best 1 %") in PROSE_04
    assert f"{needed[0]} trials for the best 5 %, {needed[1]} for the best 1 %" in PROSE_04
    formula = 1 - 0.99**243
    points = np.random.default_rng(1).random((243, 5))
    assert (f"{bergstra.hit_rate(points, *bergstra.targets(5, 'box', 1000, 0)):.3f} beside the {formula:.3f} of the "
            "formula") in PROSE_04
    assert f"125 trials hit **every** target, and 125 random trials only {100 * (1 - 0.99**125):.0f} %" in PROSE_04


def test_lesson_04_quotes_figure_8_as_it_comes_out():
    centred, at_ends = (even_grid_hits(243, 5, "box", rule) for rule in ("centres", "ends"))
    assert f"the centred grid hits {centred:.2f} of the boxes, where random search hits {1 - 0.99**243:.2f}" in PROSE_04
    assert even_grid_hits(243, 5, "cube", "centres") == even_grid_hits(125, 3, "cube", "centres") == 1
    assert f"{at_ends:.2f} of the boxes and {even_grid_hits(243, 5, 'cube', 'ends'):.2f} of the cubes" in PROSE_04
    assert f"that is how {centred:.2f} became {at_ends:.2f}" in PROSE_04
    assert f"its 8 points on five axes hit {even_grid_hits(8, 5, 'box', 'centres'):.2f} of the boxes" in PROSE_04
    for dimension, trials in itertools.product((3, 5), (64, 128, 243, 512)):
        corners = bergstra.targets(dimension, "box", count=1000, seed=0)
        best = bergstra.best_grid_hit_rate(trials, *corners, "centres")[0]
        assert best < 1 - 0.99**trials, "random search is ahead of every grid from 64 trials on"
    for dimension, shape in itertools.product((3, 5), ("cube", "box")):
        assert even_grid_hits(8, dimension, shape, "centres") > 1 - 0.99**8


def test_lesson_04_quotes_ticks_and_sobol_points_as_they_come_out():
    low = np.random.default_rng(0).random(20_000) * 0.9
    three = [np.mean([any(value <= tick <= value + 0.1 for tick in ticks) for value in low])
             for ticks in ((0, 0.5, 1), (1 / 6, 0.5, 5 / 6))]
    drawn = np.mean([bergstra.narrow_peak_hits(layouts.unit_random(3, 1, seed), 0.1, seed=0) for seed in range(1, 301)])
    assert (f"probability {three[0]:.2f} if they stand at the ends, {three[1]:.2f} if they stand in the centres, and "
            f"{drawn:.2f} if they are drawn at random") in PROSE_04
    rate, _ = bergstra.figure_8("sobol", 5, "box", 256, repeats=40, count=500)
    needed = next(n for n in range(1, 1000) if 1 - 0.99**n >= rate)
    assert f"256 of them hit {rate:.3f} of the targets, for which random search would need {needed} trials" in PROSE_04
    assert f"the formula says {1 - 0.99**64:.3f} and {1 - 0.99**256:.3f}" in PROSE_04


def test_the_answers_to_the_quiz_of_lesson_04_are_those_of_an_experiment():
    questions = load(ROOT / "notebooks" / "quiz" / "04.toml")
    assert questions["values-tried"].answer == len({rate for rate, *_ in itertools.product(range(3), repeat=5)})
    lucky = np.random.default_rng(0).random((20_000, 60)).min(axis=1) < 0.01
    assert questions["sixty"].answer == pytest.approx(100 * lucky.mean(), abs=1)
    assert questions["shadows"].answer == len({rate for rate, _ in itertools.product(range(3), repeat=2)})


def test_the_quiz_agrees_with_the_recorded_trials():
    """The prediction about the moon names the choice that the stored comparison names: random search is ahead."""
    outputs = [output for cell in LESSON_04["cells"] for output in cell.get("outputs", ())]
    stored = "\n".join("".join(output.get("text", "")) for output in outputs)
    two, four = re.findall(r"difference (-?[\d.]+) \[(-?[\d.]+), (-?[\d.]+)\]", stored)
    assert abs(float(two[0])) < 1, "the lesson says: less than a point, if there is a difference at all"
    assert float(four[1]) > 0, "with two idle hyperparameters random search is ahead, beyond the luck of the draw"
    ahead, = re.findall(r"would have named the grid in (\d+)%", stored)
    assert 10 <= int(ahead) < 50, "a single comparison is wrong in a good part of the cases"
