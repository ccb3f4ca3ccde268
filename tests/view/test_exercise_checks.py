"""An exercise is told in one line whether it is right, and nothing stops the notebook."""

import numpy as np
import pytest

from hpt_lessons.view.quiz.exercise import check, check_that, same


def double(number):
    return 2 * number


def unsolved(number):
    """For example `unsolved(2)` is 4."""
    ...


def broken(number):
    raise ValueError("first line\nsecond line")


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (double, "right"),
        (unsolved, "not yet, because unsolved(2) gives None, not 4"),
        (broken, "not yet, because broken(2) stops with ValueError: first line"),
        (lambda: 4, "not yet, because <lambda>(2) stops with TypeError"),
        (..., "not yet, because Ellipsis(2) stops with TypeError: 'ellipsis' object is not callable"),
        (lambda number: 4, "not yet, because <lambda>(3) gives 4, not 6"),
    ],
)
def test_a_function_is_right_or_not_yet(function, line, capsys):
    check(function, [((2,), 4), ((3,), 6)])
    said = capsys.readouterr().out
    assert said.startswith(line) and said.count("\n") == 1


def test_a_check_leaves_its_cases_as_they_are(capsys):
    """Whoever sorts the list in place, or draws from the generator, gets the same at the next check."""
    cases = [(([3, 1], np.random.default_rng(0)), 1)]

    def least(values, generator):
        values.sort()
        generator.random()
        return values.pop(0)

    for _ in range(2):
        check(least, cases)
    assert capsys.readouterr().out == "right\nright\n" and cases[0][0][0] == [3, 1]


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        (True, "right"),
        (np.bool_(True), "right"),
        (lambda: 1 < 2, "right"),
        (False, "not yet, because the mean is missing"),
        (lambda: ... > 2, "not yet, because the check stops with TypeError"),
        (lambda: undefined, "not yet, because the check stops with NameError"),  # noqa: F821
        (np.array([True, False]), "not yet, because the check stops with ValueError"),
    ],
)
def test_a_condition_is_right_or_says_why_not(condition, line, capsys):
    check_that(condition, "the mean is missing")
    said = capsys.readouterr().out
    assert said.startswith(line) and said.count("\n") == 1
    assert said.startswith("right") or "the mean is missing" in said


@pytest.mark.parametrize(
    ("found", "expected", "equal"),
    [
        (1.0 + 1e-12, 1, True),
        (1.1, 1, False),
        (1e12 + 1, 1e12, True),
        (float("nan"), float("nan"), True),
        ([1, (2.0, "a")], [1, (2, "a")], True),
        ((1, 2), [1, 2], True),
        ([1, 2], [1, 2, 3], False),
        (1, [1], False),
        (np.array([1.0, 2.0]), [1, 2], True),
        ([1.0, 2.0], np.array([1, 2]), True),
        ([1.0], np.array([1, 1]), False),
        ({"lr": 0.1 + 1e-12}, {"lr": 0.1}, True),
        ({"lr": 0.1}, {"lr": 0.1, "l1": 4}, False),
        ("adam", "adam", True),
        (..., 4, False),
        (None, 0, False),
        (0, None, False),
        (1, True, False),
        (np.bool_(True), True, True),
        ("4", 4, False),
        ({1, 2}, {2, 1}, True),
    ],
)
def test_results_are_compared_as_a_person_would(found, expected, equal):
    assert same(found, expected, 1e-9) is equal
