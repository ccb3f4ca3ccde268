"""How far does an axis go, and where along it do the numbers stand? One way for all pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hpt_lessons.search.domains import Domain, position_of, value_at
from hpt_lessons.view.look import svg


def marks(domain: Domain) -> list[tuple[float, str]]:
    """Places along an axis with the values that are written there."""
    if domain.categorical:
        count = len(domain.values)
        return [((i + 0.5) / count, _label(value)) for i, value in enumerate(domain.values)] if count <= 8 else []
    if domain.log:
        values = [int(v) if domain.integer else v for v in svg.decades(domain.lower, domain.upper)]
        places = [_place(domain, value) for value in values]
        found = [(u, v) for u, v in zip(places, values, strict=True) if u is not None]
        if len(found) > 1:
            return list(zip([u for u, _ in found], alike([v for _, v in found]), strict=True))
    values = [value_at(domain, u) for u in ((0.025, 0.5, 0.975) if domain.normal else (0.0, 0.5, 1.0))]
    return [(position_of(domain, value), _label(value)) for value in dict.fromkeys(values)]


def alike(values: Sequence[float], words: Sequence[str] | None = None) -> list[str]:
    """The numbers of one axis: where one is written with an exponent, all below 1 are. Empty `words` stay empty.

    >>> alike([1e-4, 1e-3, 0.01, 0.1, 1.0]), alike([0.01, 0.1, 1.0])
    (['1e-4', '1e-3', '1e-2', '1e-1', '1'], ['0.01', '0.1', '1'])
    """
    words = [svg.short(value) for value in values] if words is None else words
    if not any("e-" in word for word in words):
        return list(words)
    return [
        _with_exponent(value) if word and 0 < value < 1 else word for value, word in zip(values, words, strict=True)
    ]


def _with_exponent(value: float) -> str:
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _place(domain: Domain, value: float) -> float | None:
    try:
        return position_of(domain, value)
    except ValueError:
        return None


def _label(value: Any) -> str:
    text = svg.short(value) if type(value) in (int, float) else str(value)
    return text if len(text) <= 10 else text[:9] + "…"


def ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers in a range.

    >>> ticks(0.31, 2.4), ticks(0.0, 0.04)
    ([0.5, 1.0, 1.5, 2.0], [0.0, 0.01, 0.02, 0.03, 0.04])
    """
    rough = (high - low) / 5 or 1
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.8)
    return [float(f"{step * n:.6g}") for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def limits(values: Sequence[float], mode: str = "min") -> tuple[float, float]:
    """The ends of an axis for the sound values: all good ones, and not the few bad ones that would flatten the rest.

    With the mode "min" a value of more than three times the median leaves the plot. Losses of another kind may be
    negative, and three times a negative median would lie below all: the room above the median is then twice its size,
    or twice the way down to the smallest. With "max" the same holds upside down: no accuracy ever leaves.
    """
    known = [value if mode == "min" else -value for value in values if math.isfinite(value)]
    if not known:
        return 0.0, 1.0
    low, high, median = min(known), max(known), float(np.median(known))
    high = min(high, median + 2 * max(abs(median), median - low))
    if mode == "max":
        low, high = -high, -low
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room
