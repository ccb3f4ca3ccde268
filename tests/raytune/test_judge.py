"""Was it worth it? The sentence is fair in each case."""

import pytest

from hpt_lessons.raytune.judge import verdict
from hpt_lessons.trials import Trials


def trial(name: str, epochs: int = 4):
    events = [{"event": "study", "data": "x", "settings": {}}, {"event": "trial", "trial": name, "config": {}, "to": 4}]
    events += [{"event": "result", "trial": name, "epoch": n, "loss": 1.0} for n in range(1, epochs + 1)]
    return Trials.from_events(events)[name]


@pytest.mark.parametrize(
    ("correct", "begins", "then"),
    [
        (1400, "Tuning won: +20.0 points [+17.", "luck"),
        (600, "The default won: -20.0 points [-2", "time to leave guessing behind"),
        (1010, "Within noise: +0.5 points [-2.6, +3.6]", "repeat"),
    ],
)
def test_the_sentence_is_that_of_the_interval(correct, begins, then):
    said, following = verdict(trial("0003"), trial("default"), {"0003": (correct, 2000), "default": (1000, 2000)})
    assert said.startswith(begins) and said.endswith("after 4 epochs each.")
    assert following.startswith("Next: ") and then in following


def test_unequal_epochs_are_named():
    said, _ = verdict(trial("0003", 2), trial("default"), {"0003": (1400, 2000), "default": (1000, 2000)})
    assert "after 2 and 4 epochs" in said


def test_without_a_default_nothing_is_claimed():
    assert "no untuned default" in verdict(trial("0003"), None, {"0003": (1, 2)})[0]
