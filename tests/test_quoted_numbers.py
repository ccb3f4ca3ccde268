"""Numbers that stand in prose are those that were measured: each is computed again from the record it came from."""

import json
from pathlib import Path

import pytest

from hpt_lessons.analysis.statistics import wilson
from hpt_lessons.trials import Journal, Trials

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "tests" / "reference" / "search_on_cifar10_jpeg_copy.jsonl"
README = (ROOT / "README.md").read_text(encoding="utf-8")
LESSON = json.loads((ROOT / "notebooks" / "09_ray_tune_cifar.ipynb").read_text(encoding="utf-8"))
PROSE = "\n".join("".join(cell["source"]) for cell in LESSON["cells"] if cell["cell_type"] == "markdown")


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
