"""Numbers that stand in prose are those that were measured: each is computed again from the record it came from."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from hpt_lessons.analysis.intervals import wilson
from hpt_lessons.journal import Journal
from hpt_lessons.search import bergstra
from hpt_lessons.trials import Trials
from hpt_lessons.view.quiz.questions import load

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "tests" / "reference" / "search_on_cifar10_jpeg_copy.jsonl"
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUIZ = ROOT / "notebooks" / "quiz"
LESSON_04, ANECDOTE, LESSON_09 = (
    json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    for name in ("04_grid_and_random", "deeper/04_one_comparison_is_an_anecdote", "09_ray_tune_cifar")
)
PROSE_04, PROSE = (
    "\n".join("".join(cell["source"]) for cell in lesson["cells"] if cell["cell_type"] == "markdown")
    for lesson in (LESSON_04, LESSON_09)
)


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
    best = trials.filter(lambda trial: trial.name != "default").best()
    for trial in (best.name, "default"):
        assert in_words(on_test_set()[trial]) in README
        assert in_words(on_test_set()[trial]).split(" [")[0] in PROSE
    assert on_test_set()["default"]["correct"] > on_test_set()[best.name]["correct"]
    for trial, label in ((best, "best trial"), (trials["default"], "untuned default")):
        row = f"{label:16}{trial.budget:7d}{trial.loss:13.3f}{100 * trial.accuracy:15.1f} %   "
        assert row + in_words(on_test_set()[trial.name]) in README
    stopped = sum(trial.status == "stopped" for trial in trials)
    assert f"10 trials on {trials.data}, {stopped} stopped early" in README


def test_the_search_on_generated_pictures_is_quoted_as_it_was():
    record = RECORD.with_name("search_on_standin.jsonl")
    trials = Trials.read(record)
    best = trials.filter(lambda trial: trial.name != "default").best()
    tested = {event["trial"]: event for event in Journal(record).read() if event["event"] == "test"}
    for trial, label in ((best, "best trial"), (trials["default"], "untuned default")):
        row = f"{label:16}{trial.budget:7d}{trial.loss:13.3f}{100 * trial.accuracy:15.1f} %   "
        assert row + in_words(tested[trial.name]) in README
    stopped = sum(trial.status == "stopped" for trial in trials)
    assert f"16 trials on {trials.data}, {stopped} stopped early" in README


# -- lesson 04: what is drawn there, computed again from the definitions -----------------------------------------------

TARGETS = 20_000


def grid_hits(ticks, dimension, shape):
    """The share of the targets that hold a point of a grid with its ticks in the centres, point by point."""
    low, high = bergstra.targets(dimension, shape, TARGETS, seed=0)
    axis = (np.arange(ticks) + 0.5) / ticks
    points = itertools.product(axis, repeat=dimension)
    return np.any([((low <= point) & (point <= high)).all(axis=1) for point in points], axis=0).mean()


@pytest.mark.slow
def test_the_centred_grid_hits_every_cube_and_half_of_the_boxes():
    """And random search 91 % of either, which is what the prediction is told."""
    assert grid_hits(3, 5, "cube") == 1 and "the grid hits *every* cube, random search 0.91 of them" in PROSE_04
    assert f"the grid hits only {grid_hits(3, 5, 'box'):.2f}" in PROSE_04
    assert f"{1 - 0.99**243:.2f}" == "0.91"


# -- lesson 04: verdicts that rest on the recorded trials follow the intervals that are printed ------------------------


def output_of(lesson, *words):
    """The stored output of the one cell of a lesson whose source has all these words."""
    found = [
        cell
        for cell in lesson["cells"]
        if cell["cell_type"] == "code" and all(word in "".join(cell["source"]) for word in words)
    ]
    assert len(found) == 1, words
    return "".join("".join(output.get("text", "")) for output in found[0]["outputs"])


def intervals(text):
    """Each 'difference [low, high]' of a text."""
    return [tuple(map(float, found)) for found in re.findall(r"([+-]?[\d.]+) \[([+-]?[\d.]+), ([+-]?[\d.]+)\]", text)]


def solution(name, id):
    """The choice that is right."""
    (right,) = (choice.text for choice in load(QUIZ / f"{name}.toml")[id].choices if choice.right)
    return right


def test_the_answers_to_the_quiz_of_lesson_04_are_those_of_an_experiment():
    questions = load(QUIZ / "04.toml")
    assert questions["values-tried"].answer == len({rate for rate, *_ in itertools.product(range(3), repeat=5)})
    lucky = np.random.default_rng(0).random((20_000, 60)).min(axis=1) < 0.01
    assert questions["sixty"].answer == pytest.approx(100 * lucky.mean(), abs=1)
    assert questions["shadows"].answer == len({rate for rate, _ in itertools.product(range(3), repeat=2)})
    assert questions["rule"].answer == next(n for n in range(1, 1000) if 1 - 0.95**n >= 0.95)


def test_the_moved_grid_is_ahead_where_both_hyperparameters_matter():
    ((_, low, high),) = intervals(output_of(LESSON_04, "shifted_grid(space", "analysis.compare"))
    assert low < high < 0 and solution("04", "moved") == "The grid"


def test_an_idle_hyperparameter_costs_the_grid_and_not_random_search():
    text = output_of(LESSON_04, "shifted_grid(wide", "analysis.compare")
    random, grid = intervals(text)
    assert random[1] < 0 < random[2] and grid[2] < 0
    assert solution("04", "moon") == "Random search stays as good as before, the grid gets worse"
    after = dict(re.findall(r"(random|grid) .*with the moon ([\d.]+) %", text))
    assert float(after["random"]) > float(after["grid"]), "the grid has lost its lead"


def test_one_comparison_in_three_misleads_and_thirty_pairs_tell():
    (wrong,) = re.findall(r"the grid is ahead in (\d+)%", output_of(ANECDOTE, "the grid is ahead in"))
    assert load(QUIZ / "04_anecdote.toml")["misled"].answer == int(wrong)
    ends = re.findall(r"(\d+) pairs: interval ([+-][\d.]+) to", output_of(ANECDOTE, "pairs: interval"))
    assert {int(pairs): float(low) > 0 for pairs, low in ends} == {10: False, 30: True, 100: True}
    assert solution("04_anecdote", "pairs") == "between 10 and 30"


def test_without_the_batch_size_the_grid_has_no_lead():
    free, *forced = intervals(output_of(ANECDOTE, "pairs[name]"))
    assert free[2] < 0 and len(forced) == 4 and all(gap > 0 for gap, *_ in forced)
    assert [low > 0 for _, low, _ in forced] == [True, True, False, False]


def test_where_a_single_grid_stands_is_luck():
    """The centred one wins, the one inside comes last; both are grids of two ticks on four axes."""
    ends, centres, inside = intervals(output_of(ANECDOTE, "still=still"))
    assert centres[1] > 0 > ends[2] > inside[2]
