"""Where along an axis do the numbers stand? One way for all pictures that are drawn as SVG."""

from __future__ import annotations

import math
from typing import Any

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
        found = [(u, _label(v)) for u, v in zip(places, values, strict=True) if u is not None]
        if len(found) > 1:
            return found
    values = [value_at(domain, u) for u in ((0.025, 0.5, 0.975) if domain.normal else (0.0, 0.5, 1.0))]
    return [(position_of(domain, value), _label(value)) for value in dict.fromkeys(values)]


def _place(domain: Domain, value: float) -> float | None:
    try:
        return position_of(domain, value)
    except ValueError:
        return None


def _label(value: Any) -> str:
    text = svg.short(value) if type(value) in (int, float) else str(value)
    return text if len(text) <= 10 else text[:9] + "…"


def ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers in a range."""
    rough = (high - low) / 5 or 1
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.8)
    return [float(f"{step * n:.6g}") for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
