"""Ticks: how many values of each axis does a grid of so many trials have, and which?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hpt_lessons import checks
from hpt_lessons.search.domains import Domain, describe, value_at
from hpt_lessons.search.space_mistakes import mistake

RULES = ("ends", "centres", "inside")  # where the ticks of a grid stand


def even_ticks(most: Sequence[float], trials: int, least: Sequence[int] | None = None) -> tuple[int, ...]:
    """The most even affordable grid: ticks for each axis, whose product is at most `trials`.

    One tick more at a time for the axis that has fewest and can still be paid for, the first of several. `most` and
    `least` bound the ticks of each axis: `math.inf` for a real number, the length of a list on both sides where a list
    is to be taken whole. ValueError where even the least are too many.

    >>> even_ticks([math.inf] * 2, 8), even_ticks([math.inf] * 2, 15), even_ticks([math.inf, 3, 4], 60)
    ((4, 2), (5, 3), (5, 3, 4))
    """
    ticks = [1] * len(most) if least is None else list(least)
    if math.prod(ticks) > trials:
        raise ValueError(
            f"a grid of at most {trials} trials: the smallest one has {math.prod(ticks)} "
            f"({' x '.join(map(str, ticks))}).\nRaise the number of trials, or fix some hyperparameters to one value."
        )
    while True:
        for place in sorted(range(len(ticks)), key=ticks.__getitem__):
            points = math.prod(ticks) // ticks[place] * (ticks[place] + 1)
            if ticks[place] < most[place] and points <= trials:
                ticks[place] += 1
                break
        else:
            return tuple(ticks)


def grid_points(domain: Any, ticks: int, rule: str = "ends", scale: str | None = None) -> list[Any]:
    """Values of one domain for a grid, smallest first.

    `rule` puts the ticks at the "ends" of the range and evenly between, in the "centres" of equal cells, or "inside",
    as far from the ends as from each other; `scale` ("linear" or "log") overrules the domain's own. Names and switches,
    and lists to go through, are taken whole, whatever `ticks` says. Fewer values come back where the domain has fewer.
    A normal domain has no ends: centres.
    """
    read = describe(domain)
    if read is None:
        raise ValueError(f"grid points of {domain!r}: a domain such as tune.uniform(0, 1) was expected")
    if rule not in RULES:
        raise ValueError(f"rule {rule!r}: 'ends', 'centres' or 'inside' was expected")
    checks.whole("ticks", ticks)
    if taken_whole(read):
        return list(read.values)
    read = _rescaled(read, scale)
    if rule == "ends" and (read.normal or ticks == 1):
        rule = "centres"
    points = [value_at(read, u) for u in _positions(ticks, rule)]
    if not read.categorical and not read.integer and read.q is None:
        points = [float(f"{value:.12g}") for value in points]  # 0.001, not 0.0010000000000000002
    return list(dict.fromkeys(points))


def taken_whole(domain: Domain) -> bool:
    """Whether a grid has all values of this domain: a list to go through, names and switches."""
    return domain.kind == "grid_search" or (domain.kind == "choice" and not domain.ordered)


def _positions(ticks: int, rule: str) -> np.ndarray:
    """Where the ticks stand along an axis from 0 to 1."""
    if rule == "ends":
        return np.linspace(0, 1, ticks)
    return (np.arange(ticks) + 0.5) / ticks if rule == "centres" else np.arange(1, ticks + 1) / (ticks + 1)


def _rescaled(domain: Domain, scale: str | None) -> Domain:
    """The domain on a linear or a logarithmic scale."""
    if scale not in (None, "linear", "log"):
        raise ValueError(f"scale {scale!r}: 'linear', 'log' or None was expected")
    if scale is None or domain.categorical or domain.normal or domain.log == (scale == "log"):
        return domain
    plain = domain.kind.replace("log", "")
    stem = plain.removeprefix("q")
    kind = plain if scale == "linear" else f"{'q' if plain != stem else ''}log{stem}"
    changed = replace(domain, kind=kind)
    text = mistake(changed)
    if text is not None:
        raise ValueError(f"grid points of {domain} on a {scale} scale: {text}")
    return changed
