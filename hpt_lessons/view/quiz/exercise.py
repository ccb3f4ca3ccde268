"""Is my exercise right? Checks that say so in a line, and never stop the notebook."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np


def check(function: Callable, cases: Sequence[tuple[tuple, Any]], tolerance: float = 1e-9) -> None:
    """Print "right", or "not yet, because ..." for the first case that is not as expected.

    A case has the arguments, a tuple, and what is expected of them. Numbers may be off by `tolerance`, absolute or
    relative, also those in lists, dictionaries and arrays.
    """
    name = getattr(function, "__name__", repr(function))
    for arguments, expected in cases:
        call = f"{name}({', '.join(map(_short, arguments))})"
        try:
            found = function(*copy.deepcopy(arguments))
            wrong = None if same(found, expected, tolerance) else f"gives {_short(found)}, not {_short(expected)}"
        except Exception as error:  # whatever the student's code does
            wrong = _raised(error)
        if wrong:
            _say(f"not yet, because {call} {wrong}")
            return
    _say("right")


def check_that(condition: Any, because: str) -> None:
    """Print "right" if the condition holds, else "not yet, because ..." with the reason that is given.

    A condition that may fail, as `best > 0.5` does where `best` is still missing, is given as a function:
    `check_that(lambda: best > 0.5, "...")`.
    """
    try:
        holds = bool(condition() if callable(condition) else condition)
    except Exception as error:  # whatever the student's code does
        _say(f"not yet, because the check {_raised(error)}; {because}")
        return
    _say("right" if holds else f"not yet, because {because}")


def same(found: Any, expected: Any, tolerance: float) -> bool:
    """Whether two results are equal, numbers in them within the tolerance."""
    if isinstance(expected, Mapping):
        keys = isinstance(found, Mapping) and found.keys() == expected.keys()
        return keys and all(same(found[key], expected[key], tolerance) for key in expected)
    if isinstance(expected, (list, tuple)):
        alike = isinstance(found, (list, tuple, np.ndarray)) and len(found) == len(expected)
        return alike and all(map(lambda one, other: same(one, other, tolerance), found, expected))
    if isinstance(expected, (bool, str, set)) or expected is None:
        return type(found) in (type(expected), np.bool_) and bool(found == expected)
    if found is None or found is Ellipsis or np.shape(found) != np.shape(expected):
        return False
    if np.issubdtype(np.asarray(expected).dtype, np.number):
        if np.asarray(found).dtype.kind not in "iufcb":
            return False
        return bool(np.allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True))
    return bool(np.all(found == expected))


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _raised(error: Exception) -> str:
    words = str(error).splitlines()
    return f"stops with {type(error).__name__}{': ' + words[0] if words else ''}"


def _say(words: str) -> None:
    print(" ".join(words.split()))
