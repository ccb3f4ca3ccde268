"""Is this what belongs here? Counts, shares and seeds, looked at where a call begins.

An error names the argument, the value and what was expected; whatever was called has changed nothing yet.
"""

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

Seed = int | np.random.Generator | None


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`, as a plain int; else a ValueError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r:.80}: a whole number of at least {least} was expected.")
    return int(value)


def share(name: str, value: Any, *, whole_too: bool = True) -> float:
    """A share above 0 and at most 1 (below 1 unless `whole_too`), as a float; else a ValueError."""
    good = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not good or not 0 < value <= 1 or (value == 1 and not whole_too):
        most = "at most" if whole_too else "below"
        raise ValueError(f"{name}={value!r:.80}: a share above 0 and {most} 1 was expected, such as 0.5.")
    return float(value)


def above_zero(name: str, value: Any) -> float:
    """A finite number above 0, as a float; else a ValueError."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name}={value!r:.80}: a number above 0 was expected, such as 0.5.")
    return float(value)


def generator(seed: Any) -> np.random.Generator:
    """The random numbers of a seed: a whole number of at least 0, a Generator itself, or None for ever new ones.

    A list of such numbers is a seed of its own, as in numpy. ValueError for anything else.
    """
    if seed is None or isinstance(seed, np.random.Generator):
        return np.random.default_rng(seed)
    parts = seed if isinstance(seed, (list, tuple)) else [seed]
    if all(isinstance(part, Integral) and not isinstance(part, bool) and part >= 0 for part in parts):
        return np.random.default_rng(seed)
    raise ValueError(
        f"seed={seed!r:.80}: a whole number of at least 0, a numpy Generator, or None (other numbers each time) "
        "was expected."
    )
