"""What a search says of itself in one line, from before Ray is loaded to its end; without Ray."""

import re

import pytest

from hpt_lessons.raytune.study import _ProgressLine
from hpt_lessons.search.searchers import Listed
from hpt_lessons.study.control import Control
from hpt_lessons.study.state import StudyState


@pytest.fixture
def line(monkeypatch):
    monkeypatch.setenv("HPT_LESSONS_PROGRESS", "plain")
    return _ProgressLine(3 * 4, Control(), enabled=True)


def train(state, losses):
    """Each trial reports its loss after every epoch until it ends."""
    while name := state.next_trial():
        for epoch in range(1, 5):
            state.result(name, epoch, {"loss": losses[name], "seconds": 1.0})


def test_what_is_waited_for_is_said_before_anything_is_known_of_the_search(line):
    with pytest.raises(KeyError), line:
        assert line.bar.words() == "0/12 epochs, loading Ray ..." and line.control.stage == "loading Ray ..."
        line.waits_for("starting Ray ...")
        assert line.bar.words().endswith("starting Ray ...") and line.control.stage == "starting Ray ..."
        line.control.working.set()
        assert line.control.stage == ""
        raise KeyError
    assert "interrupted" not in line.bar.words() and "failed" in line.bar.words()


@pytest.mark.parametrize(("default", "word"), [(1.0, "better"), (3.0, "worse")])
def test_the_line_ends_with_the_best_and_with_the_untuned_default(line, default, word):
    state = StudyState(None, Listed([{"x": 1}, {"x": 2}]), None, 4, fixed={"default": {"x": 0}})
    with line:
        line.state = state
        line.begin(slots=2)
        assert line.bar.words() == "0/12 epochs, loading Ray ..."
        train(state, {"default": default, "0000": 2.5, "0001": 2.0})
        assert line.bar.words().endswith("best 2.000, 2/2 trials, 0 running, 0 stopped early")
    assert re.fullmatch(
        r"12/12 epochs, took .*, 2 trials and the untuned default, 0 stopped early; best 0001, loss 2\.000; "
        rf"the untuned default is {word}: {default:.3f}",
        line.bar.words(),
    )
