"""Numbers that stand in prose are those that were measured: each is computed again from the record it came from."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from hpt_lessons.analysis.intervals import wilson
from hpt_lessons.journal import Journal
from hpt_lessons.search import bergstra, domains, layouts
from hpt_lessons.search.ticks import even_ticks
from hpt_lessons.trials import Trials
from hpt_lessons.view.grid_against_random.model import Contest
from hpt_lessons.view.quiz.questions import load

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "tests" / "reference" / "search_on_cifar10_jpeg_copy.jsonl"
README = (ROOT / "README.md").read_text(encoding="utf-8")
LESSON_04, SOLUTIONS_04, LESSON_09 = (
    json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    for name in ("04_grid_and_random", "solutions/04_grid_and_random_solutions", "09_ray_tune_cifar")
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
        for text in (README, PROSE):
            assert in_words(on_test_set()[trial]) in text
    assert on_test_set()["default"]["correct"] > on_test_set()[best.name]["correct"]
    for trial, label in ((best, "best trial"), (trials["default"], "untuned default")):
        row = f"{label:16}{trial.budget:7d}{trial.loss:13.3f}{100 * trial.accuracy:15.1f} %   "
        assert row + in_words(on_test_set()[trial.name]) in README
    stopped = sum(trial.status == "stopped" for trial in trials)
    assert f"10 trials on {trials.data}, {stopped} stopped early" in README


def test_the_search_that_tuning_won_is_quoted_as_it_was():
    record = RECORD.with_name("search_on_standin.jsonl")
    trials = Trials.read(record)
    best = trials.filter(lambda trial: trial.name != "default").best()
    tested = {event["trial"]: event for event in Journal(record).read() if event["event"] == "test"}
    for trial, label in ((best, "best trial"), (trials["default"], "untuned default")):
        row = f"{label:16}{trial.budget:7d}{trial.loss:13.3f}{100 * trial.accuracy:15.1f} %   "
        assert row + in_words(tested[trial.name]) in README
    assert tested[best.name]["correct"] > tested["default"]["correct"]


# -- lesson 04: what its text says of points and targets, computed again -----------------------------------------------

TARGETS = 20_000


def even_grid_hits(trials, dimension, shape, rule):
    """The share of the lesson's targets that the most even affordable grid hits."""
    corners = bergstra.targets(dimension, shape, TARGETS, seed=0)
    return bergstra.grid_hit_rate(even_ticks([np.inf] * dimension, trials), *corners, rule)


@pytest.fixture(scope="module")
def rounds():
    """Plays 2,000 rounds of figure 1, written out: the best values of grid and random, shape (2000, 2)."""
    peaks = np.random.default_rng(10_000).random((2000, 2))

    def play(ticks, weight=0.1, width=0.05):
        def best(points, peak):
            bells = np.exp(-0.5 * ((points - peak) / width) ** 2)
            return (bells[..., 0] + weight * bells[..., 1]).max()

        centres = (np.arange(ticks) + 0.5) / ticks
        grid = np.stack(np.meshgrid(centres, centres), axis=-1)
        random = [np.random.default_rng(seed).random((ticks**2, 2)) for seed in range(2000)]
        return np.array([(best(grid, peak), best(points, peak)) for points, peak in zip(random, peaks, strict=True)])

    return play


def wins(played):
    """Rounds won by random search, in %."""
    return 100 * np.mean(played[:, 1] > played[:, 0])


def test_lesson_04_quotes_figure_1_as_it_comes_out(rounds):
    nine, some, hundred = rounds(3), rounds(5), rounds(10)
    assert (
        f"random search reaches {nine[:, 1].mean():.2f} on average and the grid {nine[:, 0].mean():.2f} "
        "(the best possible value is 1.1)"
    ) in PROSE_04
    assert f"wins only {wins(nine):.0f} % of the rounds: in every third round" in PROSE_04
    assert f"close to the top, {hundred[:, 1].mean():.2f} and {hundred[:, 0].mean():.2f}." in PROSE_04
    assert f"up and down again, {wins(nine):.0f}, {wins(some):.0f}, {wins(hundred):.0f} %?" in PROSE_04
    alone = [wins(rounds(ticks, weight=0)) for ticks in (3, 5, 10)]
    assert "random search wins {:.0f}, {:.0f} and at last {:.0f} % of the rounds".format(*alone) in PROSE_04
    one_width, two_widths = 100 * np.exp(-0.5), 100 * np.exp(-2)
    assert f"{one_width:.0f} % of its height are left, at two widths {two_widths:.0f} %" in PROSE_04


def test_who_wins_where_both_axes_matter_depends_on_spacing_and_width(rounds):
    """Random search with nine trials and narrow bells, nobody with 25, the grid with 100 trials or wide bells."""
    alike = {ticks: wins(rounds(ticks, weight=1)) for ticks in (3, 5, 10)}
    assert f"from {wins(rounds(3, weight=0)):.0f} % of the rounds to {alike[3]:.0f} %, but does not turn" in PROSE_04
    assert f"gone where both axes matter alike ({alike[5]:.0f} %)" in PROSE_04
    assert wilson(20 * alike[5], 2000)[0] < 0.5 < wilson(20 * alike[5], 2000)[1]
    assert f"the grid is ahead: random search wins only {alike[10]:.0f} %" in PROSE_04
    wide = wins(rounds(3, weight=1, width=0.1))
    assert f"the grid is ahead even with nine trials: {wide:.0f} %" in PROSE_04
    assert alike[3] > 55 and alike[10] < 45 and wide < 45


def test_the_scores_of_the_explorer_are_those_that_a_student_gets():
    """Four settings, 100 rounds each from the first round on; the last two differ over 2,000 rounds only."""
    settings = {
        "2 hyperparameters, 9 trials, centres": {"dimension": 2},
        "1 hyperparameter, 9 trials": {"dimension": 1},
        "4 hyperparameters, 81 trials, centres": {"dimension": 4, "trials": 81},
        "the same, ticks at the ends": {"dimension": 4, "trials": 81, "rule": "ends"},
    }
    for row, changed in settings.items():
        contest = Contest(importance=0.1, trials=9, rule="centres")
        contest.change(**changed)
        contest.play(100)
        assert f"| {row} | {contest.wins['grid']} | {contest.wins['random']} |" in PROSE_04
    long = [Contest(0.1, 4, 81, rule) for rule in ("centres", "ends")]
    for contest in long:
        contest.play(2000)
    centres, ends = (contest.wins["grid"] / 20 for contest in long)
    assert (
        f"the grid wins {centres:.0f} % with ticks in the centres and {ends:.0f} % with ticks at the ends"
    ) in PROSE_04


def test_lesson_04_quotes_the_formula_of_random_search():
    needed = [next(n for n in range(1, 1000) if 1 - (1 - share) ** n >= 0.95) for share in (0.05, 0.01)]
    sixty = 100 * (1 - 0.95**60)
    assert (
        f"{needed[0]} trials are enough for the best 5 % (people say 60, which gives {sixty:.1f} %), "
        f"and {needed[1]} for the best 1 %"
    ) in PROSE_04
    assert f"{needed[0]} trials for the best 5 %, {needed[1]} for the best 1 %" in PROSE_04
    corners = bergstra.targets(5, "box", TARGETS, 0)
    drawn = [bergstra.hit_rate(np.random.default_rng(seed).random((243, 5)), *corners) for seed in (1, 2, 3)]
    assert ("{:.3f}, {:.3f} and {:.3f} beside the ".format(*drawn) + f"{1 - 0.99**243:.3f} of the formula") in PROSE_04
    assert f"and that 125 random trials hit only {100 * (1 - 0.99**125):.0f} % of them" in PROSE_04
    assert f"on five axes 2⁵ = 32, where random search hits {100 * (1 - 0.99**32):.0f} %" in PROSE_04


def test_lesson_04_quotes_figure_8_as_it_comes_out():
    ends, centres, inside = (even_grid_hits(243, 5, "box", rule) for rule in ("ends", "centres", "inside"))
    assert f"the centred grid hits {centres:.2f} of the boxes, where random search hits {1 - 0.99**243:.2f}" in PROSE_04
    assert f"{ends:.2f} of the boxes and {even_grid_hits(243, 5, 'cube', 'ends'):.2f} of the cubes" in PROSE_04
    assert f"With its ticks inside it hits {inside:.2f} of the boxes, and every cube too" in PROSE_04
    assert f"that is how {centres:.2f} became {ends:.2f}" in PROSE_04
    assert 1.96 * 0.5 / TARGETS**0.5 < 0.007
    for trials, dimension, rule in ((243, 5, "centres"), (125, 3, "centres"), (32, 5, "inside"), (64, 3, "inside")):
        assert even_grid_hits(trials, dimension, "cube", rule) == 1
    few = [even_grid_hits(8, 5, "box", rule) for rule in ("centres", "inside")]
    assert (
        f"hit {few[0]:.2f} of the boxes if they stand in the centres, and {few[1]:.2f} if they stand inside"
    ) in PROSE_04
    for dimension, shape in itertools.product((3, 5), ("cube", "box")):
        assert even_grid_hits(8, dimension, shape, "centres") > 1 - 0.99**8


def test_from_128_trials_on_random_search_beats_every_grid_in_boxes():
    """With 64 the ticks inside are ahead in three dimensions, and random search in five."""
    assert "From 128 trials on random search is ahead in both panels with boxes" in PROSE_04
    for dimension, trials in itertools.product((3, 5), (128, 243, 512)):
        corners = bergstra.targets(dimension, "box", TARGETS, 0)
        assert bergstra.best_grid_hit_rate(trials, *corners, "inside")[0] < 1 - 0.99**trials
    three, five, dice = even_grid_hits(64, 3, "box", "inside"), even_grid_hits(64, 5, "box", "inside"), 1 - 0.99**64
    assert f"still ahead on three axes, {three:.2f} to {dice:.2f}, and behind on five, {five:.2f}" in PROSE_04
    assert five < dice < three


def test_lesson_04_quotes_ticks_and_sobol_points_as_they_come_out():
    low = np.random.default_rng(0).random(TARGETS) * 0.9
    stand = {"ends": (0, 0.5, 1), "centres": (1 / 6, 0.5, 5 / 6), "inside": (0.25, 0.5, 0.75)}
    three = {
        rule: np.mean([any(value <= tick <= value + 0.1 for tick in ticks) for value in low])
        for rule, ticks in stand.items()
    }
    drawn = np.mean([bergstra.narrow_peak_hits(layouts.unit_random(3, 1, seed), 0.1, seed=0) for seed in range(1, 301)])
    assert (
        f"probability {three['ends']:.2f} if they stand at the ends, {three['centres']:.2f} if they stand in the "
        f"centres or inside, and {drawn:.2f} if they are drawn at random"
    ) in PROSE_04
    assert f"{three['centres']:.2f}" == f"{three['inside']:.2f}"
    rate, _ = bergstra.figure_8("sobol", 5, "box", 256, repeats=40, count=500)
    needed = next(n for n in range(1, 1000) if 1 - 0.99**n >= rate)
    assert f"256 of them hit {rate:.3f} of the targets, for which random search would need {needed} trials" in PROSE_04
    assert needed / 256 == pytest.approx(4 / 3, abs=0.05)
    assert f"the formula says {1 - 0.99**64:.3f} and {1 - 0.99**256:.3f}" in PROSE_04
    rate, _ = bergstra.figure_8("sobol", 5, "box", 64, repeats=40, count=500)
    needed = next(n for n in range(1, 1000) if 1 - 0.99**n >= rate)
    assert f"64 of them do the work of {needed} random trials, a sixth more" in PROSE_04
    assert needed / 64 == pytest.approx(7 / 6, abs=0.02)
    rate, error = bergstra.figure_8("latin_hypercube", 5, "box", 64, repeats=40, count=500)
    assert f"with 64 trials it hits {rate:.3f}, about four standard errors above the {1 - 0.99**64:.3f}" in PROSE_04
    assert (rate - 1 + 0.99**64) / error == pytest.approx(4, abs=0.5)
    assert next(n for n in range(1, 1000) if 1 - 0.99**n >= rate) == 64 + 4 and "worth 4 more trials" in PROSE_04


def test_lesson_04_quotes_ticks_of_learning_rates_as_they_come_out():
    """The four of the colleague are the centres of a wider space; the first of 40 linear ticks is far from the end."""
    four = [1e-4 * 1000 ** ((i + 0.5) / 4) for i in range(4)]
    assert "about {:.2g}, {:.2g}, {:.2g} and {:.2g}".format(*four) in PROSE_04
    wide = layouts.grid({"lr": domains.loguniform(10**-4.5, 10**-0.5)}, 4, "centres")
    assert [config["lr"] for config in wide] == pytest.approx([0.0001, 0.001, 0.01, 0.1])
    assert f"from {10**-4.5:.0g} to {10**-0.5:.1g}".replace("3e-05", "0.00003") in PROSE_04
    first = 1e-4 + 0.5 / 40 * (1e-1 - 1e-4)
    assert f"would stand at about {first:.4f}" in PROSE_04
    assert 1 / 3 < np.log(first / 1e-4) / np.log(1e-1 / 1e-4) < 0.4


# -- lesson 04 and its solutions: what they observe is what the cells before it have printed ---------------------------

# Said in observations and printed nowhere: settings, and what the tests above compute.
CONSTANTS = {"1.1", "95", "2", "0.001", "0.01", "0.02", "0.99", "0.215", "0.007", "95.4", "0.474", "0.924"}
NUMBER = re.compile(r"(\d+\.\d+)|(\d+)(?= %)")


def printed(cells):
    """The numbers in the stored output of these cells, those of 67% among them."""
    text = "\n".join("".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ()))
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e-\d+)?", text)]


def observations(lesson):
    """Each paragraph that observes something, and the cells that it may speak of: the six of code before it."""
    for place, cell in enumerate(lesson["cells"]):
        if cell["cell_type"] == "markdown":
            before = [other for other in lesson["cells"][:place] if other["cell_type"] == "code"][-6:]
            for paragraph in "".join(cell["source"]).split("\n\n"):
                if "**We observe**" in paragraph:
                    yield paragraph, before


@pytest.mark.parametrize("lesson", [LESSON_04, SOLUTIONS_04], ids=["lesson", "solutions"])
def test_what_is_observed_was_printed_before(lesson):
    """Each number with a point, and each percentage, is one of the printed numbers, rounded."""
    found = list(observations(lesson))
    assert len(found) >= 6
    for paragraph, cells in found:
        known = printed(cells)
        for number, percentage in NUMBER.findall(paragraph):
            quoted, scales = (number, (1,)) if number else (percentage, (1, 100))
            digits = len(quoted.partition(".")[2])
            same = any(f"{scale * value:.{digits}f}" == quoted for value in known for scale in scales)
            assert same or quoted in CONSTANTS, (quoted, paragraph)


def test_every_picture_of_lesson_04_is_followed_by_an_observation():
    """One of the four cells after it observes something."""
    sources = ["".join(cell["source"]) for cell in LESSON_04["cells"]]
    drawing = [i for i, source in enumerate(sources) if "plt.subplots(" in source or "ax = plots." in source]
    assert len(drawing) >= 7
    for place in drawing:
        assert any("**We observe**" in source for source in sources[place + 1 : place + 5]), sources[place]


# -- lesson 04: verdicts that rest on the recorded trials follow the intervals that are printed ------------------------


def output_of(*words):
    """The stored output of the one cell of lesson 04 whose source has all these words."""
    found = [
        cell
        for cell in LESSON_04["cells"]
        if cell["cell_type"] == "code" and all(word in "".join(cell["source"]) for word in words)
    ]
    assert len(found) == 1, words
    return "".join("".join(output.get("text", "")) for output in found[0]["outputs"])


def intervals(text):
    """Each 'difference [low, high]' of a text."""
    return [tuple(map(float, found)) for found in re.findall(r"([+-]?[\d.]+) \[([+-]?[\d.]+), ([+-]?[\d.]+)\]", text)]


def minus(number):
    return f"{number:.1f}".replace("-", "−")


def test_the_answers_to_the_quiz_of_lesson_04_are_those_of_an_experiment():
    questions = load(ROOT / "notebooks" / "quiz" / "04.toml")
    assert questions["values-tried"].answer == len({rate for rate, *_ in itertools.product(range(3), repeat=5)})
    lucky = np.random.default_rng(0).random((20_000, 60)).min(axis=1) < 0.01
    assert questions["sixty"].answer == pytest.approx(100 * lucky.mean(), abs=1)
    assert questions["shadows"].answer == len({rate for rate, _ in itertools.product(range(3), repeat=2)})


def test_the_lesson_says_of_the_match_what_its_interval_says():
    """Two hyperparameters: the difference random minus grid, its interval, and the share of pairs."""
    match = output_of("final_score", "analysis.compare")
    ((difference, low, high),) = intervals(match)
    (share,) = re.findall(r"better in (\d+)% of 100 pairs", match)
    assert high < 0 and f"by {-difference:.1f} points on average" in PROSE_04
    assert f"the interval of the difference, {minus(low)} to {minus(high)}, excludes 0" in PROSE_04
    assert f"in {share} % of the pairs random search was ahead" in PROSE_04


def test_without_the_batch_size_the_grid_has_no_lead():
    """The control of the likely reason: with sizes 2 and 4 random search is ahead, with 8 and 16 nobody can tell."""
    gaps = dict(zip((2, 4, 8, 16), intervals(output_of("batch_size=size")), strict=True))
    assert all(gap > 0 for gap, *_ in gaps.values())
    assert [size for size, (_, low, _) in gaps.items() if low > 0] == [2, 4]
    assert f"with sizes 2 and 4 random search is ahead, by {gaps[2][0]:.1f} and {gaps[4][0]:.1f} points" in PROSE_04


def test_the_best_rate_grows_with_the_batch_size():
    rates = [float(rate) for rate in re.findall(r"best rate ([\d.e-]+),", output_of('best("accuracy", "max")'))]
    assert rates == sorted(rates) and len(set(rates)) == len(rates) == 4
    assert f"from {rates[0]:.4f} at size 2 to {rates[-1]:.2g} at size 16" in PROSE_04


def test_no_layout_is_told_from_random_search_on_two_hyperparameters():
    gaps = intervals(output_of("layouts_tried"))
    assert len(gaps) == 3 and all(low < 0 < high for _, low, high in gaps)
    least, most = min(gaps)[0], max(gaps)[0]
    assert f"gaps between {least:+.1f} and {most:+.1f} points, and that all three intervals contain 0" in PROSE_04


def test_idle_hyperparameters_cost_the_grid_and_not_random_search():
    random, grid = intervals(output_of("scores[name].mean()"))
    assert f"(+{random[0]:.1f} points, interval {minus(random[1])} to +{random[2]:.1f})" in PROSE_04
    assert random[1] < 0 < random[2] and grid[2] < 0
    assert f"has lost {-grid[0]:.1f} points, and its interval, {minus(grid[1])} to {minus(grid[2])}," in PROSE_04
    ((ahead, low, _),) = intervals(output_of("shifted_grid(wide", "analysis.compare"))
    assert f"random search is ahead of it by {ahead:.1f} points" in PROSE_04 and low > 0


def test_where_a_single_grid_stands_is_luck():
    """The centred one wins, the one inside comes last; both are grids of two ticks on four axes."""
    text = output_of("still=still")
    reached = {rule: float(value) for rule, value in re.findall(r"(\w+) +rates .*?: ([\d.]+) %", text)}
    gaps = dict(zip(reached, intervals(text), strict=True))
    assert gaps["centres"][1] > 0 > gaps["inside"][2] and min(reached, key=reached.get) == "inside"
    assert f"*wins*: {reached['centres']} %, {gaps['centres'][0]:.1f} points ahead" in PROSE_04
    assert f"other rates and gets {reached['inside']} %" in PROSE_04
    best = re.findall(r"size 16: best rate ([\d.]+)", output_of('best("accuracy", "max")'))
    assert f"one, {best[0]}, happens to be the very best one of batch size 16" in PROSE_04
    assert f"centres rates {best[0]} and" in text


def test_the_lesson_counts_the_single_comparisons_that_mislead_and_their_price():
    text, hours = output_of("one pair alone"), output_of("seconds_used")
    (wrong,) = re.findall(r"names the grid in (\d+)%", text)
    assert 10 <= int(wrong) < 50 and f"the wrong story in {wrong} % of the cases" in PROSE_04
    verdicts = dict(re.findall(r"after +(\d+) pairs: .*: (.*)", text))
    assert verdicts == dict.fromkeys(("3", "5", "10"), "cannot be told") | dict.fromkeys(
        ("30", "100"), "random search is better"
    )
    (price,) = re.findall(r"100 pairs: ([\d.]+) hours", hours)
    assert f"100 pairs would have taken {price} hours" in PROSE_04
    (noise,) = re.findall(r"seed to seed ([\d.]+) points", output_of("training_noise"))
    (moon, *_), (two, *_) = (
        intervals(output_of(*words))[0]
        for words in (("shifted_grid(wide", "analysis.compare"), ("final_score", "analysis.compare"))
    )
    assert abs(two) < float(noise) < moon and f"by about {noise} points from seed to seed" in PROSE_04
    assert (
        f"The {moon:.1f} points of the moon are more than that, the {-two:.1f} points of the two hyperparameters "
        "are less"
    ) in PROSE_04


def test_the_quiz_agrees_with_the_recorded_trials():
    """The prediction about the moon names the choice that the stored comparison names: random search is ahead."""
    (right,) = (choice.text for choice in load(ROOT / "notebooks" / "quiz" / "04.toml")["moon"].choices if choice.right)
    assert right == "Random search stays as good as before, the grid gets worse"
    assert any(f'right = "{right}"' in "".join(cell["source"]) for cell in LESSON_04["cells"])
