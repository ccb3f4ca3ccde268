"""The search of lesson 00: real networks on a handful of random pictures."""

import subprocess
import sys

import pytest

from helpers.random_pictures import random_data
from hpt_lessons.search import domains, presets
from hpt_lessons.search.space import Space
from hpt_lessons.study.cifar import check_ends, search_cifar, trial_options
from hpt_lessons.study.control import Control

SPACE = {"l1": 8, "l2": 8, "lr": domains.loguniform(1e-3, 1e-1), "batch_size": domains.choice([16, 32])}
BAD = {"l1": 8, "l2": 8, "lr": 1e-5, "batch_size": 32}


def search(folder, **options):
    options = {"num_samples": 3, "max_epochs": 2, "default": BAD, "data": random_data(), "name": "mine", **options}
    return search_cifar(SPACE, folder=folder, **options)


def numbers(study):
    return {trial.name: (trial.config, trial.values("loss"), trial.values("accuracy")) for trial in study.trials}


def test_the_same_seed_gives_the_same_numbers_also_after_a_stop(tmp_path):
    """All that is random comes from the seeds: trials that take turns, or go on later, do not disturb each other."""
    whole = search(tmp_path / "whole")

    class StopAfter(Control):
        """Stops the search when it has been looked at so many times."""

        looks = 0

        def take(self):
            self.looks += 1
            if self.looks == 9:
                self.stop()
            return super().take()

    stopped = search(tmp_path / "parts", control=StopAfter())
    assert not stopped.finished and 0 < sum(trial.budget for trial in stopped.trials) < 8
    assert numbers(search(tmp_path / "parts", resume=True)) == numbers(whole)
    assert whole.trials["default"].config == BAD
    assert {trial.budget for trial in whole.trials} == {2} and whole.trials.data == random_data().name


def test_a_configuration_that_cannot_be_trained_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(ValueError, match="'lr' is 0"):
        search(tmp_path, default={**BAD, "lr": 0})
    with pytest.raises(ValueError, match="num_samples=0"):
        search(tmp_path, num_samples=0)
    assert not list(tmp_path.iterdir())


def test_a_search_and_its_view_open_without_torch_and_ray():
    code = (
        "import sys; from hpt_lessons.study import cifar, here, running; from hpt_lessons.view.live import widget;"
        "print([name for name in ('torch', 'ray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("make", presets.PRESETS.values())
def test_no_space_that_the_course_offers_is_refused(make):
    """In the classic one the widths are drawn by a function: nobody knows its ends."""
    check_ends(Space.of(make()), trial_options(4, 2, 0, None), seed=0)
